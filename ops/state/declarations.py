"""What the commands of `ops state` need: roles, calls to AWS, examples, wrong values."""

from typing import Final

from ops.core.declaration import Declaration
from ops.permissions.call_sets import CHANGE, RECORD

DECLARATIONS: Final = (
    Declaration(
        "state backup",
        role="operator",
        calls=(
            *CHANGE,
            "s3.head_object",
        ),
    ),
    Declaration(
        "state digest",
        role=None,
        needs={"--of": "test"},
        bad={"--file": ("/no/such/file",)},
        never_bad={"--of": "for ops itself: whatever Pulumi knows"},
    ),
    Declaration(
        "state drift",
        role="reader",
    ),
    Declaration(
        "state fetch",
        role="operator",
        calls=(*RECORD,),
        needs={"--to": "/tmp/bulwark-no-such-state.json"},
        bad={"--to": ("/etc/hostname", "/no/such/folder/state.json"), "STATE": ("nonsense",)},
        judged_by_aws={"STATE": "which states were saved"},
    ),
    Declaration(
        "state list",
        role="reader",
        calls=("s3.list_objects_v2",),
    ),
    Declaration(
        "state previewed",
        role=None,
        needs={"--of": "test"},
        never_bad={"--of": "for ops itself: whatever Pulumi knows"},
    ),
    Declaration(
        "state restore",
        role="recoverer",
        calls=(
            *CHANGE,
            "s3.head_object",
        ),
        needs={"--program": "{program}"},
        bad={"STATE": ("nonsense",)},
        judged_by_aws={"STATE": "which states were saved"},
    ),
)
