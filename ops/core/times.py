"""Times as a person types and reads them: one without an offset is local, and both are shown."""

import re
import time as wall_time
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, TypeAlias

Unit: TypeAlias = Literal["s", "m", "d"]
UNIT_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
DURATION_PATTERN: Final = re.compile(r"(?:\d+(?:\.\d+)?[smhd])+")
PART_PATTERN: Final = re.compile(r"(\d+(?:\.\d+)?)([smhd])")
DAY_NAMES: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
# A clock time, on a day or on none; its zone, if it has one, is behind it.
DAY_TIME_PATTERN: Final = re.compile(
    rf"(?P<day>today|yesterday|{'|'.join(DAY_NAMES)})?"
    r"(?:(?(day)[ T]+)(?P<clock>\d{1,2}:\d{2}(?::\d{2})?)\s*(?P<zone>Z|[+-]\d{2}:?\d{2})?)?",
    re.IGNORECASE,
)
DATE_PATTERN: Final = re.compile(r"[12]\d{7}")  # 20261130, which is no number of minutes
# Of a typed time. Outside these, a span before it or another zone's date may not be there.
FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 9998
ZONE_WORD_PATTERN: Final = re.compile(r"\s*(?:UTC|GMT)$", re.IGNORECASE)


class AmbiguousTimeError(ValueError):
    """A local time that is there twice, or never, because the clocks change."""


def parse_typed_time(text: str) -> datetime:
    """Parses a time in ISO 8601 that a person typed; without an offset it is this machine's.

    Returns it in UTC. Raises ValueError if it is no time of the years 1970 to 9998,
    AmbiguousTimeError if the clocks change then.
    """
    time = datetime.fromisoformat(text.replace("Z", "+00:00"))
    _require_year(time, text)
    if not has_offset(time):
        offsets = {time.replace(fold=fold).astimezone().utcoffset() for fold in (0, 1)}
        if len(offsets) > 1:
            raise AmbiguousTimeError(
                f"{text!r} is not one time here, as the clocks change: add the offset, like "
                f"{time.replace(fold=0).astimezone().isoformat(timespec='minutes')}"
            )
    return time.astimezone(UTC)


def parse_duration(text: str, unit: Unit = "m") -> float | None:
    """How many of a unit a text like 90s, 30m, 2h, 1d or 1h30m says, or None if it says none.

    A plain number is of that unit.
    """
    if DURATION_PATTERN.fullmatch(text):
        seconds = sum(float(n) * UNIT_SECONDS[unit] for n, unit in PART_PATTERN.findall(text))
        return seconds / UNIT_SECONDS[unit]
    return float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else None


def parse_past_time(text: str, now: datetime) -> datetime:
    """Parses a time up to now that a person typed, in UTC.

    It is `now`, how long ago it is (`15m`, `1h30m`; a plain number is minutes), a time of the day
    (`14:00`: the last one), `today`, `yesterday` or a weekday (the last one before today) with or
    without a time, or ISO 8601. `Z`, `UTC` or an offset may follow; without it is this machine's.
    Raises ValueError if it has no such form, AmbiguousTimeError if the clocks change then.
    """
    text = ZONE_WORD_PATTERN.sub("Z", text.strip().removesuffix(" ago"))
    if text.lower() == "now":
        return now.astimezone(UTC)
    minutes = None if DATE_PATTERN.fullmatch(text) else parse_duration(text)
    if minutes is not None:
        try:
            time = now.astimezone(UTC) - timedelta(minutes=minutes)
        except OverflowError:
            raise ValueError(f"{text!r} is longer ago than there are dates") from None
        _require_year(time, text)
        return time
    match = DAY_TIME_PATTERN.fullmatch(text)
    if match is None or not text:
        return parse_typed_time(text)
    day, zone = match["day"] or "", match["zone"] or ""
    return _find_day_time(day.lower(), match["clock"], zone.upper(), now)


def _require_year(time: datetime, text: str) -> None:
    if not FIRST_YEAR <= time.year <= LAST_YEAR:
        raise ValueError(f"{text!r} must be in the years {FIRST_YEAR} to {LAST_YEAR}")


def _find_day_time(day: str, clock: str | None, zone: str, now: datetime) -> datetime:
    """The time of a day. Without a day it is the last such time, without a clock midnight."""
    zone_info = datetime.fromisoformat(f"2000-01-01T00:00{zone}").tzinfo
    now_there = now.astimezone(zone_info)
    hour, _, rest = (clock or "0:00").partition(":")
    clock_text = f"{hour:0>2}:{rest}"
    days_ago = 0
    if day == "yesterday":
        days_ago = 1
    elif day in DAY_NAMES:
        days_ago = (now_there.weekday() - DAY_NAMES.index(day) - 1) % 7 + 1

    def build_time(days: int) -> datetime:
        date = (now_there - timedelta(days=days)).date()
        return parse_typed_time(f"{date}T{clock_text}{zone}")

    time = build_time(days_ago)
    return build_time(1) if not day and time > now else time


def has_offset(time: datetime) -> bool:
    """True if it says which zone it is of."""
    return time.utcoffset() is not None


def parse_aws_time(text: object) -> datetime:
    """A time as AWS answers it."""
    return datetime.fromisoformat(str(text).replace("Z", "+00:00"))


def format_utc(seconds: float) -> str:
    """Formats seconds since the epoch in ISO 8601: `2026-11-30T02:05:00Z`."""
    return wall_time.strftime("%Y-%m-%dT%H:%M:%SZ", wall_time.gmtime(seconds))


def format_utc_minute(seconds: float) -> str:
    """Formats seconds since the epoch for a sentence: `2026-11-30 02:05 UTC`."""
    return wall_time.strftime("%Y-%m-%d %H:%M UTC", wall_time.gmtime(seconds))


def format_aws_minute(text: object) -> str:
    """Formats a time as AWS answers it for a sentence: `2026-11-30 02:05 UTC`."""
    return format_utc_minute(parse_aws_time(text).timestamp())


def format_local_second(time: datetime) -> str:
    """Formats a time of a table as this machine's: `2026-11-30 03:05:09 CET`."""
    return f"{time.astimezone():%Y-%m-%d %H:%M:%S %Z}"


def format_local_and_utc(time: datetime) -> str:
    """Formats a time as this machine's and in UTC: `2026-11-30 03:05 CET (02:05 UTC)`."""
    local_time, utc_time = time.astimezone(), time.astimezone(UTC)
    if local_time.utcoffset() == utc_time.utcoffset():
        return f"{utc_time:%Y-%m-%d %H:%M} UTC"
    utc_form = "%H:%M UTC" if local_time.date() == utc_time.date() else "%Y-%m-%d %H:%M UTC"
    return f"{local_time:%Y-%m-%d %H:%M %Z} ({utc_time.strftime(utc_form)})"


def describe_typed_time(option: str, text: str, time: datetime) -> str | None:
    """Says how a time without an offset was taken; None if it has one."""
    try:
        if has_offset(datetime.fromisoformat(text.replace("Z", "+00:00"))):
            return None
    except ValueError:
        return None
    return f"{option} {text} has no time zone and is taken as local: {format_local_and_utc(time)}"
