"""What the commands of `ops audit` need: roles, calls to AWS, examples, wrong values."""

from typing import Final

from ops.core.check_record import UPKEEP_VIEWS
from ops.core.declaration import Declaration
from ops.health.registry import list_view_calls
from ops.permissions.call_sets import RECORD

_WRITES: Final = (*RECORD, "s3.head_object", "s3.put_object", "sts.get_caller_identity")
_WRONG_IDS: Final = ("nonsense", "open-security-groups", "nonsense/sg-1", "open-ports /sg-1")
# A finding is looked for by its own check before it is waived.
_UPKEEP_CALLS: Final = frozenset(call for view in UPKEEP_VIEWS for call in list_view_calls(view))

DECLARATIONS: Final = (
    Declaration(
        "audit",
        role="reader",
        calls=list_view_calls("audit"),
        bad={"--waive": _WRONG_IDS, "--unwaive": _WRONG_IDS},
    ),
    Declaration(
        "audit --waive",
        role="operator",
        calls=tuple(sorted({*_UPKEEP_CALLS, *_WRITES})),
        needs={
            "--waive": "open-security-groups/sg-1/tcp/22/0.0.0.0-0",
            "--until": "90d",
            "--reason": "'bastion until the VPN is there'",
        },
        bad={"--waive": _WRONG_IDS},
    ),
    Declaration(
        "audit --unwaive",
        role="operator",
        calls=_WRITES,
        bad={"--unwaive": _WRONG_IDS},
    ),
)
