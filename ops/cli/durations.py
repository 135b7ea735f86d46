"""Times as a person types and reads them: 90s, 30m, 2h, 1d; 45 s, 12 min, 1 h 30 min."""

from typing import Any, Final

import typer

from ops.core.times import UNIT_SECONDS, Unit, parse_duration

MAX_TEXT_MINUTES: Final = 24 * 60  # as long as alarms can be muted by ops
UNIT_NAMES: Final[dict[Unit, str]] = {"s": "seconds", "m": "minutes", "d": "days"}
UNIT_EXAMPLES: Final[dict[Unit, str]] = {
    "s": "like 90s, 30m or 2h",
    "m": "like 30m, 2h or 90s",
    "d": "like 7d or 36h",
}


def format_duration(seconds: float | None) -> str:
    """Formats seconds as 45 s, 12 min or 1 h 30 min; None is unknown."""
    if seconds is None:
        return "unknown"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def format_typed_duration(number: float, unit: Unit = "m") -> str:
    """A duration as it can be typed, in the largest unit that is whole: 2h, 30m, 90s."""
    seconds = round(number * UNIT_SECONDS[unit])
    for letter in ("d", "h", "m"):
        if seconds and seconds % UNIT_SECONDS[letter] == 0:
            return f"{seconds // UNIT_SECONDS[letter]}{letter}"
    return f"{seconds}s"


def build_duration_option(
    *names: str,
    text: str,
    minimum: float,
    maximum: float | None = None,
    default: float | None = None,
    panel: str | None = None,
    unit: Unit = "m",
    whole: bool = False,
) -> Any:
    """An option that takes a duration and gives minutes, or another unit; so are its limits.

    With `whole` it must be a whole number of that unit.
    """
    limits = f"at least {format_typed_duration(minimum, unit)}"
    if maximum is not None:
        limits = f"{format_typed_duration(minimum, unit)} to {format_typed_duration(maximum, unit)}"
    plain = f"a plain number is {UNIT_NAMES[unit]}"
    examples = f"{UNIT_EXAMPLES[unit]} ({plain})"
    kind = f" in whole {UNIT_NAMES[unit]}" if whole else ""

    def parse(value: object) -> float:
        number = parse_duration(str(value), unit)
        is_allowed = number is not None and number >= minimum
        if number is None or not is_allowed or (maximum is not None and number > maximum):
            raise typer.BadParameter(f"must be {limits}{kind}, {examples}, not {str(value)!r}")
        if not whole:
            return number
        if not number.is_integer():
            raise typer.BadParameter(f"must be {limits}{kind}, {examples}, not {str(value)!r}")
        return int(number)

    return typer.Option(
        *names,
        parser=parse,
        metavar="DURATION",
        help=f"{text} ({limits}; {plain})" if maximum is not None else f"{text}; {plain}",
        rich_help_panel=panel,
        show_default=False if default is None else format_typed_duration(default, unit),
    )


def parse_minutes_text(value: str | None) -> str | None:
    """A duration of whole minutes, up to a day, as their number; any other text as it is.

    For a command that judges the number itself, and names the text that was typed.
    """
    minutes = None if value is None else parse_duration(value)
    if minutes is None or not minutes.is_integer() or not 1 <= minutes <= MAX_TEXT_MINUTES:
        return value
    return f"{minutes:.0f}"
