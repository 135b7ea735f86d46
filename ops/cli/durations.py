"""Times as a person types and reads them: 90s, 30m, 2h, 1d; 45 s, 12 min, 1 h 30 min."""

import re
from typing import Any, Final

import typer

UNIT_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
DURATION_PATTERN: Final = re.compile(r"(?:\d+(?:\.\d+)?[smhd])+")
PART_PATTERN: Final = re.compile(r"(\d+(?:\.\d+)?)([smhd])")
MAX_TEXT_MINUTES: Final = 24 * 60  # as long as alarms can be muted by ops
EXAMPLES: Final = "like 30m, 2h or 90s (a plain number is minutes)"


def format_duration(seconds: float | None) -> str:
    """Formats seconds as 45 s, 12 min or 1 h 30 min; None is unknown."""
    if seconds is None:
        return "unknown"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def parse_minutes(text: str) -> float | None:
    """The minutes that a text like 90s, 30m, 2h, 1d or 1h30m says, or None if it says none.

    A plain number is minutes.
    """
    if DURATION_PATTERN.fullmatch(text):
        seconds = sum(float(n) * UNIT_SECONDS[unit] for n, unit in PART_PATTERN.findall(text))
        return seconds / 60
    return float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else None


def format_minutes(minutes: float) -> str:
    """Minutes as they can be typed, in the largest unit that is whole: 2h, 30m, 90s."""
    seconds = round(minutes * 60)
    for unit in ("d", "h", "m"):
        if seconds and seconds % UNIT_SECONDS[unit] == 0:
            return f"{seconds // UNIT_SECONDS[unit]}{unit}"
    return f"{seconds}s"


def build_duration_option(
    *names: str,
    text: str,
    minimum: float,
    maximum: float | None = None,
    default: float | None = None,
    panel: str | None = None,
) -> Any:
    """An option that takes a duration and gives minutes, as are its limits and its default."""
    limits = f"at least {format_minutes(minimum)}"
    if maximum is not None:
        limits = f"{format_minutes(minimum)} to {format_minutes(maximum)}"

    def parse(value: object) -> float:
        minutes = parse_minutes(str(value))
        if minutes is None or minutes < minimum or (maximum is not None and minutes > maximum):
            raise typer.BadParameter(f"must be {limits}, {EXAMPLES}, not {str(value)!r}")
        return minutes

    return typer.Option(
        *names,
        parser=parse,
        metavar="DURATION",
        help=f"{text} ({limits})" if maximum is not None else text,
        rich_help_panel=panel,
        show_default=False if default is None else format_minutes(default),
    )


def parse_minutes_text(value: str | None) -> str | None:
    """A duration of whole minutes, up to a day, as their number; any other text as it is.

    For a command that judges the number itself, and names the text that was typed.
    """
    minutes = None if value is None else parse_minutes(value)
    if minutes is None or not minutes.is_integer() or not 1 <= minutes <= MAX_TEXT_MINUTES:
        return value
    return f"{minutes:.0f}"
