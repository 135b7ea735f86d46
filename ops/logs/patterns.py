"""What a line must have: texts, fields of JSON, or a pattern of CloudWatch Logs."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from components.facts.filter_pattern import validate_filter_pattern
from ops.core.errors import UsageError

MAX_PATTERN_CHARACTERS: Final = 1024  # API reference, filterPattern of FilterLogEvents
FIELD_PATTERN: Final = re.compile(
    r"(?P<name>[\w-]+(?:\.[\w-]+|\[\d+\])*)(?P<operator>!=|>=|<=|=|>|<)(?P<value>.*)", re.DOTALL
)
NUMBER_PATTERN: Final = re.compile(r"-?\d+(?:\.\d+)?")


@dataclass(frozen=True)
class FieldCondition:
    """A field of a JSON line, how it is compared, and with what."""

    name: str
    operator: str
    value: str


@dataclass(frozen=True)
class LineFilter:
    """What CloudWatch Logs filters by, and texts that must also be in the line."""

    pattern: str = ""
    texts: tuple[str, ...] = ()
    conditions: tuple[FieldCondition, ...] = ()

    def has_texts(self, message: str) -> bool:
        """True if all of the texts are in the line; case matters, as in CloudWatch Logs."""
        return all(text in message for text in self.texts)


def build_line_filter(
    texts: Sequence[str], fields: Sequence[str], pattern: str | None
) -> LineFilter:
    """Builds the filter of TEXT, --field and --pattern. Raises UsageError if one is bad.

    A pattern of fields takes no texts beside it, so that those are looked for in what it finds.
    """
    conditions = tuple(parse_field(field) for field in fields)
    if pattern is not None and (texts or fields):
        raise UsageError("--pattern must be without TEXT and --field")
    if any(not text for text in texts):
        raise UsageError("TEXT must not be empty: without it every line is shown")
    if pattern is not None:
        try:
            line_filter = LineFilter(validate_filter_pattern(pattern))
        except ValueError as error:
            raise UsageError(f"--pattern {error}, not {pattern!r}") from None
    elif conditions:
        joined = " && ".join(_format_condition(condition) for condition in conditions)
        line_filter = LineFilter(f"{{ {joined} }}", tuple(texts), conditions)
    else:
        line_filter = LineFilter(" ".join(map(_quote, texts)), tuple(texts))
    if len(line_filter.pattern) > MAX_PATTERN_CHARACTERS:
        raise UsageError(
            f"TEXT, --field and --pattern must be at most {MAX_PATTERN_CHARACTERS} characters as a "
            f"pattern, not {len(line_filter.pattern)}"
        )
    return line_filter


def parse_field(text: str) -> FieldCondition:
    """Parses NAME=VALUE, or with another comparison. Raises UsageError if it is not one."""
    match = FIELD_PATTERN.fullmatch(text)
    if match is None:
        raise UsageError(
            f"--field must be a field of JSON compared with a value, like level=ERROR, "
            f"request.status>=500 or user!=root, not {text!r}"
        )
    condition = FieldCondition(**match.groupdict())
    if condition.operator in ("<", ">", "<=", ">=") and not NUMBER_PATTERN.fullmatch(
        condition.value
    ):
        raise UsageError(f"--field {text} compares by {condition.operator}: it must have a number")
    if not condition.value:
        raise UsageError(f"--field must have a value after {condition.operator}, not {text!r}")
    return condition


def _format_condition(condition: FieldCondition) -> str:
    """A condition of a filter pattern. A number may be one in the JSON, or a text of digits."""
    selector, operator, value = f"$.{condition.name}", condition.operator, condition.value
    if value in ("true", "false", "null") and operator == "=":
        return f"({selector} IS {value.upper()} || {selector} = {_quote(value)})"
    if not NUMBER_PATTERN.fullmatch(value):
        return f"({selector} {operator} {_quote(value)})"
    if operator == "=":
        return f"({selector} = {value} || {selector} = {_quote(value)})"
    if operator == "!=":
        return f"({selector} != {value} && {selector} != {_quote(value)})"
    return f"({selector} {operator} {value})"


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
