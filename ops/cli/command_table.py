"""`python -m ops.cli.command_table` writes what lists commands.

The tables in docs/commands.md and README.md are made from the declarations (role, example) and from
the help pages; the kinds of plans (ops/core/plan_kind.py), a type, from the declarations.
"""

from itertools import groupby
from pathlib import Path
from typing import Final

from ops.cli.app import COMMAND_GROUPS, TOP_LEVEL_COMMANDS
from ops.cli.command_tree import CommandNode, list_commands
from ops.cli.examples import format_example
from ops.core.declaration import ROLES, Declaration
from ops.permissions.declared import DECLARATIONS, list_plan_kinds

PROJECT_FOLDER: Final = Path(__file__).parents[2]
COMMANDS_PAGE_PATH: Final = PROJECT_FOLDER / "docs" / "commands.md"
PLAN_KIND_PATH: Final = PROJECT_FOLDER / "ops" / "core" / "plan_kind.py"
README_PATH: Final = PROJECT_FOLDER / "README.md"
# Lines of README.md between which its table is; GitHub does not show them.
TABLE_START: Final = "<!-- written by python -m ops.cli.command_table -->"
TABLE_END: Final = "<!-- end of the table -->"
NO_ROLE: Final = "none"
PAGE_HEAD: Final = """# Commands

Every command of `ops`, with the least role that may run it ([access](runbook/access.md)) and an
example. A command with the role "none" calls nothing of a stack. This page is written by
`python -m ops.cli.command_table` from the declarations of the commands and their help; a test fails
if it is out of date. `ops COMMAND --help` lists the options.
"""

PLAN_KIND_HEAD: Final = '''"""The kinds of plans: the commands that carry out a plan of their own.

Written by `python -m ops.cli.command_table` from the declarations of the commands.
"""

from typing import Literal, TypeAlias

PlanKind: TypeAlias = Literal['''


def render_commands_page() -> str:
    """docs/commands.md: every command, its role, an example and its help line, by noun."""
    sections = [PAGE_HEAD]
    for noun, commands in groupby(list_commands(), key=_get_noun):
        rows = [row for node in commands for row in _build_rows(node)]
        head = f"## {noun}\n"
        table = "| command | role | example | what it does |\n|---|---|---|---|"
        sections.append("\n".join([head, table, *rows, ""]))
    return "\n".join(sections)


def render_noun_table() -> str:
    """README.md's table: every noun, its verbs, and the roles that its commands need."""
    rows = ["| command | verbs | role | what it is about |", "|---|---|---|---|"]
    for noun, commands in groupby(list_commands(), key=lambda node: node.words[0]):
        nodes = list(commands)
        verbs = ", ".join(f"`{' '.join(node.words[1:])}`" for node in nodes if node.words[1:])
        roles = _format_roles([d for node in nodes for d in _list_declarations(node)])
        rows.append(f"| `ops {noun}` | {verbs} | {roles} | {_get_noun_line(noun)} |")
    return "\n".join(rows)


def insert_noun_table(readme: str) -> str:
    """README.md with its table written again. Raises ValueError if it has no place for it."""
    start, rest = readme.split(TABLE_START)
    _, end = rest.split(TABLE_END)
    return f"{start}{TABLE_START}\n\n{render_noun_table()}\n\n{TABLE_END}{end}"


def render_plan_kinds() -> str:
    """ops/core/plan_kind.py: the commands that carry out a plan of their own, as a type."""
    rows = [f'    "{kind}",' for kind in list_plan_kinds()]
    return "\n".join([PLAN_KIND_HEAD, *rows, "]", ""])


def _get_noun(node: CommandNode) -> str:
    """The heading that a command is under: commands that are no noun's have one together."""
    return f"ops {node.words[0]}" if node.words[0] in COMMAND_GROUPS else "The whole stack"


def _get_noun_line(noun: str) -> str:
    return (TOP_LEVEL_COMMANDS | COMMAND_GROUPS)[noun][1]


def _list_declarations(node: CommandNode) -> list[Declaration]:
    """The declaration of a command, then those of its options that need another role."""
    return [DECLARATIONS[node.name], *_list_option_declarations(node)]


def _list_option_declarations(node: CommandNode) -> list[Declaration]:
    return [d for d in DECLARATIONS.values() if d.command.startswith(f"{node.name} --")]


def _build_rows(node: CommandNode) -> list[str]:
    declaration = DECLARATIONS[node.name]
    variants = {d.command.split()[-1]: d for d in _list_option_declarations(node)}
    # An example that has such an option is one of the variant, which may need another role.
    is_plain = not set(declaration.line.split()) & set(variants)
    example = format_example(declaration) if is_plain else f"ops {node.name}"
    rows = [_format_row(node.name, declaration, example, node.help)]
    for option, variant in variants.items():
        line = f"{node.name} {option} {node.options[option]}".strip()
        rows.append(_format_row(line, variant, f"ops {line}", f"the same, with {option}"))
    return rows


def _format_row(command: str, declaration: Declaration, example: str, text: str) -> str:
    shown_text = text.replace("|", "\\|")
    return f"| `ops {command}` | {declaration.role or NO_ROLE} | `{example}` | {shown_text} |"


def _format_roles(declarations: list[Declaration]) -> str:
    """The least and the greatest role of some commands."""
    roles = [role for role in ROLES if role in {d.role for d in declarations}]
    return " to ".join(dict.fromkeys((roles[0], roles[-1]))) if roles else NO_ROLE


def write_tables() -> None:
    """Writes the page, the table and the type."""
    PLAN_KIND_PATH.write_text(render_plan_kinds(), encoding="utf-8")
    COMMANDS_PAGE_PATH.write_text(render_commands_page(), encoding="utf-8")
    readme = README_PATH.read_text(encoding="utf-8")
    README_PATH.write_text(insert_noun_table(readme), encoding="utf-8")


if __name__ == "__main__":
    write_tables()
