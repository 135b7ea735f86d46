"""What the commands of `ops health` need: roles, calls to AWS, examples, wrong values."""

from typing import Final

from ops.core.declaration import Declaration
from ops.permissions.call_sets import HEALTH

DECLARATIONS: Final = (
    Declaration(
        "health",
        role="reader",
        calls=(*HEALTH,),
    ),
)
