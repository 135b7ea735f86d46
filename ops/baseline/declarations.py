"""What the commands of `ops baseline` need: roles, calls to AWS, examples, wrong values."""

from typing import Final

from ops.core.declaration import Declaration
from ops.permissions.call_sets import CHANGE, RECORD, STATE

DECLARATIONS: Final = (
    Declaration(
        "baseline capture",
        role="operator",
        calls=(
            *CHANGE,
            *STATE,
            "s3.head_object",
        ),
        bad={
            "--name": (
                "Non_sense",
                "a--b",
                "-a",
                "a" * 61,
                "../lock",
            ),
            "--to": ("/no/such/folder/kept.json", "/dev/null"),
        },
    ),
    Declaration(
        "baseline capture --to",
        role="reader",
        calls=(*STATE,),
    ),
    Declaration(
        "baseline compare",
        role="reader",
        calls=(
            *STATE,
            *RECORD,
        ),
        bad={"BASELINE": ("Non_sense", "nonsense", "/no/such/file.json")},
        judged_by_aws={"BASELINE": "which baselines there are"},
    ),
    Declaration(
        "baseline list",
        role="reader",
        calls=("s3.list_objects_v2",),
    ),
)
