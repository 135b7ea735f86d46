"""What the commands of `ops cost` need: roles, calls to AWS, examples, wrong values."""

from typing import Final

from ops.core.declaration import Declaration
from ops.health.registry import list_view_calls

DECLARATIONS: Final = (
    Declaration(
        "cost estimate",
        role=None,
        bad={"FILE": ("/no/such/file", "{previews}/damaged.json")},
    ),
    Declaration("cost unused", role="reader", calls=list_view_calls("unused")),
)
