"""Values with their units, as a person reads them."""

from typing import Final

from components.facts.metrics import MetricUnit

_NO_DATA: Final = "no data"
BYTE_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")


def format_value(value: float | None, unit: MetricUnit) -> str:
    """A value in a unit; `no data` if it is not known."""
    if value is None:
        return _NO_DATA
    if unit == "percent":
        return f"{_format_number(value)} %"
    if unit in ("bytes", "bytes/s"):
        return _format_bytes(value) + ("/s" if unit == "bytes/s" else "")
    if unit in ("seconds", "milliseconds"):
        return _format_seconds(value if unit == "seconds" else value / 1000)
    return f"{_format_number(value)}{'/s' if unit == '1/s' else ''}"


def format_change(value: float | None, before: float | None, unit: MetricUnit) -> str:
    """What a value was before, and by how much it is higher or lower now."""
    text = format_value(before, unit)
    if value is None or before is None or before == 0:
        return text
    return f"{text} ({(value - before) / before * 100:+.0f} %)"


def _format_number(value: float) -> str:
    if float(value).is_integer() or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 1 else f"{value:.2g}"


def _format_bytes(value: float) -> str:
    number, index = value, 0
    while abs(number) >= 1024 and index < len(BYTE_UNITS) - 1:
        number, index = number / 1024, index + 1
    return f"{number:.{1 if index else 0}f} {BYTE_UNITS[index]}"


def _format_seconds(value: float) -> str:
    if 0 < abs(value) < 1:
        milliseconds = value * 1000
        return f"{milliseconds:.0f} ms" if milliseconds >= 10 else f"{milliseconds:.2g} ms"
    return f"{value:.2f} s" if value else "0 s"
