"""How a level is written: percents with as many digits as its objective needs."""

from typing import Final

from ops.slo.model import ServiceLevel

MIN_DIGITS: Final = 2
_UNKNOWN_TEXT: Final = "unknown"


def format_percent(percent: float, digits: int = MIN_DIGITS) -> str:
    """A percentage that is never rounded up to 100 unless it is."""
    text = f"{percent:.{digits}f}"
    if float(text) >= 100 > percent:
        return f"{100 - 10**-digits:.{digits}f} %"
    return f"{text} %"


def format_objective(level: ServiceLevel) -> str:
    """The objective."""
    return _UNKNOWN_TEXT if level.objective is None else f"{level.objective:g} %"


def format_level(level: ServiceLevel) -> str:
    """What was measured, with its bounds if some was not seen."""
    if not level.is_measured:
        return level.verdict
    if level.percent is None:
        return "none" if level.verdict == "nothing to judge" else _UNKNOWN_TEXT
    digits = 3 if level.objective is not None and level.objective > 99 else MIN_DIGITS
    measured = format_percent(level.percent, digits)
    count = f"{level.good:,.0f} of {level.good + level.bad:,.0f} {level.unit}"
    low, high = level.bounds
    if level.seen >= 1:
        return f"{measured}: {count}"
    between = f"{format_percent(low, digits)} to {format_percent(high, digits)}"
    return f"{measured} of what was seen: {count}; {between} of all"


def format_seen(level: ServiceLevel) -> str:
    """The share of the time of which data is there."""
    return format_percent(100 * level.seen, 1)


def format_spent(level: ServiceLevel) -> str:
    """The share of the month's budget that is spent, with its bounds if some was not seen."""
    if level.verdict == "nothing to judge":
        return "0 %"
    if level.spent is None or level.spent_bounds is None:
        return "no budget" if (level.objective or 0) >= 100 else _UNKNOWN_TEXT
    least, most = level.spent_bounds
    text = f"{100 * level.spent:.0f} %"
    return text if most - least < 0.005 else f"{text}, at most {100 * most:.0f} %"
