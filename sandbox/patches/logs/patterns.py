"""Filter patterns as CloudWatch Logs reads them: terms, regular expressions, conditions on JSON.

Source: CloudWatch Logs User Guide, "Filter pattern syntax for metric filters, subscription filters,
filter log events, and Live Tail". Patterns of space-delimited fields, `[ip, user]`, are not here.
"""

import json
import re
from typing import Any, Final

from sandbox.patches.patching import ABSENT, AwsError

# What a regular expression of a filter may have: no parentheses, quotation marks or spaces. Source:
# CloudWatch Logs User Guide, "Supported regular expressions (regex) syntax".
SUPPORTED_REGEX: Final = re.compile(r"[A-Za-z0-9:_#=@/;,^$?\[\]{}|\\*+.-]+")
FILTER_TERM_PATTERN: Final = re.compile(r'([?-]?)(?:"((?:[^"\\]|\\.)*)"|(\S+))')
JSON_TOKEN_PATTERN: Final = re.compile(
    r"""\s*(?:(?P<regex>%[^%]*%)|(?P<text>"(?:[^"\\]|\\.)*")|(?P<selector>\$[^\s=!<>()&|]*)"""
    r"""|(?P<mark>&&|\|\||!=|<=|>=|[=<>()])|(?P<word>[^\s=!<>()&|]+))"""
)
SELECTOR_STEP_PATTERN: Final = re.compile(r"\.?([\w-]+)|\.?\[(\d+)\]|\.?\[['\"]([^'\"]+)['\"]\]")


def matches_filter_pattern(pattern: str, message: str) -> bool:
    """True if an event has every plain term, one of the `?` terms, and no `-` term.

    Terms are case-sensitive, and if there are plain terms as well, those with `?` are ignored.
    `%...%` is a regular expression that any part of an event may match. A pattern of conditions in
    braces matches JSON objects alone. Raises AwsError if it has what CloudWatch does not support.
    """
    pattern = pattern.strip()
    if pattern.startswith("{"):
        return _matches_json_pattern(pattern, message)
    if pattern.startswith("%") and pattern.endswith("%") and len(pattern) > 1:
        return re.search(_require_supported_regex(pattern[1:-1]), message, re.ASCII) is not None
    plain, either, never = (
        [re.sub(r"\\(.)", r"\1", quoted) or word for sign, quoted, word in terms if sign == kind]
        for terms in (FILTER_TERM_PATTERN.findall(pattern),)
        for kind in ("", "?", "-")
    )
    if any(term in message for term in never):
        return False
    if plain:
        return all(term in message for term in plain)
    return not either or any(term in message for term in either)


def _require_supported_regex(expression: str) -> str:
    if not SUPPORTED_REGEX.fullmatch(expression):
        raise AwsError("InvalidParameterException", "Invalid filter pattern")
    return expression


def _matches_json_pattern(pattern: str, message: str) -> bool:
    try:
        document = json.loads(message)
    except ValueError:
        return False
    tokens = [
        (str(match.lastgroup), match[str(match.lastgroup)])
        for match in JSON_TOKEN_PATTERN.finditer(pattern[1:-1])
    ]
    try:
        matches = _JsonCondition(tokens, document).evaluate_or()
    except (IndexError, KeyError):
        raise AwsError("InvalidParameterException", "Invalid filter pattern") from None
    return isinstance(document, dict) and matches


class _JsonCondition:
    """Evaluates conditions, `&&` before `||`."""

    def __init__(self, tokens: list[tuple[str, str]], document: Any) -> None:
        self._tokens, self._document = tokens, document

    def evaluate_or(self) -> bool:
        """True if one of the conditions that `||` joins is."""
        result = self._evaluate_and()
        while self._peek() == "||":
            self._tokens.pop(0)
            result = self._evaluate_and() or result
        return result

    def _peek(self) -> str:
        return self._tokens[0][1] if self._tokens else ""

    def _evaluate_and(self) -> bool:
        result = self._evaluate_one()
        while self._peek() == "&&":
            self._tokens.pop(0)
            result = self._evaluate_one() and result
        return result

    def _evaluate_one(self) -> bool:
        _, text = self._tokens.pop(0)
        if text == "(":
            result = self.evaluate_or()
            self._tokens.pop(0)
            return result
        value, (_, operator) = _select(self._document, text), self._tokens.pop(0)
        kind, operand = self._tokens.pop(0)
        if operator.upper() == "NOT":
            return value is ABSENT
        if operator.upper() == "IS":
            return value is {"TRUE": True, "FALSE": False, "NULL": None}[operand.upper()]
        return _compare(value, operator, kind, operand)


def _select(document: Any, selector: str) -> Any:
    value = document
    for name, index, quoted in SELECTOR_STEP_PATTERN.findall(selector[1:]):
        if index and isinstance(value, list) and int(index) < len(value):
            value = value[int(index)]
        elif not index and isinstance(value, dict) and (name or quoted) in value:
            value = value[name or quoted]
        else:
            return ABSENT
    return value


def _compare(value: Any, operator: str, kind: str, operand: str) -> bool:
    """Compares numbers with numbers, and texts with texts; `*` in a text is anything.

    A field that is not there, or not of the operand's kind, equals nothing. That it differs from
    everything, so that `!=` matches, is assumed.
    """
    if kind == "regex":
        expression = _require_supported_regex(operand[1:-1])
        is_match = isinstance(value, str) and re.search(expression, value) is not None
        return is_match is (operator == "=")
    number = None if kind == "text" else _parse_number(operand)
    if number is not None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return operator == "!="
        return {
            "=": value == number,
            "!=": value != number,
            "<": value < number,
            ">": value > number,
            "<=": value <= number,
            ">=": value >= number,
        }[operator]
    text = re.sub(r"\\(.)", r"\1", operand[1:-1]) if kind == "text" else operand
    expression = ".*".join(map(re.escape, text.split("*")))
    is_match = isinstance(value, str) and re.fullmatch(expression, value, re.DOTALL) is not None
    return is_match is (operator == "=")


def _parse_number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
