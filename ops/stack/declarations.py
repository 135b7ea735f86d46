"""What the commands of `ops outputs` need: roles, calls to AWS, examples, wrong values."""

from typing import Final

from ops.core.declaration import Declaration

DECLARATIONS: Final = (
    Declaration(
        "outputs show",
        role="reader",
        bad={"PATH": ("nonsense", "registry..repositories", "stack.")},
    ),
)
