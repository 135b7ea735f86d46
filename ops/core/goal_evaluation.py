"""Evaluates what was seen of a goal: met, begun, absent or failed, and what is still missing."""

import re
from collections.abc import Iterator, Mapping
from typing import Literal

from pydantic import JsonValue

from ops.core.plan import Wait, lookup

Verdict = Literal["met", "begun", "absent"]


class StepFailedError(Exception):
    """Known to have failed: the one outcome that is undone."""


def evaluate(
    wait: Wait, result: JsonValue, earlier_results: Mapping[str, JsonValue] | None = None
) -> Verdict:
    """Whether what was seen is the goal, on the way there, or neither. Raises StepFailedError.

    `earlier_results` is what earlier steps saw.
    """
    if (path := find_path_with_value(wait.failed, result)) is not None:
        conditions = describe_conditions(wait, result, earlier_results)
        if path in wait.met:  # which says it already
            raise StepFailedError(conditions)
        raise StepFailedError(f"{get_path_name(path)} is {lookup(path, result)!r}; {conditions}")
    if all(
        lookup(path, result) == value
        for path, value in _list_expected_values(wait, earlier_results)
    ) and all(
        lookup(path, result) not in (None, value)
        for path, value in _list_excluded_values(wait, earlier_results)
    ):
        return "met"
    has_begun = any(lookup(path, result) == value for path, value in wait.begun.items())
    return "begun" if has_begun else "absent"


def find_path_with_value(
    failure_values: Mapping[str, list[JsonValue]], result: JsonValue
) -> str | None:
    """The first path at which one of its values stands."""
    return next(
        (path for path, values in failure_values.items() if lookup(path, result) in values), None
    )


def describe_conditions(
    wait: Wait, result: JsonValue, earlier_results: Mapping[str, JsonValue] | None = None
) -> str:
    """What was seen and what must be, for a person."""
    parts = [
        f"{get_path_name(path)} is {lookup(path, result)!r}, must be {value!r}"
        for path, value in _list_expected_values(wait, earlier_results)
    ]
    parts += [
        f"{get_path_name(path)} is {lookup(path, result)!r}, must be another than {value!r}"
        for path, value in _list_excluded_values(wait, earlier_results)
    ]
    if isinstance(result, dict) and isinstance(result.get("answer"), str):
        parts.append(f"the answer was: {result['answer']}")
    return "; ".join(parts)


def get_path_name(path: str) -> str:
    """The last name of a path: what a person needs of it."""
    names = re.findall(r"[A-Za-z_]+", path)
    return str(names[-1]) if names else path


def _list_expected_values(
    wait: Wait, earlier_results: Mapping[str, JsonValue] | None
) -> Iterator[tuple[str, JsonValue]]:
    """Paths and what must stand there. What no earlier step saw is never there."""
    yield from wait.met.items()
    for path, reference in wait.same_as.items():
        value = lookup(reference, earlier_results or {})
        yield path, f"what {reference} was" if value is None else value


def _list_excluded_values(
    wait: Wait, earlier_results: Mapping[str, JsonValue] | None
) -> Iterator[tuple[str, JsonValue]]:
    """Paths and what must not stand there: None if an earlier step saw nothing."""
    for path, reference in wait.differs_from.items():
        yield path, lookup(reference, earlier_results or {})
