"""What alarms, checks and errors advise people to run is a line that the command line takes."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from components.alarm_registry import REGISTRY_ALARMS, REGISTRY_COMPOSITES
from ops.cli.app import (
    COMMAND_GROUPS,
    TOP_LEVEL_COMMANDS,
    app,
    move_shared_options_first,
)

OPS_FOLDER = Path(sys.modules["ops"].__file__ or "").parent
# What stands for a value that only the person knows.
COMMAND_PLACEHOLDERS = {
    "GIB": "200",
    "CLASS": "db.m7g.large",
    "COUNT": "4",
    "NAME": "backend",
    "VERSION": "16.9",
    "SNAPSHOT": "one",
    "FILE": "outputs.json",
    # Of a cause's rule: what the cause is about. A rule that names it is about a session.
    "{subject}": "4242",
}
INCIDENT_NAME = "incident-20261130-031500-1a2b"
# Texts whose filling is more than a name, and what it may be.
FILLINGS = {
    "ops check {}": "ops check pre-deploy",
    "ops db kill {} --terminate": "ops db kill 4242 --terminate",
    "ops db kill {}": "ops db kill 4242",
    "ops db kill {}{}": "ops db kill 4242 --terminate",
    "ops db kill {}{}{}": "ops db kill 4242 --terminate",
    'ops incident note "TEXT" --incident {}': f"ops incident note TEXT --incident {INCIDENT_NAME}",
    "ops incident report {}": f"ops incident report {INCIDENT_NAME}",
    "ops incident status {}": f"ops incident status {INCIDENT_NAME}",
    "ops incident status {} --to status.html": (
        f"ops incident status {INCIDENT_NAME} --to status.html"
    ),
    "ops fleet limits {}": "ops fleet limits --max 9",
    "ops service autoscaling --service {} {}": "ops service autoscaling --service backend --max 9",
    "ops fleet limits --max {}": "ops fleet limits --max 9",
    "ops check {} --record": "ops check weekly --record",
    "ops check {} --only {} --output json": "ops check weekly --only alarms --output json",
    "ops db snapshot prune --keep {} --older-than {}": (
        "ops db snapshot prune --keep 7 --older-than 90"
    ),
    "ops quotas request {} --value {}": "ops quotas request L-7B6409FD --value 40",
    "ops quotas request {} --value {}{}": "ops quotas request L-7B6409FD --value 40",
    "ops quotas request {} --value {} --in {}": (
        "ops quotas request L-7B6409FD --value 40 --in eu-west-1"
    ),
    "ops quotas request L-7B6409FD --value {} --in {}": (
        "ops quotas request L-7B6409FD --value 40 --in eu-west-1"
    ),
}
# Names in a journal of what was done; not for anybody to type.
RECORDED_COMMANDS = ("ops lock break",)
NOUNS = TOP_LEVEL_COMMANDS.keys() | COMMAND_GROUPS.keys()
ALARM_COMMANDS = {
    *(alarm.format_command("backend") for alarm in REGISTRY_ALARMS),
    *(alarm.format_command("fleet") for alarm in REGISTRY_ALARMS),
    *(composite.command for composite in REGISTRY_COMPOSITES),
}


def list_command_texts() -> Iterator[str]:
    """The texts of the code of ops that are lines of it; what is filled in is the backend."""
    for file in sorted(OPS_FOLDER.rglob("*.py")):
        nodes = list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
        parts = {
            id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values
        }
        for node in nodes:
            if id(node) in parts:
                continue
            match node:
                case ast.Constant(value=str(text)):
                    pass
                case ast.JoinedStr(values=values):
                    text = fill_text(values)
                case _:
                    continue
            if (
                re.match(r"ops [a-z]", text)
                and text.split()[1] in TOP_LEVEL_COMMANDS | COMMAND_GROUPS
            ):
                yield text


def fill_text(values: list[ast.expr]) -> str:
    """An f-string as FILLINGS has it, or with the backend for all that is filled in."""
    text = "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in values)
    return FILLINGS.get(text, text).replace("{}", "backend")


def parse_ops_line(line: str) -> None:
    """Parses each command of a line as the program does, without running it; raises where not."""
    for command in line.split(" && "):
        if command.startswith("ops "):  # else nothing, or a command of another program
            parse_ops_command(command)


def parse_ops_command(line: str) -> None:
    words = [COMMAND_PLACEHOLDERS.get(word, word) for word in line.partition(" #")[0].split()[1:]]
    context = typer.main.get_command(app).make_context("ops", move_shared_options_first(words))
    while hasattr(context.command, "resolve_command"):
        rest = [*context._protected_args, *context.args]
        if not rest and getattr(context.command, "invoke_without_command", False):
            return
        name, command, remaining = context.command.resolve_command(context, rest)
        assert command is not None
        context = command.make_context(name, remaining, parent=context)


@pytest.mark.parametrize("line", sorted(ALARM_COMMANDS))
def test_what_an_alarm_names_is_a_line_that_the_program_takes(line: str) -> None:
    parse_ops_line(line)


@pytest.mark.parametrize("line", sorted({*list_command_texts()} - {*RECORDED_COMMANDS}))
def test_what_the_code_advises_is_a_line_that_the_program_takes(line: str) -> None:
    parse_ops_line(line)


def test_a_line_that_the_program_does_not_take_is_seen() -> None:
    for line in ("ops service events backend", "ops db resize", "ops nothing"):
        with pytest.raises(Exception, match=r"(?i)unexpected|missing|no such"):
            parse_ops_line(line)
