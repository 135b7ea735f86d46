"""Commands call what their declarations (ops/NOUN/declarations.py) say: no more, no less."""

from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from typing import Any

import pytest
import typer

from ops.cli.app import COMMAND_GROUPS, main
from ops.cli.app import TOP_LEVEL_COMMANDS as WORDS
from ops.outputs import divide_part
from ops.permissions.declared import COMMAND_ROLES, DECLARATIONS, OUTPUTS_CALLS
from ops.permissions.names import build_stack_names
from ops.permissions.policies import build_policy_statements
from tests.ops import db_stage
from tests.ops.call_recorder import Recorded, recorded
from tests.ops.every_command import made, typing
from tests.ops.policy_evaluation import acts_on, allows, nobodys
from tests.ops.stage import REGION, stack_outputs

# What looks at whatever there is: at others' mute rules too, since they may mute our alarms.
LOOKS = ("Describe", "List", "GetAlarmMuteRule")


# Each is run as it is typed, which takes long in sum: with all tests one of six.
BY_TURNS = [
    pytest.param(command, marks=() if number % 6 == 0 else pytest.mark.exhaustive)
    for number, command in enumerate(sorted(COMMAND_ROLES))
]


def verbs(group: Any, path: tuple[str, ...]) -> Iterator[str]:
    """The commands below a group, as they are typed."""
    if not hasattr(group, "commands"):
        yield " ".join(path)
        return
    for name, command in group.commands.items():
        yield from verbs(command, (*path, name))


def every_command() -> list[str]:
    """All commands of the command line."""
    nouns = [
        verbs(typer.main.get_group(import_module(module).app), (noun,))
        for noun, (module, _) in COMMAND_GROUPS.items()
    ]
    return sorted([*WORDS, *(verb for noun in nouns for verb in noun)])


def test_every_command_has_its_line() -> None:
    for command in every_command():
        assert command in DECLARATIONS, f"declare {command} in its noun's declarations.py"
    names = {command.partition(" --")[0] for command in DECLARATIONS}
    assert names == set(every_command()), "a declaration is of no command"


@pytest.mark.parametrize("command", BY_TURNS)
def test_a_command_calls_what_its_line_says(command: str) -> None:
    seen, said = made(command), set(DECLARATIONS[command].calls)
    assert seen is not None, (
        f"{command} is run by no procedure of tests/ops/procedures, and by no line of LINES in "
        "tests/ops/every_command.py: add one"
    )
    unseen, calls = DECLARATIONS[command].unseen, {call.api for call in seen}
    missing, never = sorted(calls - said), sorted(said - calls - set(unseen))
    assert not missing, f"add to the calls that {command} declares: {', '.join(map(repr, missing))}"
    assert not never, (
        f"{command} declares {', '.join(map(repr, never))}, which nothing calls: take it out, or "
        "run what calls it, by a procedure or a line of LINES in tests/ops/every_command.py"
    )
    assert not set(unseen) & calls, f"{command}: declared unseen, and seen"


def test_outputs_come_from_parameter_store() -> None:
    with typing(lambda _: None) as (on, _):
        body = on.outputs.model_dump(mode="json", by_alias=True)
        for part, value in body.items():
            grown = {"services": "services", "loadBalancer": "targets"}.get(part)
            labels = sorted(value[grown]) if grown else []
            labels = ["1"] if part == "alarms" else labels
            for name, text in divide_part(part, value, labels).items():
                on.client("ssm").put_parameter(
                    Name=f"/bulwark/test/outputs/{name}", Value=text, Type="String"
                )
        with recorded() as calls:
            words = ["outputs", "show", "--stack", "test", "--region", REGION, "--source", "ssm"]
            assert main(words) == 0
    assert {call.api for call in calls} == set(OUTPUTS_CALLS)


def test_the_recorder_sees_paginated_calls_and_their_parameters() -> None:
    with typing(db_stage.put) as (_, typed), recorded() as calls:
        assert typed("db snapshot list --kind all") == 0
    assert Recorded("rds.describe_db_snapshots", calls[0].params, REGION) == calls[0]
    assert calls[0].params["DBInstanceIdentifier"] == "bulwark-test-database"


@pytest.mark.parametrize("command", BY_TURNS)
def test_a_commands_policy_allows_its_calls_on_what_they_act_on(command: str) -> None:
    """And the policy of the same command for another stack allows none of the changing ones."""
    outputs = stack_outputs()
    own = build_policy_statements(build_stack_names(outputs), [command])
    theirs = build_policy_statements(
        replace(build_stack_names(outputs), stack="other", bucket="other"), [command]
    )
    for call in made(command) or ():
        acts = acts_on(call)
        for action, arn in acts:
            assert allows(own, action, arn), f"{action} on {arn}"
            if not action.split(":")[1].startswith(LOOKS) and not nobodys(action, arn):
                assert not allows(theirs, action, arn), f"{action} on {arn} by another stack"
        # It takes all of them: one that is the stack's own is enough to keep another stack off.
        for action in {action for action, _ in acts}:
            assert not all(nobodys(*act) for act in acts if act[0] == action), action


@pytest.mark.exhaustive
def test_what_calls_act_on_is_known_of_every_changing_call() -> None:
    """Else the test above would look at nothing."""
    resolved = {
        call.api for command in COMMAND_ROLES for call in made(command) or () if acts_on(call)
    }
    changing = {
        api
        for declaration in DECLARATIONS.values()
        for api in declaration.calls
        if not api.split(".")[1].startswith(("describe_", "filter_", "get_", "list_"))
    }
    # What no test makes has a test of its own where it is named.
    assert changing - resolved - {api for d in DECLARATIONS.values() for api in d.unseen} == set()
