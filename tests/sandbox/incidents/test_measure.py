"""How often `ops diagnose` is right: of a few incidents and quiet hours, and at length of all."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from bench import diagnose
from sandbox.incidents.measure import Verdict, measure_in_copy
from sandbox.incidents.model import (
    DEVELOPMENT_FOLDER,
    HELD_OUT_FOLDER,
    Incident,
    list_incidents,
    load_incident,
)
from sandbox.incidents.quiet_hours import build_quiet_hour

FIRST_GOAL, AMONG_THREE_GOAL = 0.9, 0.97
QUIET_HOURS = 100
# One of each kind that is diagnosed without the database's sessions.
REPRESENTATIVE = ("image-crashes", "quota-of-tasks", "more-traffic")


def build_verdict(incident: Incident, *guesses: tuple[str, str], seconds: float = 2.0) -> Verdict:
    """A verdict that says these causes of these parts."""
    return Verdict(incident, guesses, (), (), seconds, 8.0)


def describe_wrong(verdicts: Sequence[Verdict]) -> str:
    """The lines of those that are not right at the first guess."""
    return "\n".join(verdict.describe() for verdict in verdicts if not verdict.is_first_right)


def compute_shares(verdicts: Sequence[Verdict]) -> tuple[float, float]:
    """How many are right at the first guess, and among the first three."""
    count = len(verdicts)
    return (
        sum(verdict.is_first_right for verdict in verdicts) / count,
        sum(verdict.is_among_first for verdict in verdicts) / count,
    )


def test_incidents_are_named_and_quiet_hours_are_healthy() -> None:
    incidents = [load_incident(DEVELOPMENT_FOLDER / f"{name}.yaml") for name in REPRESENTATIVE]
    quiet = [hour for hour in map(build_quiet_hour, range(8)) if hour.stack == "full"][:4]
    verdicts = measure_in_copy([*incidents, *quiet])
    assert len(verdicts) == len(REPRESENTATIVE) + 4
    assert describe_wrong(verdicts) == ""


def test_quiet_hours_are_the_same_each_time_and_differ() -> None:
    hours = [build_quiet_hour(number) for number in range(QUIET_HOURS)]
    assert hours == [build_quiet_hour(number) for number in range(QUIET_HOURS)]
    assert len({repr(hour.noise) for hour in hours}) == QUIET_HOURS
    assert {hour.stack for hour in hours} == {"dev", "prod", "full"}


def test_two_causes_at_once_are_the_first_two_guesses() -> None:
    incident = load_incident(DEVELOPMENT_FOLDER / "lock-and-nat-ports.yaml")
    lock, ports = ("database-locked", "database"), ("nat-ports-exhausted", "network")
    other = ("image-slow", "backend")
    assert build_verdict(incident, ports, lock).is_first_right
    late = build_verdict(incident, lock, other, ports)
    assert (late.is_first_right, late.is_among_first) == (False, True)
    missing = build_verdict(incident, lock, other, other, ports)
    assert (missing.is_first_right, missing.is_among_first) == (False, False)


def test_a_cause_of_another_part_is_wrong_unless_the_incident_takes_it() -> None:
    incident = load_incident(DEVELOPMENT_FOLDER / "password-wrong.yaml")
    rights = [
        build_verdict(incident, ("password-wrong", part)).is_first_right
        for part in ("database", "backend", "cache")
    ]
    assert rights == [True, True, False]


def test_what_is_printed_counts_kinds_and_names_what_is_wrong() -> None:
    right = build_verdict(
        load_incident(DEVELOPMENT_FOLDER / "nat-deleted.yaml"), ("nat-down", "network")
    )
    wrong = build_verdict(
        load_incident(DEVELOPMENT_FOLDER / "database-cpu.yaml"),
        ("database-load", "database"),
        ("database-cpu", "database"),
    )
    assert diagnose.format_verdicts("development", [right, wrong])[0].startswith(
        "ops diagnose, development: first guess 0.50, among three 1.00 (1 and 2 of 2)"
    )
    assert diagnose.format_verdicts("development", [right, wrong])[-1] == (
        "  not first: database-cpu: database-cpu of database; said: database-load of database, "
        "database-cpu of database"
    )
    assert "2.00 s, 0.25 times the same looks" in diagnose.format_seconds([right, wrong])


def test_a_quiet_hour_with_a_cause_is_called_sick() -> None:
    hour = build_quiet_hour(0)
    lines = diagnose.format_quiet_hours(
        [build_verdict(hour), build_verdict(hour, ("nat-down", "network"))]
    )
    assert lines == [
        "ops diagnose, quiet hours: 1 of 2 called sick; goal 0",
        "  quiet-hour-0: nothing; said: nat-down of network",
    ]


@pytest.mark.exhaustive
@pytest.mark.parametrize("start", range(2), ids=["these", "those"])
def test_a_sample_of_incidents_is_named_and_of_quiet_hours_is_healthy(start: int) -> None:
    incidents = [*list_incidents(DEVELOPMENT_FOLDER), *list_incidents(HELD_OUT_FOLDER)]
    hours = [build_quiet_hour(number) for number in range(8, QUIET_HOURS)]
    verdicts = measure_in_copy([*incidents[start::8], *hours[start::12]])
    sick = [verdict.describe() for verdict in verdicts if not verdict.incident.causes]
    assert [text for text in sick if not text.endswith("said: nothing")] == []
    first, _ = compute_shares([verdict for verdict in verdicts if verdict.incident.causes])
    assert first >= FIRST_GOAL, describe_wrong(verdicts)


@pytest.mark.soak
@pytest.mark.parametrize("folder", [DEVELOPMENT_FOLDER, HELD_OUT_FOLDER], ids=["known", "held-out"])
def test_every_incident_is_named(folder: Path) -> None:
    verdicts = measure_in_copy(list_incidents(folder))
    first, among_three = compute_shares(verdicts)
    assert first >= FIRST_GOAL, describe_wrong(verdicts)
    assert among_three >= AMONG_THREE_GOAL, describe_wrong(verdicts)


@pytest.mark.soak
def test_no_quiet_hour_is_called_sick() -> None:
    verdicts = measure_in_copy([build_quiet_hour(number) for number in range(QUIET_HOURS)])
    assert [verdict.describe() for verdict in verdicts if verdict.is_called_sick] == []
