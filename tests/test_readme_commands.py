"""The tables of commands match the command line, and so do the verbs that a help text lists."""

import re
from typing import get_args

import pytest

from ops.cli.app import COMMAND_GROUPS
from ops.cli.command_table import (
    COMMANDS_PAGE_PATH,
    NO_ROLE,
    PLAN_KIND_PATH,
    README_PATH,
    insert_noun_table,
    render_commands_page,
    render_noun_table,
    render_plan_kinds,
)
from ops.cli.command_tree import build_command_tree, list_commands
from ops.core.declaration import ROLES
from ops.core.plan_kind import PlanKind
from ops.permissions.declared import DECLARATIONS, list_plan_kinds

ADVICE = "run: python -m ops.cli.command_table"
GROUPS = {node.words: node for node in build_command_tree().values() if node.members}
# What the help pages say of each group: its line on the first page, and that on its own.
GROUP_HELPS = [
    *((words, node.help) for words, node in GROUPS.items()),
    *(((noun,), line) for noun, (_, line) in COMMAND_GROUPS.items()),
]


def get_members(words: tuple[str, ...]) -> tuple[str, ...]:
    """The commands of a group; none if the group is one command, or has hidden ones alone."""
    return GROUPS[words].members if words in GROUPS else ()


def list_named_verbs(text: str, members: tuple[str, ...]) -> list[str]:
    """The words behind a text's colon, if it lists verbs: one of them is a member."""
    words = [word.strip(" .") for word in text.partition(": ")[2].split(",")]
    return words if set(words) & set(members) else []


def test_the_readme_has_the_table_of_nouns() -> None:
    readme = README_PATH.read_text(encoding="utf-8")
    assert insert_noun_table(readme) == readme, ADVICE


def test_the_page_of_commands_is_the_one_that_would_be_written() -> None:
    assert COMMANDS_PAGE_PATH.read_text(encoding="utf-8") == render_commands_page(), ADVICE


def test_the_kinds_of_plans_are_those_of_the_declared_commands() -> None:
    assert PLAN_KIND_PATH.read_text(encoding="utf-8") == render_plan_kinds(), ADVICE


def test_a_command_that_only_writes_a_record_is_no_kind_of_plan() -> None:
    kinds = list_plan_kinds()
    assert set(kinds) == set(get_args(PlanKind))
    assert {"bootstrap", "db parameters", "deploy"} < set(kinds)
    assert not {"db connect", "lock break", "recover drills", "runs resume"} & set(kinds)


def test_every_command_is_in_both_tables_with_its_role() -> None:
    page, table = render_commands_page(), render_noun_table()
    for node in list_commands():
        role = DECLARATIONS[node.name].role or NO_ROLE
        assert f"\n| `ops {node.name}` | {role} | `ops {node.name}" in page
        noun, *verbs = node.words
        (row,) = [line for line in table.splitlines() if line.startswith(f"| `ops {noun}` |")]
        assert not verbs or f"`{' '.join(verbs)}`" in row


def test_every_declaration_is_on_the_page_unless_its_command_is_hidden() -> None:
    page = render_commands_page()
    hidden = {node.name for node in build_command_tree().values() if node.hidden}
    assert hidden < set(DECLARATIONS)
    for command, declaration in DECLARATIONS.items():
        pattern = rf"\n\| `ops {command}(?: [A-Z-]+)?` \| {declaration.role or NO_ROLE} \|"
        assert bool(re.search(pattern, page)) == (command not in hidden), command


def test_roles_are_from_the_least_to_the_greatest() -> None:
    for span in re.findall(r"\| (\w+ to \w+) \|", render_noun_table()):
        least, greatest = span.split(" to ")
        assert ROLES.index(least) < ROLES.index(greatest)


@pytest.mark.parametrize(("words", "text"), GROUP_HELPS)
def test_a_help_that_lists_verbs_lists_those_that_there_are(
    words: tuple[str, ...], text: str
) -> None:
    members = get_members(words)
    assert set(list_named_verbs(text, members)) <= set(members)


def test_a_listed_verb_that_is_not_there_is_seen() -> None:
    assert list_named_verbs("windows: run, state.", ("run", "status")) == ["run", "state"]
    assert sum(bool(list_named_verbs(t, get_members(w))) for w, t in GROUP_HELPS) > 5
