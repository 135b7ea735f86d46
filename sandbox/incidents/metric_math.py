"""Metric math, as far as the stack's alarms have it: IF, FILL, DIFF, arithmetic, comparisons.

Source: CloudWatch User Guide, "Using math expressions with CloudWatch metrics". A missing value
makes what is computed from it missing; so does a division by zero.
"""

import ast
import operator
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

PREVIOUS_PREFIX: Final = "previous "  # before the id of a metric: its value one period before
BINARY_OPERATORS: Final[Mapping[type, Callable[[float, float], float]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
MATH_COMPARISONS: Final[Mapping[type, Callable[[float, float], bool]]] = {
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


@cache
def _parse(expression: str) -> ast.expr:
    return ast.parse(expression, mode="eval").body


def evaluate_expression(expression: str, values: Mapping[str, float | None]) -> float | None:
    """The value of an expression over values by id. Raises ValueError for what is not known."""
    return _evaluate(_parse(expression), values)


def _evaluate(node: ast.expr, values: Mapping[str, float | None]) -> float | None:
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name):
            return values[name]
        case ast.BinOp(left=left, op=binary, right=right):
            return _combine(BINARY_OPERATORS[type(binary)], left, right, values)
        case ast.Compare(left=left, ops=[comparison], comparators=[right]):
            return _combine(MATH_COMPARISONS[type(comparison)], left, right, values)
        case ast.Call(func=ast.Name(id="IF"), args=[condition, then, otherwise]):
            truth = _evaluate(condition, values)
            return None if truth is None else _evaluate(then if truth else otherwise, values)
        case ast.Call(func=ast.Name(id="FILL"), args=[filled, default]):
            value = _evaluate(filled, values)
            return _evaluate(default, values) if value is None else value
        case ast.Call(func=ast.Name(id="DIFF"), args=[ast.Name(id=name)]):
            value, previous = values[name], values[f"{PREVIOUS_PREFIX}{name}"]
            return None if value is None or previous is None else value - previous
    raise ValueError(f"unknown in metric math: {ast.unparse(node)}")


def _combine(
    combine: Callable[[float, float], Any],
    left: ast.expr,
    right: ast.expr,
    values: Mapping[str, float | None],
) -> float | None:
    first, second = _evaluate(left, values), _evaluate(right, values)
    if first is None or second is None:
        return None
    try:
        return float(combine(first, second))
    except ZeroDivisionError:
        return None
