"""AWS cron expressions, checked field by field before AWS sees them.

Source: EventBridge User Guide, "Cron expressions reference", whose six fields Application Auto
Scaling takes too.
"""

import re
from dataclasses import dataclass, field
from typing import Final

MONTHS: Final = dict(
    zip("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split(), range(1, 13), strict=True)
)
WEEKDAY_NUMBERS: Final = dict(zip("SUN MON TUE WED THU FRI SAT".split(), range(1, 8), strict=True))


@dataclass(frozen=True)
class CronField:
    """One field: its limits, the names that stand for numbers, and forms that only it has."""

    name: str
    least: int
    most: int
    names: dict[str, int] = field(default_factory=dict)
    special: str = ""  # a pattern

    def describe(self) -> str:
        """The allowed values, for an error message."""
        names = f" or {next(iter(self.names))}-{list(self.names)[-1]}" if self.names else ""
        return f"{self.least}-{self.most}{names}"

    def is_valid(self, text: str) -> bool:
        """True if AWS takes the text for this field."""
        return all(self._is_valid_item(item) for item in text.upper().split(","))

    def _is_valid_item(self, item: str) -> bool:
        if self.special and re.fullmatch(self.special, item):
            return True
        span, slash, step = item.partition("/")
        if slash and not (step.isdecimal() and 1 <= int(step) <= self.most):
            return False
        if span == "*":
            return True
        first, dash, last = span.partition("-")
        numbers = [self._get_number(text) for text in ([first, last] if dash else [first])]
        return None not in numbers

    def _get_number(self, text: str) -> int | None:
        number = int(text) if text.isascii() and text.isdecimal() else self.names.get(text)
        return number if number is not None and self.least <= number <= self.most else None


DAY: Final = r"(?:[1-9]|[12]\d|3[01])"
WEEKDAY: Final = f"(?:[1-7]|{'|'.join(WEEKDAY_NUMBERS)})"
FIELDS: Final = (
    CronField("minute", 0, 59),
    CronField("hour", 0, 23),
    CronField("day of month", 1, 31, special=rf"\?|L|LW|{DAY}W"),
    CronField("month", 1, 12, MONTHS),
    CronField("day of week", 1, 7, WEEKDAY_NUMBERS, rf"\?|L|{WEEKDAY}L|{WEEKDAY}#[1-5]"),
    CronField("year", 1970, 2199),
)


def validate_cron(text: str) -> str:
    """Returns an AWS cron expression, without `cron()`, as it is. Raises ValueError."""
    texts = text.split(" ")
    if len(texts) != len(FIELDS) or (texts[2] == "?") == (texts[4] == "?"):
        raise ValueError(
            "must be six fields (minute hour day-of-month month day-of-week year), with ? as "
            "one of the two days"
        )
    for cron_field, field_text in zip(FIELDS, texts, strict=True):
        if not cron_field.is_valid(field_text):
            raise ValueError(
                f"must have {cron_field.describe()} as {cron_field.name}, not {field_text!r}"
            )
    return text
