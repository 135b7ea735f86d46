"""What help pages say beside a command's own options, and what a misspelt line may have meant.

Imported only for a help page or an error: the declarations of all nouns are read for it.
"""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, Final

from ops.cli.examples import format_example
from ops.permissions.declared import DECLARATIONS

# Source: ops/core/errors.py.
EXIT_CODES: Final = (
    "0 done, 1 failed, 2 bad input, 3 findings, 4 not finished in time, 5 failed and undone, "
    "6 another operation holds the lock, 130 interrupted"
)
MAX_SUGGESTIONS: Final = 3


def add_epilogs(command: Any, name: str) -> None:
    """Adds an example and the exit codes to the help of a command, or of a group's commands."""
    for member_name, member in getattr(command, "commands", {}).items():
        add_epilogs(member, f"{name} {member_name}")
    if hasattr(command, "commands"):
        return
    parts = [f"Exit codes: {EXIT_CODES}.", "Options of every command: ops --help."]
    if name in DECLARATIONS:
        parts.insert(0, f"Example: {format_example(DECLARATIONS[name])}")
    is_rich = getattr(command, "rich_markup_mode", None) is not None
    texts = [part.replace("[", "\\[") for part in parts] if is_rich else parts
    command.epilog = "\n\n".join(texts)


def suggest_commands(typed: str, nouns: Sequence[str]) -> list[str]:
    """Nouns and commands that a first word may have meant: a near spelling, or a noun's verb."""
    near = get_close_matches(typed, nouns, MAX_SUGGESTIONS)
    verbs = {word for command in DECLARATIONS for word in command.split()[1:]}
    meant = {typed, *get_close_matches(typed, sorted(verbs), 1, cutoff=0.8)}
    with_verb = [command for command in DECLARATIONS if meant & set(command.split()[1:])]
    return [*near, *with_verb][:MAX_SUGGESTIONS]


def suggest_options(typed: str, options: Sequence[str], shared: Sequence[str]) -> list[str]:
    """Options that a misspelt one may have meant: those of its command, then those of all."""
    candidates = dict.fromkeys([*shared, *options])
    return get_close_matches(typed, list(candidates), MAX_SUGGESTIONS)
