"""What `ops diagnose` needs: its role, calls to AWS, an example, wrong values."""

from typing import Final

from ops.core.declaration import Declaration
from ops.diagnose.registry import DIAGNOSE_APIS, UNSEEN_APIS

DECLARATIONS: Final = (
    Declaration(
        "diagnose",
        role="reader",
        calls=DIAGNOSE_APIS,
        unseen=UNSEEN_APIS,
        bad={
            "ALARM|SYMPTOM": ("nonsense",),
            "--at": ("soon", "2099-01-01"),
            "--to": ("/no/such/folder/diagnosis.html",),
        },
        example="diagnose --at 'yesterday 14:00'",
        plans=False,
    ),
    Declaration(
        "diagnose --share",
        role="operator",
        calls=tuple(sorted({*DIAGNOSE_APIS, "s3.put_object"})),
        unseen=UNSEEN_APIS,
        example="diagnose --share",
        plans=False,
    ),
)
