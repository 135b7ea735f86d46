"""What the commands of `ops baseline` need: roles, calls to AWS, examples, wrong values."""

from typing import Final

from ops.core.declaration import Declaration
from ops.health.registry import list_view_calls
from ops.permissions.call_sets import CHANGE, RECORD

# The checks, and what else a baseline is made of.
BASELINE_CALLS: Final = (
    *list_view_calls("baseline"),
    "ec2.describe_launch_template_versions",
    "ecs.describe_task_definition",
    "rds.describe_db_parameters",
    "ssm.get_parameter",
)

DECLARATIONS: Final = (
    Declaration(
        "baseline capture",
        role="operator",
        calls=(
            *CHANGE,
            *BASELINE_CALLS,
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
        calls=BASELINE_CALLS,
    ),
    Declaration(
        "baseline compare",
        role="reader",
        calls=(
            *BASELINE_CALLS,
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
