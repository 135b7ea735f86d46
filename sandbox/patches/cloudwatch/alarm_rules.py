"""The rule expressions of composite alarms: who is named in them, and what state they come to.

Grammar: AWS CloudWatch API reference, PutCompositeAlarm, AlarmRule.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Literal, TypeAlias

State: TypeAlias = Literal["OK", "ALARM", "INSUFFICIENT_DATA"]
_TOKEN = re.compile(r'\s*(?:(\()|(\))|"((?:[^"\\]|\\.)*)"|([^\s()"]+))')
_STATES: Mapping[str, State] = {
    "ALARM": "ALARM",
    "OK": "OK",
    "INSUFFICIENT_DATA": "INSUFFICIENT_DATA",
}


class RuleError(ValueError):
    """An expression that is no alarm rule."""


def children(rule: str) -> frozenset[str]:
    """Names of the alarms that a rule depends on. Raises RuleError."""
    reader = _Reader(rule, None)
    reader.whole()
    return frozenset(reader.seen)


def holds(rule: str, states: Mapping[str, str]) -> bool:
    """Whether a rule is true, given the states of alarms by name. Raises RuleError."""
    return _Reader(rule, states).whole()


def _tokens(rule: str) -> Iterator[str]:
    at = 0
    while rule[at:].strip():
        found = _TOKEN.match(rule, at)
        if found is None:
            raise RuleError(f"cannot be read from {rule[at:]!r}")
        at = found.end()
        opened, closed, quoted, word = found.groups()
        yield opened or closed or (f'"{quoted}' if quoted is not None else word)


class _Reader:
    """Reads a rule by descent: OR over AND over NOT over a term."""

    def __init__(self, rule: str, states: Mapping[str, str] | None) -> None:
        self._left = list(_tokens(rule))
        self._states = states
        self.seen: set[str] = set()

    def whole(self) -> bool:
        value = self._any()
        if self._left:
            raise RuleError(f"has {self._left[0]!r} where nothing was expected")
        return value

    def _any(self) -> bool:
        value = self._all()
        while self._at("OR"):
            value = self._all() or value
        return value

    def _all(self) -> bool:
        value = self._not()
        while self._at("AND"):
            value = self._not() and value
        return value

    def _not(self) -> bool:
        return not self._not() if self._at("NOT") else self._term()

    def _term(self) -> bool:
        word = self._take()
        if word == "(":
            value = self._any()
            self._expect(")")
            return value
        if word in ("TRUE", "FALSE"):
            return word == "TRUE"
        if word not in _STATES:
            raise RuleError(f"has {word!r} where a state or a parenthesis was expected")
        self._expect("(")
        name = self._take().removeprefix('"')
        name = name.split(":alarm:", 1)[-1] if name.startswith("arn:") else name
        self._expect(")")
        self.seen.add(name)
        return self._states is not None and self._states.get(name) == _STATES[word]

    def _at(self, word: str) -> bool:
        if self._left and self._left[0] == word:
            self._left.pop(0)
            return True
        return False

    def _take(self) -> str:
        if not self._left:
            raise RuleError("ends too early")
        return self._left.pop(0)

    def _expect(self, word: str) -> None:
        if self._take() != word:
            raise RuleError(f"has no {word!r} where one was expected")
