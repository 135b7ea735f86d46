"""Each option and argument of each command with a wrong value: one line, exit 2, nothing called.

Numbers and choices have their own bounds. Other wrong values, or why there are none, are in the
command's declaration (ops/NOUN/declarations.py). An option without either fails here.
"""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, Final, Literal, get_origin

import pytest
import typer

from ops.cli.app import COMMAND_GROUPS, TOP_LEVEL_COMMANDS
from ops.core.aws import is_read_call
from ops.core.declaration import (
    SHARED_BAD,
    SHARED_JUDGED_BY_AWS,
    SHARED_NEVER_BAD,
    Declaration,
)
from ops.permissions.declared import DECLARATIONS
from tests.ops import db_stage, fleet_stage, service_stage
from tests.ops.call_recorder import record_calls
from tests.ops.every_command import open_command_line
from tests.ops.preview_files import PREVIEW_FOLDER
from tests.ops.procedures import alarms
from tests.ops.procedures.recover_rebuild import PROGRAM_FOLDER, put_program_folder
from tests.ops.stage import Stage
from tests.ops.typed_lines import put_operations_bucket


@dataclass(frozen=True)
class CommandParameter:
    """One option or argument of a command. `name` is how it is called on the line.

    `command` can end with a flag that has a declaration of its own, like `network reach --probe`.
    """

    command: str
    name: str
    kind: Any
    minimum: float | None
    maximum: float | None

    @property
    def declaration(self) -> Declaration:
        """What its command declares."""
        return DECLARATIONS[self.command]

    @property
    def path(self) -> str:
        """Its command without a flag."""
        return self.command.partition(" --")[0]

    @property
    def reason(self) -> str | None:
        """Why no value of it is wrong; None if some are."""
        if self.name in self.declaration.bad:
            return None
        return self.declaration.never_bad.get(self.name) or SHARED_NEVER_BAD.get(self.name)

    @property
    def judged(self) -> bool:
        """Whether something must be read before a value can be refused."""
        if self.name in self.declaration.judged_by_aws:
            return True
        return self.name not in self.declaration.bad and self.name in SHARED_JUDGED_BY_AWS

    def list_wrong_values(self) -> tuple[str, ...]:
        """Values that it cannot have."""
        if self.reason is None and (bad := self.declaration.bad.get(self.name)):
            return bad
        if self.reason is None and self.name in SHARED_BAD:
            return SHARED_BAD[self.name]
        if get_origin(self.kind) is Literal:
            return ("nonsense",)
        if self.kind in (int, float):
            below_minimum = () if self.minimum is None else (f"{self.minimum - 1:g}",)
            above_maximum = () if self.maximum is None else (f"{self.maximum + 1:.0f}",)
            return ("soon", *below_minimum, *above_maximum)
        return ()


@cache
def list_typer_commands() -> tuple[tuple[str, Any], ...]:
    """Every command of every noun, as typer has it."""

    def walk_commands(path: str, command: Any) -> Iterator[tuple[str, Any]]:
        if not hasattr(command, "commands"):
            yield path, command
            return
        if command.invoke_without_command:  # it does something itself, as `ops audit` does
            yield path, command
        for name, subcommand in command.commands.items():
            yield from walk_commands(f"{path} {name}", subcommand)

    command_list: list[tuple[str, Any]] = []
    for name, (module, _) in (TOP_LEVEL_COMMANDS | COMMAND_GROUPS).items():
        app = import_module(module).app
        build_command = typer.main.get_group if name in COMMAND_GROUPS else typer.main.get_command
        command_list += walk_commands(name, build_command(app))
    return tuple(command_list)


@cache
def list_command_parameters() -> tuple[CommandParameter, ...]:
    """Every option and argument that takes a value."""
    parameter_list = []
    for command, typer_command in list_typer_commands():
        for param in typer_command.params:
            option = param.param_type_name == "option"
            if (option and param.is_flag) or param.name == "help":
                continue
            kind = param.type_descriptor.annotation
            name = max(param.opts, key=len) if option else get_argument_name(param)
            commands = [command]
            commands += [
                line
                for line, declaration in DECLARATIONS.items()
                if line.startswith(f"{command} --") and name in declaration.bad
            ]
            parameter_list += [
                CommandParameter(line, name, kind, param.min, param.max) for line in commands
            ]
    return tuple(parameter_list)


