"""Texts of a plan that are known only when it starts: placeholders and the times that fill them."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from pydantic import BaseModel

# What stands for a text that is known only when the plan starts (Plan.times, Plan.captured).
PLACEHOLDER: Final = re.compile(r"\$\{([A-Z]+)\}")
ISO: Final = "%Y-%m-%dT%H:%M:%SZ"
SPAN: Final = "span"


class StartTime(BaseModel, frozen=True, extra="forbid"):
    """A text that depends on when the plan starts: `${NAME}` in its steps is filled with it then.

    `offset` is seconds after the start, `rounding` to a whole minute. `form` is a pattern of
    strftime, or "span": the ISO 8601 duration from the start's minute until then, or until `until`.
    """

    offset: float = 0
    rounding: Literal["up", "down"] | None = None
    form: str = ISO
    until: str | None = None

    def fill(self, start: datetime) -> str:
        """The text for a plan that starts at `start`."""
        end = start + timedelta(seconds=self.offset)
        if self.until is not None:
            end = datetime.fromisoformat(self.until)
        if self.rounding is not None:
            end = round_to_minute(end, up=self.rounding == "up")
        if self.form != SPAN:
            return end.strftime(self.form)
        return f"PT{round((end - round_to_minute(start)).total_seconds() / 60)}M"


def round_to_minute(time: datetime, *, up: bool = False) -> datetime:
    """The whole minute at or before a time; with `up` the one at or after it."""
    floor = time.replace(second=0, microsecond=0)
    return floor if floor == time or not up else floor + timedelta(minutes=1)


def fill_texts(value: Any, texts: Mapping[str, str]) -> Any:
    """A JSON value with the placeholders in its strings and keys filled."""
    if isinstance(value, str):
        return PLACEHOLDER.sub(lambda match: texts.get(match[1], match[0]), value)
    if isinstance(value, list):
        return [fill_texts(item, texts) for item in value]
    if isinstance(value, dict):
        return {fill_texts(k, texts): fill_texts(item, texts) for k, item in value.items()}
    return value
