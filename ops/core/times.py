"""Times as a person types and reads them: one without an offset is local, and both are shown."""

import time as wall_time
from datetime import UTC, datetime


class AmbiguousTimeError(ValueError):
    """A local time that is there twice, or never, because the clocks change."""


def parse_typed_time(text: str) -> datetime:
    """Parses a time in ISO 8601 that a person typed; without an offset it is this machine's.

    Returns it in UTC. Raises ValueError if it is no time, AmbiguousTimeError if the clocks change
    then.
    """
    time = datetime.fromisoformat(text.replace("Z", "+00:00"))
    if not has_offset(time):
        offsets = {time.replace(fold=fold).astimezone().utcoffset() for fold in (0, 1)}
        if len(offsets) > 1:
            raise AmbiguousTimeError(
                f"{text!r} is not one time here, as the clocks change: add the offset, like "
                f"{time.replace(fold=0).astimezone().isoformat(timespec='minutes')}"
            )
    return time.astimezone(UTC)


def has_offset(time: datetime) -> bool:
    """True if it says which zone it is of."""
    return time.utcoffset() is not None


def format_utc(seconds: float) -> str:
    """Formats seconds since the epoch in ISO 8601: `2026-11-30T02:05:00Z`."""
    return wall_time.strftime("%Y-%m-%dT%H:%M:%SZ", wall_time.gmtime(seconds))


def format_utc_minute(seconds: float) -> str:
    """Formats seconds since the epoch for a sentence: `2026-11-30 02:05 UTC`."""
    return wall_time.strftime("%Y-%m-%d %H:%M UTC", wall_time.gmtime(seconds))


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
