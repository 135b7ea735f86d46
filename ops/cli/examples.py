"""A command's example as a reader sees it, from its declaration."""

from typing import Final

from ops.core.declaration import Declaration

# What stands in an example for what a stack has, as a reader sees it.
PLACEHOLDERS: Final = {
    "{image}:v2": "IMAGE",
    "{fleet_image}:v2": "IMAGE",
    "{previews}/empty.json": "FILE",
    "{program}": "FOLDER",
    "{run}": "RUN",
    "{snapshot}": "SNAPSHOT",
    "/tmp/bulwark-no-such-state.json": "state.json",
}


def format_example(declaration: Declaration) -> str:
    """The line of a declaration, with names for what differs from stack to stack."""
    line = declaration.line
    for placeholder, shown in PLACEHOLDERS.items():
        line = line.replace(placeholder, shown)
    return line
