"""What the commands of `ops image` need: roles, calls to AWS, examples, wrong values."""

from typing import Final

from ops.core.declaration import Declaration
from ops.image.check_records import CHECKS

DECLARATIONS: Final = (
    Declaration(
        "image findings",
        role="reader",
        calls=("sts.get_caller_identity", *CHECKS[0].calls),
        bad={"SERVICE": ("nonsense",)},
    ),
)
