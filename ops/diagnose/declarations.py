"""What `ops diagnose` needs: its role, calls to AWS, an example, wrong values."""

from typing import Final

from ops.changes.declarations import ONLY_WITH_BACKUPS
from ops.core.declaration import Declaration
from ops.diagnose.registry import DIAGNOSE_APIS

DECLARATIONS: Final = (
    Declaration(
        "diagnose",
        role="reader",
        calls=DIAGNOSE_APIS,
        unseen={"rds.describe_db_snapshots": ONLY_WITH_BACKUPS},
        bad={
            "[ALARM|SYMPTOM]": ("nonsense",),
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
        example="diagnose --share",
        plans=False,
    ),
)
