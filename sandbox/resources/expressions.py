"""Expressions of entries: JMESPath with a few functions, and text with expressions in it."""

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeAlias

import jmespath
from jmespath import functions
from jmespath.parser import ParsedResult

# Expressions, plain values, and mappings and lists of them.
Template: TypeAlias = Any

_PLACEHOLDER_PATTERN = re.compile(r"\$\{([^}]*)\}")
_INPUT_PATTERN = re.compile(r"\bin\.(\w+)")


class _Functions(functions.Functions):
    """Functions beside JMESPath's own.

    `after(text, '/')` and `before` cut at the last separator. `among(list, 'Key', values)` keeps
    the items whose Key is one of the values. `pairs(map)` makes tags of a map.
    """

    @functions.signature({"types": ["string"]}, {"types": ["string"]})
    def _func_after(self, text: str, separator: str) -> str:
        return text.rpartition(separator)[2]

    @functions.signature({"types": ["string"]}, {"types": ["string"]})
    def _func_before(self, text: str, separator: str) -> str:
        return text.rpartition(separator)[0]

    @functions.signature({"types": ["string"]}, {"types": ["string"]})
    def _func_split(self, text: str, separator: str) -> list[str]:
        return text.split(separator)

    @functions.signature({"types": ["array"]}, {"types": ["string"]}, {"types": ["array"]})
    def _func_among(
        self, items: list[dict[str, Any]], key: str, values: list[Any]
    ) -> list[dict[str, Any]]:
        return [item for item in items if item.get(key) in values]

    @functions.signature({"types": ["string"]})
    def _func_parsed(self, text: str) -> Any:
        return json.loads(text)

    @functions.signature({"types": ["object", "null"]})
    def _func_pairs(self, values: Mapping[str, Any] | None) -> list[dict[str, Any]]:
        return [{"Key": key, "Value": value} for key, value in (values or {}).items()]


_JMESPATH_OPTIONS = jmespath.Options(custom_functions=_Functions())


@cache
def _compile_expression(expression: str) -> ParsedResult:
    return jmespath.compile(expression)


def evaluate_template(template: Template, variables: Mapping[str, Any]) -> Any:
    """A template with what is known put in. A mapping loses what is not found."""
    if isinstance(template, str):
        return _evaluate_text(template, variables)
    if isinstance(template, Mapping):
        values = {key: evaluate_template(value, variables) for key, value in template.items()}
        return {key: value for key, value in values.items() if value is not None}
    if isinstance(template, (list, tuple)):
        items = [evaluate_template(item, variables) for item in template]
        return [item for item in items if item is not None]
    return template


def _evaluate_text(template: str, variables: Mapping[str, Any]) -> Any:
    if "${" not in template:
        return _compile_expression(template).search(variables, _JMESPATH_OPTIONS)
    values = [
        _compile_expression(expression).search(variables, _JMESPATH_OPTIONS)
        for expression in _PLACEHOLDER_PATTERN.findall(template)
    ]
    if any(value is None for value in values):
        return None
    value_iterator = iter(values)
    return _PLACEHOLDER_PATTERN.sub(lambda _: str(next(value_iterator)), template)


@cache
def _list_text_inputs(text: str) -> frozenset[str]:
    return frozenset(_INPUT_PATTERN.findall(text))


def list_template_inputs(template: Template) -> frozenset[str]:
    """The inputs that a template speaks of."""
    if isinstance(template, str):
        return _list_text_inputs(template)
    if isinstance(template, Mapping):
        template = tuple(template.values())
    if isinstance(template, (list, tuple)):
        return frozenset[str]().union(*(list_template_inputs(item) for item in template))
    return frozenset()
