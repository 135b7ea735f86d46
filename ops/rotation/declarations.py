"""What `ops rotate` needs: its role and its calls to AWS."""

from typing import Final

from ops.core.declaration import Declaration
from ops.health.registry import list_view_calls

DECLARATIONS: Final = (Declaration("rotate", role="reader", calls=list_view_calls("rotations")),)
