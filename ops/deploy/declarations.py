"""What the commands of `ops deploy` need: roles, calls to AWS, examples, wrong values."""

from typing import Final

from ops.core.declaration import Declaration
from ops.health.registry import list_view_calls
from ops.permissions.call_sets import CHANGE, REFRESHES

DECLARATIONS: Final = (
    # Looks before it, and saves; by Pulumi with whatever the program of the stack is deployed with.
    Declaration(
        "deploy",
        role="operator",
        calls=(
            *CHANGE,
            *list_view_calls("pre-deploy"),
            *REFRESHES,
            "rds.create_db_snapshot",
            "rds.describe_db_snapshots",
            "s3.head_object",
        ),
        needs={"STACK": "test"},
        bad={"--report": ("/no/such/folder/report.md",)},
        never_bad={
            "STACK": "Pulumi judges which stacks there are: test_deploying.py",
            "--url": "whether anything answers there is seen in the end",
            "--despite": "a person's words",
        },
    ),
)
