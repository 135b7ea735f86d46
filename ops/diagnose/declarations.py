"""What `ops diagnose` needs: its role, calls to AWS, an example, wrong values."""

from typing import Final

from ops.core.declaration import Declaration
from ops.diagnose.registry import DIAGNOSE_APIS

DECLARATIONS: Final = (
    Declaration(
        "diagnose",
        role="reader",
        calls=DIAGNOSE_APIS,
        bad={
            "[ALARM|SYMPTOM]": ("nonsense",),
            "--at": ("soon", "2099-01-01"),
        },
        example="diagnose --at 'yesterday 14:00'",
        plans=False,
    ),
)
