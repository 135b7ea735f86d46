"""Each option and argument of each command with a wrong value: one line, exit 2, nothing called.

Numbers and choices have their own bounds. Other wrong values, or why there are none, are in the
command's declaration (ops/NOUN/declarations.py). An option without either fails here.
"""

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
from tests.ops.call_recorder import recorded
from tests.ops.every_command import put_bucket, typing
from tests.ops.preview_files import PREVIEWS
from tests.ops.procedures import alarms
from tests.ops.procedures.recover_rebuild import FOLDER, put_program
from tests.ops.stage import Stage


@dataclass(frozen=True)
class Param:
    """One option or argument of a command. `name` is how it is called on the line."""

    command: str
    name: str
    kind: Any
    least: float | None
    most: float | None

    @property
    def declaration(self) -> Declaration:
        """What its command declares."""
        return DECLARATIONS[self.command]

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

    def wrong(self) -> tuple[str, ...]:
        """Values that it cannot have."""
        if self.reason is None and (bad := self.declaration.bad.get(self.name)):
            return bad
        if self.reason is None and self.name in SHARED_BAD:
            return SHARED_BAD[self.name]
        if get_origin(self.kind) is Literal:
            return ("nonsense",)
        if self.kind in (int, float):
            less = () if self.least is None else (f"{self.least - 1:g}",)
            more = () if self.most is None else (f"{self.most + 1:.0f}",)
            return ("soon", *less, *more)
        return ()


@cache
def commands() -> tuple[tuple[str, Any], ...]:
    """Every command of every noun, as typer has it."""

    def below(path: str, command: Any) -> Iterator[tuple[str, Any]]:
        if not hasattr(command, "commands"):
            yield path, command
            return
        for name, one in command.commands.items():
            yield from below(f"{path} {name}", one)

    found: list[tuple[str, Any]] = []
    for name, (module, _) in (TOP_LEVEL_COMMANDS | COMMAND_GROUPS).items():
        app = import_module(module).app
        made = typer.main.get_group if name in COMMAND_GROUPS else typer.main.get_command
        found += below(name, made(app))
    return tuple(found)


@cache
def params() -> tuple[Param, ...]:
    """Every option and argument that takes a value."""
    found = []
    for command, made in commands():
        for param in made.params:
            option = param.param_type_name == "option"
            if (option and param.is_flag) or param.name == "help":
                continue
            kind = param.type_descriptor.annotation
            name = max(param.opts, key=len) if option else bare(param)
            found.append(Param(command, name, kind, param.min, param.max))
    return tuple(found)


def bare(param: Any) -> str:
    """An argument's name as messages have it."""
    return str(param.metavar or param.name).strip("[].").replace("-- ", "").rstrip(".]").upper()


CASES: Final = [(param, value) for param in params() for value in param.wrong()]


@pytest.mark.parametrize("param", params(), ids=lambda p: f"{p.command} {p.name}")
def test_each_option_has_a_wrong_value_or_a_reason_why_not(param: Param) -> None:
    assert param.wrong() or param.reason, (
        f"declare a bad value of {param.name} of {param.command}, or why it has none (never_bad)"
    )


@pytest.fixture(scope="module")
def stack() -> Iterator[tuple[Stage, dict[str, str], Any]]:
    """One stack for all lines, since none of them may change it; with a run to speak of."""

    def build(on: Stage) -> None:
        db_stage.put(on, BackupRetentionPeriod=7)
        service_stage.put(on, ("backend", "frontend"))
        service_stage.put_scaling(on)
        fleet_stage.put(on)
        alarms.put(on)
        put_program()
        put_bucket(on)

    with typing(build) as (on, typed):
        assert typed("db snapshot create --yes") == 0
        keys = on.client("s3").list_objects_v2(Bucket=on.outputs.backups.operations_bucket)
        run = keys["Contents"][0]["Key"].split("/")[1]
        yield (
            on,
            {
                "run": run,
                "snapshot": f"bulwark-test-database-{run}",
                "image": service_stage.IMAGE,
                "fleet_image": fleet_stage.IMAGE,
                "previews": str(PREVIEWS),
                "program": str(FOLDER),
            },
            typed,
        )


@pytest.mark.parametrize(
    ("param", "value"), CASES, ids=[f"{p.command} {p.name} {v}" for p, v in CASES]
)
def test_a_wrong_value_is_one_line_and_nothing_is_called(
    param: Param, value: str, stack: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    _, words, typed = stack
    line = typed_line(param, value).format(**words)
    capsys.readouterr()
    with recorded() as calls:
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


def typed_line(param: Param, value: str) -> str:
    """The command with this value, and with what it needs besides."""
    options = {p.name for p in params() if p.command == param.command}
    needed = dict(param.declaration.needs)
    if "--service" in options and param.command.startswith("service"):
        needed.setdefault("--service", "backend")
    needed[param.name] = value
    rest = [v for k, v in needed.items() if not k.startswith("-")]
    given = [f"{k}={v}" for k, v in needed.items() if k.startswith("-")]
    made = dict(commands())[param.command]
    yes = ["--yes"] if any("--yes" in p.opts for p in made.params) else []
    return " ".join([param.command, *given, *yes, *rest])
