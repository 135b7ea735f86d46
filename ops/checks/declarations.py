"""What the commands of `ops check` need: roles, calls to AWS, examples, wrong values."""

from typing import Final

from ops.core.declaration import Declaration
from ops.health.registry import list_view_calls

DECLARATIONS: Final = (
    Declaration("check daily", role="reader", calls=list_view_calls("daily")),
    Declaration("check monthly", role="reader", calls=list_view_calls("monthly")),
    Declaration("check post-deploy", role="reader", calls=list_view_calls("post-deploy")),
    Declaration("check pre-deploy", role="reader", calls=list_view_calls("pre-deploy")),
    Declaration("check weekly", role="reader", calls=list_view_calls("weekly")),
)
