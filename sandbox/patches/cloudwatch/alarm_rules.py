"""The rule expressions of composite alarms: the alarms that they name, and their value.

Grammar: AWS CloudWatch API reference, PutCompositeAlarm, AlarmRule.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Literal, TypeAlias

RuleState: TypeAlias = Literal["OK", "ALARM", "INSUFFICIENT_DATA"]
_TOKEN = re.compile(r'\s*(?:(\()|(\))|"((?:[^"\\]|\\.)*)"|([^\s()"]+))')
_STATES: Mapping[str, RuleState] = {
    "ALARM": "ALARM",
    "OK": "OK",
    "INSUFFICIENT_DATA": "INSUFFICIENT_DATA",
}


class RuleError(ValueError):
    """An expression that is no alarm rule."""


def list_rule_alarms(rule: str) -> frozenset[str]:
    """Names of the alarms that a rule depends on. Raises RuleError."""
    reader = _RuleReader(rule, None)
    reader.read_rule()
    return frozenset(reader.alarm_names)


def is_rule_true(rule: str, states: Mapping[str, str]) -> bool:
    """Whether a rule is true, given the states of alarms by name. Raises RuleError."""
    return _RuleReader(rule, states).read_rule()


def _split_tokens(rule: str) -> Iterator[str]:
    position = 0
    while rule[position:].strip():
        match = _TOKEN.match(rule, position)
        if match is None:
            raise RuleError(f"cannot be read from {rule[position:]!r}")
        position = match.end()
        opening, closing, quotation, word = match.groups()
        yield opening or closing or (f'"{quotation}' if quotation is not None else word)


class _RuleReader:
    """Reads a rule by descent: OR over AND over NOT over a term."""

    def __init__(self, rule: str, states: Mapping[str, str] | None) -> None:
        self._pending_tokens = list(_split_tokens(rule))
        self._states = states
        self.alarm_names: set[str] = set()

    def read_rule(self) -> bool:
        value = self._read_any()
        if self._pending_tokens:
            raise RuleError(f"has {self._pending_tokens[0]!r} where nothing was expected")
        return value

    def _read_any(self) -> bool:
        value = self._read_all()
        while self._accept_word("OR"):
            value = self._read_all() or value
        return value

    def _read_all(self) -> bool:
        value = self._read_not()
        while self._accept_word("AND"):
            value = self._read_not() and value
        return value

    def _read_not(self) -> bool:
        return not self._read_not() if self._accept_word("NOT") else self._read_term()

    def _read_term(self) -> bool:
        word = self._take_token()
        if word == "(":
            value = self._read_any()
            self._expect_word(")")
            return value
        if word in ("TRUE", "FALSE"):
            return word == "TRUE"
        if word not in _STATES:
            raise RuleError(f"has {word!r} where a state or a parenthesis was expected")
        self._expect_word("(")
        name = self._take_token().removeprefix('"')
        name = name.split(":alarm:", 1)[-1] if name.startswith("arn:") else name
        self._expect_word(")")
        self.alarm_names.add(name)
        return self._states is not None and self._states.get(name) == _STATES[word]

    def _accept_word(self, word: str) -> bool:
        if self._pending_tokens and self._pending_tokens[0] == word:
            self._pending_tokens.pop(0)
            return True
        return False

    def _take_token(self) -> str:
        if not self._pending_tokens:
            raise RuleError("ends too early")
        return self._pending_tokens.pop(0)

    def _expect_word(self, word: str) -> None:
        if self._take_token() != word:
            raise RuleError(f"has no {word!r} where one was expected")
