"""An evaluator of IAM policies, as far as policies of this project go.

After the IAM User Guide: "Policy evaluation logic" (a Deny wins; what is not allowed is denied; a
boundary must allow as well), "Condition operators" (a negated operator is true if the key is not in
the request; `IfExists`; `ForAnyValue` is false and `ForAllValues` true without the key) and
"Wildcards" (`*` and `?`; actions and keys in any case). Another operator is an error.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, TypeAlias

PolicyDocument: TypeAlias = Mapping[str, Any]
# Condition keys of a request and their values, several for a key with many.
RequestContext: TypeAlias = Mapping[str, str | Sequence[str]]
NEGATED_OPERATORS = {
    "StringNotEquals": "StringEquals",
    "StringNotLike": "StringLike",
    "ArnNotLike": "ArnLike",
    "ArnNotEquals": "ArnEquals",
}
EXACT_OPERATORS = ("StringEquals", "Bool")
PATTERN_OPERATORS = ("StringLike", "ArnLike", "ArnEquals")


def list_statements(document: PolicyDocument) -> list[dict[str, Any]]:
    """The statements of a policy."""
    statements = document["Statement"]
    return statements if isinstance(statements, list) else [statements]


def is_allowed(
    policies: Sequence[PolicyDocument],
    action: str,
    arn: str,
    context: RequestContext | None = None,
    boundary: PolicyDocument | None = None,
) -> bool:
    """Whether identity policies, within a boundary, allow an action on a resource."""
    request_context = {key.lower(): value for key, value in (context or {}).items()}
    return all(
        _get_verdict(group, action, arn, request_context)
        for group in (policies, *([] if boundary is None else [[boundary]]))
    )


def is_action_allowed(document: PolicyDocument, action: str, arn: str, **context: str) -> bool:
    """Whether one policy allows an action."""
    return is_allowed([document], action, arn, context)


def _get_verdict(
    policies: Sequence[PolicyDocument], action: str, arn: str, context: RequestContext
) -> bool:
    verdict = False
    for document in policies:
        for statement in list_statements(document):
            if is_statement_matching(statement, action, arn, context):
                if statement["Effect"] == "Deny":
                    return False
                verdict = True
    return verdict


def is_statement_matching(
    statement: Mapping[str, Any], action: str, arn: str, context: RequestContext
) -> bool:
    """Whether a statement counts for a request. Keys of `context` are in lower case."""
    return is_statement_about(statement, action, arn) and are_conditions_met(
        statement.get("Condition", {}), context
    )


def is_statement_about(statement: Mapping[str, Any], action: str, arn: str) -> bool:
    """Whether a statement is about an action on a resource, whatever its conditions."""
    return _is_element_matching(
        statement, "Action", action, ignore_case=True
    ) and _is_element_matching(statement, "Resource", arn)


def _is_element_matching(
    statement: Mapping[str, Any], name: str, value: str, *, ignore_case: bool = False
) -> bool:
    if f"Not{name}" in statement:
        patterns, is_expected = _as_list(statement[f"Not{name}"]), False
    elif name in statement:
        patterns, is_expected = _as_list(statement[name]), True
    else:  # a resource's own policy may leave out its resource
        return name == "Resource"
    return is_expected is any(matches(pattern, value, ignore_case) for pattern in patterns)


def are_conditions_met(
    conditions: Mapping[str, Mapping[str, Any]], context: RequestContext
) -> bool:
    """Whether a request meets all conditions. Keys of `context` are in lower case."""
    return all(
        _is_condition_met(operator, _as_list(values), context.get(key.lower()))
        for operator, keys in conditions.items()
        for key, values in keys.items()
    )


def _is_condition_met(
    operator: str, expected: list[str], actual: str | Sequence[str] | None
) -> bool:
    quantifier, _, operator = operator.rpartition(":")
    if operator == "Null":
        return (actual is None) == (expected == ["true"])
    if operator.endswith("IfExists"):
        if actual is None:
            return True
        operator = operator.removesuffix("IfExists")
    base_operator = NEGATED_OPERATORS.get(operator, operator)
    is_negated = base_operator != operator
    assert base_operator in (*EXACT_OPERATORS, *PATTERN_OPERATORS), operator
    actual_values = [actual] if isinstance(actual, str) else list(actual or ())
    met = [
        any(
            value == text if base_operator in EXACT_OPERATORS else matches(text, value)
            for text in expected
        )
        is not is_negated
        for value in actual_values
    ]
    if quantifier == "ForAnyValue":
        return any(met)
    if quantifier == "ForAllValues":
        return all(met)
    return all(met) if met else is_negated


def matches(pattern: str, text: str, ignore_case: bool = False) -> bool:
    """Whether a text matches a pattern of IAM, in which only `*` and `?` are special."""
    return _compile(pattern, ignore_case).fullmatch(text) is not None


@cache
def _compile(pattern: str, ignore_case: bool) -> re.Pattern[str]:
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.compile(expression, re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def _as_list(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list | tuple) else [str(value)]
