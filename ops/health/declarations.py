"""What the commands of `ops health` need: roles, calls to AWS, examples, wrong values."""

from typing import Final

from ops.core.declaration import Declaration
from ops.health.registry import list_view_calls

DECLARATIONS: Final = (
    Declaration(
        "health",
        role="reader",
        calls=list_view_calls("health"),
        bad={"--url": ("ftp://x", "app.example.com")},
    ),
    Declaration(
        "health --list",
        role=None,
    ),
)
