"""What the commands of `ops permissions` need: roles, calls to AWS, examples, wrong values."""

from typing import Final

from ops.core.declaration import Declaration

DECLARATIONS: Final = (
    Declaration(
        "permissions",
        role="reader",
        bad={"COMMAND": ("nonsense",), "--policy": ("nonsense!",)},
    ),
)
