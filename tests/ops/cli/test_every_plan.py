"""The plan of every procedure, as a person reads it on a terminal of 80 columns."""

import re
from functools import cache

import pytest

from ops.core.plan import Plan
from ops.core.stack_plan import NOT_PRICED
from tests.ops.cli.terminal import open_terminal
from tests.ops.every_command import open_command_line
from tests.ops.procedures import Procedure, list_procedures

WIDTH = 80
# Words of conditions and calls, which only --details shows; and words of other places and times.
INTERNALS = re.compile(r"\[0\]|==|`true`|`false`|\$\{|\bboto|None\b|nobody's hand|where it fails")
# What a month costs afterwards, or that it is not priced, is in every plan of these.
PRICED_KINDS = (
    "bootstrap",
    "db replica add",
    "db replica remove",
    "db resize",
    "db snapshot copy",
    "db snapshot create",
    "db snapshot export",
    "db snapshot prune",
    "deploy",
    "fleet limits",
    "fleet scale",
    "recover discard",
    "recover drill",
    "recover point-in-time",
    "recover rebuild",
    "recover region",
    "recover replica promote",
    "recover snapshot",
    "service autoscaling",
    "service scale",
)
# What is gone for good afterwards is in every plan of these.
LOSING_KINDS = (
    "db kill",
    "db kill-idle",
    "db replica remove",
    "db snapshot prune",
    "fleet deploy",
    "fleet refresh rollback",
    "fleet refresh start",
    "recover discard",
    "recover promote",
    "recover rebuild",
    "recover region",
    "recover replica promote",
)
PROCEDURES = list_procedures()


@cache
def build_procedure_plan(number: int) -> Plan:
    """The plan of a procedure, filled for its start."""
    procedure = PROCEDURES[number]
    with open_command_line(procedure.set_up) as (stage, _):
        return procedure.build_plan(stage).fill()


def print_plan(plan: Plan, width: int, capsys: pytest.CaptureFixture[str]) -> list[str]:
    from ops.cli.render import Output

    with open_terminal(width):
        Output("table").print_plan(plan)
    return capsys.readouterr().out.splitlines()


def name_procedure(number: int) -> str:
    procedure: Procedure = PROCEDURES[number]
    return f"{procedure.command} {procedure.arguments}"


each_plan = pytest.mark.parametrize("number", range(len(PROCEDURES)), ids=name_procedure)


@each_plan
def test_a_plan_declares_its_effects(number: int) -> None:
    plan = build_procedure_plan(number)
    assert plan.changes
    assert len(set(plan.changes)) == len(plan.changes)
    assert not {*plan.changes, *plan.losses} & {*plan.notes}
    if plan.kind in PRICED_KINDS:
        assert re.search(rf"\d \$ a month (more|less) \(|^{NOT_PRICED}\b", plan.cost)
    if plan.kind in LOSING_KINDS:
        assert plan.losses


@each_plan
@pytest.mark.parametrize("width", [60, WIDTH])
def test_a_plan_fits_the_terminal_and_shows_no_internals(
    number: int, width: int, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = build_procedure_plan(number)
    lines = print_plan(plan, width, capsys)
    assert len(lines) > len(plan.changes)
    for line in lines[1:]:  # the first is the command as it is typed
        words = line.split()
        # Only a name that is longer than what is left may stick out: it is copied whole.
        assert len(line) <= width or len(words) <= 2 or len(words[-1]) > width - 12, line
    text = "\n".join(lines)
    values = [change.partition(": ")[2] for change in plan.changes]
    for value in values:
        text = text.replace(value, "")
    assert not INTERNALS.search(text), INTERNALS.search(text)
