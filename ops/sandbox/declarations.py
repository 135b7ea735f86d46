"""What the commands of `ops sandbox` need: roles, calls to AWS, examples, wrong values."""

from typing import Final

from ops.core.declaration import Declaration

DECLARATIONS: Final = (
    Declaration(
        "sandbox serve",
        role=None,
        never_bad={"COMMAND": "any command of the machine; one that is not there ends with 127"},
    ),
    Declaration(
        "sandbox push",
        role=None,
        needs={"NAME:TAG": "backend:v2"},
        bad={"NAME:TAG": ("backend", "backend:", ":v2", "Backend:v2")},
    ),
)