def get_argument_name(param: Any) -> str:
    """An argument's name as messages have it."""
    return str(param.metavar or param.name).strip("[].").replace("-- ", "").rstrip(".]").upper()


WRONG_VALUE_CASES: Final = [
    (param, value) for param in list_command_parameters() for value in param.list_wrong_values()
]


@pytest.mark.parametrize("param", list_command_parameters(), ids=lambda p: f"{p.command} {p.name}")
def test_each_option_has_a_wrong_value_or_a_reason_why_not(param: CommandParameter) -> None:
    assert param.list_wrong_values() or param.reason, (
        f"declare a bad value of {param.name} of {param.command}, or why it has none (never_bad)"
    )


def test_what_is_declared_of_an_option_is_of_one_that_its_command_has() -> None:
    """Else its wrong values would never be tried."""
    names = {(param.command, param.name) for param in list_command_parameters()}
    declared = {
        (command, name)
        for command, declaration in DECLARATIONS.items()
        for name in (*declaration.bad, *declaration.never_bad, *declaration.judged_by_aws)
    }
    assert declared - names == set()


@pytest.fixture(scope="module")
def stack() -> Iterator[tuple[Stage, dict[str, str], Any]]:
    """One stack for all lines, since none of them may change it; with a run to speak of."""

    def set_up(stage: Stage) -> None:
        db_stage.put_database(stage, BackupRetentionPeriod=7)
        service_stage.put_services(stage, ("backend", "frontend"))
        service_stage.put_scalable_target(stage)
        fleet_stage.put_fleet(stage)
        alarms.put_alarms(stage)
        put_program_folder()
        put_operations_bucket(stage)

    with open_command_line(set_up) as (stage, run_line):
        assert run_line("db snapshot create --yes") == 0
        keys = stage.client("s3").list_objects_v2(Bucket=stage.outputs.backups.operations_bucket)
        run = keys["Contents"][0]["Key"].split("/")[1]
        yield (
            stage,
            {
                "run": run,
                "snapshot": f"bulwark-test-database-{run}",
                "image": service_stage.BACKEND_IMAGE,
                "fleet_image": fleet_stage.FLEET_IMAGE,
                "previews": str(PREVIEW_FOLDER),
                "program": str(PROGRAM_FOLDER),
            },
            run_line,
        )


@pytest.mark.parametrize(
    ("param", "value"),
    WRONG_VALUE_CASES,
    ids=[f"{p.command} {p.name} {v}" for p, v in WRONG_VALUE_CASES],
)
def test_a_wrong_value_is_one_line_and_nothing_is_called(
    param: CommandParameter, value: str, stack: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    _, words, typed = stack
    line = build_wrong_line(param, value).format(**words)
    capsys.readouterr()
    with record_calls() as calls:
        code = typed(line)
    first, *advice = capsys.readouterr().err.splitlines()
    assert code == 2, first
    assert first.startswith("ops: ")
    assert param.name in first
    assert all(more.startswith("  ") for more in advice), advice
    asked = [call.api for call in calls]
    assert [api for api in asked if not is_read_call(api)] == []
    if not param.judged:
        assert asked == []


def build_wrong_line(param: CommandParameter, value: str) -> str:
    """The command with this value, and with what it needs besides."""
    options = {
        other_parameter.name
        for other_parameter in list_command_parameters()
        if other_parameter.command == param.path
    }
    needed = dict(param.declaration.needs)
    if "--service" in options and param.command.startswith("service"):
        needed.setdefault("--service", "backend")
    needed[param.name] = value
    argument_words = [v for k, v in needed.items() if not k.startswith("-")]
    option_words = [f"{k}={v}" for k, v in needed.items() if k.startswith("-")]
    typer_command = dict(list_typer_commands())[param.path]
    yes = (
        ["--yes"]
        if any("--yes" in other_parameter.opts for other_parameter in typer_command.params)
        else []
    )
    return f"{param.command} {shlex.join([*option_words, *yes, *argument_words])}"
