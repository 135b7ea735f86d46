"""`--since` and `--until`: the time that a look is about, as a person types it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, TypeAlias

import typer

from ops.cli.durations import format_duration
from ops.core.errors import UsageError
from ops.core.times import (
    AmbiguousTimeError,
    format_local_and_utc,
    format_utc,
    parse_past_time,
)

FORMS_TEXT: Final = (
    "how long ago (15m, 2h, 1d), a time (14:00, yesterday 14:00), or ISO 8601; local unless a zone "
    "follows"
)
SinceOption: TypeAlias = Annotated[
    str | None, typer.Option("--since", metavar="TIME", help=f"from then on: {FORMS_TEXT}")
]
UntilOption: TypeAlias = Annotated[
    str | None, typer.Option("--until", metavar="TIME", help="until then, likewise; default: now")
]


@dataclass(frozen=True)
class TimeSpan:
    """What a look is about, UTC. `is_until_now` is set unless an end was typed."""

    since: datetime
    until: datetime
    is_until_now: bool

    @property
    def seconds(self) -> float:
        """How long it is."""
        return (self.until - self.since).total_seconds()

    @property
    def since_milliseconds(self) -> int:
        """Its start in milliseconds since the epoch, as CloudWatch Logs has them."""
        return int(self.since.timestamp() * 1000)

    @property
    def until_milliseconds(self) -> int:
        """Its end in milliseconds since the epoch."""
        return int(self.until.timestamp() * 1000)

    def describe(self) -> str:
        """Says it for a person, with the zone: `2026-11-30 14:00 CET (13:00 UTC) to now`."""
        end = "now" if self.is_until_now else format_local_and_utc(self.until)
        return f"{format_local_and_utc(self.since)} to {end}"

    def build_json(self) -> dict[str, str]:
        """Its fields for `--output json`."""
        since, until = self.since.timestamp(), self.until.timestamp()
        return {"since": format_utc(since), "until": format_utc(until)}


def parse_time_span(
    since: str | None,
    until: str | None,
    now: datetime,
    *,
    default: str,
    maximum_days: float | None = None,
) -> TimeSpan:
    """Parses --since, which is `default` before the end unless typed, and --until.

    How times without a zone were taken is in `TimeSpan.describe`, which a look shows. Raises
    UsageError unless both are times that are past, one after the other, and not farther apart than
    `maximum_days`.
    """
    now = now.astimezone(UTC)
    until_time = now if until is None else _parse_time("--until", until, now)
    since_time = parse_past_time(default, until_time)
    if since is not None:
        since_time = _parse_time("--since", since, now)
    if since_time >= until_time:
        raise UsageError(
            f"--since must be before --until, which is {format_local_and_utc(until_time)}; "
            f"{since or default!r} is {format_local_and_utc(since_time)}"
        )
    if maximum_days is not None and until_time - since_time > timedelta(days=maximum_days):
        limit = format_duration(maximum_days * 86400)
        raise UsageError(
            f"--since must be at most {limit} before --until, which is "
            f"{format_local_and_utc(until_time)}, not {since or default!r}"
        )
    return TimeSpan(since_time, until_time, until is None)


def _parse_time(option: str, text: str, now: datetime) -> datetime:
    try:
        time = parse_past_time(text, now)
    except AmbiguousTimeError as error:
        raise UsageError(f"{option} must be one time: {error}") from None
    except (ValueError, OverflowError):
        raise UsageError(f"{option} must be {FORMS_TEXT}, not {text!r}") from None
    if time > now:
        raise UsageError(
            f"{option} must be in the past, not {text!r}, which is {format_local_and_utc(time)}; "
            f"it is {format_local_and_utc(now)}"
        )
    return time
