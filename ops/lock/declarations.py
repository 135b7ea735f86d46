"""What the commands of `ops lock` need: roles, calls to AWS, examples, wrong values."""

from typing import Final

from ops.core.declaration import Declaration
from ops.permissions.call_sets import CHANGE

DECLARATIONS: Final = (
    Declaration(
        "lock break",
        role="operator",
        plans=False,
        calls=(*CHANGE,),
        needs={"--reason": "test"},
    ),
    Declaration(
        "lock show",
        role="reader",
        calls=("s3.get_object",),
    ),
)
