"""Commands call what their declarations (ops/NOUN/declarations.py) say: no more, no less."""

import zlib
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from typing import Any

import pytest
import typer

from ops.cli.app import COMMAND_GROUPS, main
from ops.cli.app import TOP_LEVEL_COMMANDS as WORDS
from ops.outputs import divide_part
from ops.permissions.apis import API_GRANTS
from ops.permissions.declared import COMMAND_ROLES, DECLARATIONS, OUTPUTS_CALLS
from ops.permissions.names import build_stack_names
from ops.permissions.policies import build_policy_statements
from tests.ops import db_stage
from tests.ops.call_recorder import RecordedCall, record_calls
from tests.ops.every_command import open_command_line, record_command_calls
from tests.ops.policy_evaluation import (
    is_allowed,
    is_outside_any_stack,
    is_published_by_aws,
    list_call_actions,
)
from tests.ops.stage import REGION, build_stack_outputs

# What looks at whatever there is: at others' mute rules too, since they may mute our alarms.
READ_ACTION_PREFIXES = ("Describe", "List", "GetAlarmMuteRule")


# Each is run as it is typed, which takes long in sum: one of six in a default run, by its name.
COMMANDS_BY_TURN = [
    pytest.param(
        command, marks=() if zlib.crc32(command.encode()) % 6 == 0 else pytest.mark.exhaustive
    )
    for command in sorted(COMMAND_ROLES)
]


def list_verbs(group: Any, path: tuple[str, ...]) -> Iterator[str]:
    """The commands below a group, as they are typed."""
    is_group = hasattr(group, "commands")
    if not is_group or group.invoke_without_command:
        yield " ".join(path)
    for name, command in group.commands.items() if is_group else ():
        yield from list_verbs(command, (*path, name))


def list_all_command_names() -> list[str]:
    """All commands of the command line."""
    nouns = [
        list_verbs(typer.main.get_group(import_module(module).app), (noun,))
        for noun, (module, _) in COMMAND_GROUPS.items()
    ]
    return sorted([*WORDS, *(verb for noun in nouns for verb in noun)])


def test_every_command_has_its_line() -> None:
    for command in list_all_command_names():
        assert command in DECLARATIONS, f"declare {command} in its noun's declarations.py"
    names = {command.partition(" --")[0] for command in DECLARATIONS}
    assert names == set(list_all_command_names()), "a declaration is of no command"


@pytest.mark.parametrize("command", COMMANDS_BY_TURN)
def test_a_command_calls_what_its_line_says(command: str) -> None:
    seen, said = record_command_calls(command), set(DECLARATIONS[command].calls)
    assert seen is not None, (
        f"{command} is run by no procedure of tests/ops/procedures, and by no line of LINES in "
        "tests/ops/typed_lines.py: add one"
    )
    unseen, calls = DECLARATIONS[command].unseen, {call.api for call in seen}
    missing, never = sorted(calls - said), sorted(said - calls - set(unseen))
    assert not missing, f"add to the calls that {command} declares: {', '.join(map(repr, missing))}"
    assert not never, (
        f"{command} declares {', '.join(map(repr, never))}, which nothing calls: take it out, or "
        "run what calls it, by a procedure or a line of TYPED_LINES in tests/ops/typed_lines.py"
    )
    assert not set(unseen) & calls, f"{command}: declared unseen, and seen"


def test_outputs_come_from_parameter_store() -> None:
    with open_command_line(lambda _: None) as (stage, _):
        body = stage.outputs.model_dump(mode="json", by_alias=True)
        for part, value in body.items():
            grown = {"services": "services", "loadBalancer": "targets"}.get(part)
            labels = sorted(value[grown]) if grown else []
            labels = ["1"] if part == "alarms" else labels
            for name, text in divide_part(part, value, labels).items():
                stage.client("ssm").put_parameter(
                    Name=f"/bulwark/test/outputs/{name}", Value=text, Type="String"
                )
        with record_calls() as calls:
            words = ["outputs", "show", "--stack", "test", "--region", REGION, "--source", "ssm"]
            assert main(words) == 0
    assert {call.api for call in calls} == set(OUTPUTS_CALLS)


def test_the_recorder_sees_paginated_calls_and_their_parameters() -> None:
    with open_command_line(db_stage.put_database) as (_, typed), record_calls() as calls:
        assert typed("db snapshot list --kind all") == 0
    assert RecordedCall("rds.describe_db_snapshots", calls[0].params, REGION) == calls[0]
    assert calls[0].params["DBInstanceIdentifier"] == "bulwark-test-database"


@pytest.mark.parametrize("command", COMMANDS_BY_TURN)
def test_a_commands_policy_allows_its_calls_on_what_they_act_on(command: str) -> None:
    """And the policy of the same command for another stack allows none of the changing ones."""
    outputs = build_stack_outputs()
    own = build_policy_statements(build_stack_names(outputs), [command])
    theirs = build_policy_statements(
        replace(build_stack_names(outputs), stack="other", bucket="other"), [command]
    )
    for call in record_command_calls(command) or ():
        acts = list_call_actions(call)
        for action, arn in acts:
            assert is_allowed(own, action, arn), f"{action} on {arn}"
            if not action.split(":")[1].startswith(
                READ_ACTION_PREFIXES
            ) and not is_outside_any_stack(action, arn):
                assert not is_allowed(theirs, action, arn), f"{action} on {arn} by another stack"
        # It takes all of them: one that is the stack's own is enough to keep another stack off.
        for action in {action for action, _ in acts}:
            assert not all(
                is_outside_any_stack(*act) and not is_published_by_aws(act[1])
                for act in acts
                if act[0] == action
            ), action


@pytest.mark.exhaustive
def test_what_calls_act_on_is_known_of_every_changing_call() -> None:
    """Else the test above would look at nothing."""
    resolved = {
        call.api
        for command in COMMAND_ROLES
        for call in record_command_calls(command) or ()
        if list_call_actions(call)
    }
    changing = {
        api
        for declaration in DECLARATIONS.values()
        for api in declaration.calls
        if not api.split(".")[1].startswith(("describe_", "filter_", "get_", "list_"))
    }
    # What no test makes has a test of its own where it is named.
    unseen = {api for d in DECLARATIONS.values() for api in d.unseen}
    assert changing - resolved - unseen - list_unscoped_apis() == set()


def list_unscoped_apis() -> set[str]:
    """The calls that AWS cannot restrict to resources, so that they act on nothing by name."""
    return {
        api
        for api, grants in API_GRANTS.items()
        if all(grant.resources == ("everywhere",) for grant in grants)
    }
