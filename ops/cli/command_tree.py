"""The command line as a tree of click's commands: which lines there are, and what each takes."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import typer

from ops.cli.app import SHARED_OPTIONS, app


@dataclass(frozen=True)
class CommandNode:
    """A command or a group: its words behind `ops`, its help line, its options, its members.

    A group that `runs_alone` is a command as well. `options` has each option with the name of its
    value, empty for a flag. `arguments` are the names of the values that are no options. `members`
    are the next words, empty for a command.
    """

    words: tuple[str, ...]
    help: str
    options: dict[str, str]
    arguments: tuple[str, ...]
    members: tuple[str, ...]
    hidden: bool
    runs_alone: bool

    @property
    def name(self) -> str:
        """What is typed behind `ops`."""
        return " ".join(self.words)


@cache
def build_command_tree() -> dict[tuple[str, ...], CommandNode]:
    """Every command and group by its words, in the order of the help pages. Imports all nouns."""
    root: Any = typer.main.get_command(app)
    context = root.make_context("ops", ["health"], resilient_parsing=True)
    return {node.words: node for node in _walk(root, context, ())}


def list_commands() -> list[CommandNode]:
    """The commands that a person types: no groups, and nothing hidden from the help pages."""
    return [
        node
        for node in build_command_tree().values()
        if (node.runs_alone or not node.members) and not node.hidden
    ]


def _walk(command: Any, context: Any, words: tuple[str, ...]) -> Iterator[CommandNode]:
    members = tuple(command.list_commands(context)) if hasattr(command, "list_commands") else ()
    if words:
        yield _build_node(command, context, words, members)
    for member in members:
        # A noun is imported only when it is resolved.
        _, child, _ = command.resolve_command(context, [member])
        child_context = type(context)(child, parent=context, info_name=member)
        yield from _walk(child, child_context, (*words, member))


def _build_node(
    command: Any, context: Any, words: tuple[str, ...], members: tuple[str, ...]
) -> CommandNode:
    options: dict[str, str] = {}
    arguments: list[str] = []
    for parameter in command.get_params(context):
        if parameter.param_type_name == "argument":
            arguments.append(str(parameter.metavar or parameter.name).upper())
            continue
        value = "" if parameter.is_flag or parameter.count else parameter.opts[0].strip("-").upper()
        options |= dict.fromkeys((*parameter.opts, *parameter.secondary_opts), value)
    options |= {name: name.strip("-").upper() for name in SHARED_OPTIONS}
    help_line = command.get_short_help_str(limit=200)
    runs_alone = getattr(command, "invoke_without_command", False)
    return CommandNode(
        words, help_line, options, tuple(arguments), members, command.hidden, runs_alone
    )
