"""What the commands of `ops deploy` need: roles, calls to AWS, examples, wrong values."""

from typing import Final

from ops.core.declaration import Declaration
from ops.health.registry import list_view_calls
from ops.permissions.call_sets import CHANGE, REFRESHES

# How the commit did on the stack before: alarms, deployments, runs (ops/deploy/earlier_stack.py).
EARLIER_STACK_CALLS: Final = (
    "autoscaling.describe_instance_refreshes",
    "cloudwatch.describe_alarm_history",
    "ecs.describe_services",
    "ecs.list_service_deployments",
)
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
            *EARLIER_STACK_CALLS,
        ),
        unseen={
            "service-quotas.get_aws_default_service_quota": (
                "only of a quota that the account has no value of its own of: tests/ops/quotas"
            )
        },
        needs={"STACK": "test"},
        bad={
            "--report": ("/no/such/folder/report.md",),
            "--after": ("", "no stack", "test"),
        },
        never_bad={
            "STACK": "Pulumi judges which stacks there are: test_deploying.py",
            "--url": "whether anything answers there is seen in the end",
            "--despite": "a person's words",
        },
    ),
)
