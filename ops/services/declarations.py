"""What the commands of `ops service` need: roles, calls to AWS, examples, wrong values."""

from typing import Final

from ops.core.declaration import Declaration
from ops.core.quota_apis import DEFAULT_QUOTA_API, ONLY_WITHOUT_APPLIED_QUOTA, ROOM_CALLS
from ops.permissions.call_sets import CHANGE, DEPLOYS, RECORD, WHY_STOPPED

ONLY_IF_NOT_SCALED: Final = "only after a scaling that failed; the tests of `service scale` see it"
ONLY_IF_FAILED: Final = "only after a failed deployment; the tests of `service deploy` record it"
# A command in a task of its own, its log, and what stops it.
RUN_COMMAND: Final = ("ecs.run_task", "ecs.stop_task", "logs.filter_log_events")

DECLARATIONS: Final = (
    Declaration(
        "service autoscaling",
        role="operator",
        calls=(
            *CHANGE,
            "application-autoscaling.describe_scalable_targets",
            "application-autoscaling.register_scalable_target",
            "ecs.describe_services",
        ),
        needs={"--max": "9"},
    ),
    Declaration(
        "service deploy",
        role="operator",
        calls=(
            *CHANGE,
            *DEPLOYS,
            *WHY_STOPPED,
            "ecr.describe_images",
            "ecs.register_task_definition",
            *RUN_COMMAND,
        ),
        needs={"IMAGE": "{image}:v2"},
        bad={
            "IMAGE": ("nonsense!:x", "app", "{image}:no-such"),
            "--before": ("''", "'migrate --password hunter2'"),
        },
        judged_by_aws={"IMAGE": "which images there are"},
    ),
    Declaration(
        "service events",
        role="reader",
        calls=("ecs.describe_services",),
    ),
    # The AWS CLI makes the last call, with the credentials of the person who runs the line.
    Declaration(
        "service exec",
        role="operator",
        calls=(
            "ecs.describe_services",
            "ecs.describe_tasks",
            "ecs.list_tasks",
            "ecs.execute_command",
        ),
        bad={
            "--task": ("nonsense!", "0123456789abcdef0123456789abcdef"),
            "--container": ("nonsense",),
        },
        never_bad={"--command": "any command that the container has"},
        judged_by_aws={
            "--task": "which tasks there are",
            "--container": "which containers the task has",
        },
        unseen={"ecs.execute_command": "made by the AWS CLI, whose command line is printed"},
    ),
    Declaration(
        "service images",
        role="reader",
        calls=(
            "ecr.describe_images",
            "ecr.get_lifecycle_policy",
            "ecs.describe_service_revisions",
            "ecs.describe_services",
            "ecs.describe_task_definition",
            "ecs.describe_tasks",
            "ecs.list_service_deployments",
            "ecs.list_tasks",
        ),
        needs={"SERVICE": "backend"},
        bad={"SERVICE": ("nonsense",), "--limit": ("0", "many")},
    ),
    Declaration(
        "service limits",
        role="reader",
        calls=(
            "application-autoscaling.describe_scalable_targets",
            "ecs.describe_services",
        ),
    ),
    Declaration(
        "service list",
        role="reader",
        calls=(
            "ecs.describe_services",
            "ecs.describe_task_definition",
        ),
    ),
    Declaration(
        "service maintenance off",
        role="operator",
        calls=(
            *CHANGE,
            "elbv2.describe_rules",
            "elbv2.modify_rule",
        ),
    ),
    Declaration(
        "service maintenance on",
        role="operator",
        calls=(
            *CHANGE,
            "elbv2.describe_rules",
            "elbv2.modify_rule",
        ),
    ),
    Declaration(
        "service restart",
        role="operator",
        calls=(
            *CHANGE,
            "ecs.describe_services",
            "ecs.list_service_deployments",
            "ecs.update_service",
            *WHY_STOPPED,
        ),
        unseen={
            "ecs.list_tasks": ONLY_IF_FAILED,
            "ecs.describe_tasks": ONLY_IF_FAILED,
        },
    ),
    Declaration(
        "service revisions",
        role="reader",
        calls=(
            *RECORD,
            "ecr.describe_images",
            "ecs.describe_service_deployments",
            "ecs.describe_service_revisions",
            "ecs.describe_services",
            "ecs.describe_task_definition",
            "ecs.list_service_deployments",
        ),
    ),
    Declaration(
        "service rollback",
        role="operator",
        calls=(
            *CHANGE,
            *DEPLOYS,
            *WHY_STOPPED,
            "ecr.describe_images",
        ),
        bad={"--to": ("nine", "other:1", "99")},
        judged_by_aws={"--to": "which revisions there are"},
        unseen={
            "ecs.list_tasks": ONLY_IF_FAILED,
            "ecs.describe_tasks": ONLY_IF_FAILED,
        },
    ),
    Declaration(
        "service run",
        role="operator",
        calls=(
            *CHANGE,
            *WHY_STOPPED,
            *RUN_COMMAND,
            "ecs.describe_services",
            "ecs.describe_task_definition",
        ),
        needs={"SERVICE": "backend", "COMMAND": "true"},
        bad={"SERVICE": ("nonsense",)},
        never_bad={
            "COMMAND": "any command; one that is empty, too long or holds a secret is tested in "
            "tests/ops/services/test_run.py"
        },
    ),
    Declaration(
        "service scale",
        role="operator",
        calls=(
            *CHANGE,
            *WHY_STOPPED,
            "application-autoscaling.describe_scalable_targets",
            "ecs.describe_services",
            "ecs.describe_task_definition",
            "ecs.update_service",
            *ROOM_CALLS,
        ),
        needs={"COUNT": "3"},
        bad={"COUNT": ("many", "9999", "1.5")},
        unseen={
            DEFAULT_QUOTA_API: ONLY_WITHOUT_APPLIED_QUOTA,
            "ecs.list_tasks": ONLY_IF_NOT_SCALED,
            "ecs.describe_tasks": ONLY_IF_NOT_SCALED,
        },
    ),
    Declaration(
        "service show",
        role="reader",
        calls=(
            "application-autoscaling.describe_scalable_targets",
            "application-autoscaling.describe_scaling_activities",
            "application-autoscaling.describe_scaling_policies",
            "application-autoscaling.describe_scheduled_actions",
            "cloudwatch.describe_alarms",
            "ecs.describe_services",
            "ecs.describe_task_definition",
            "ecs.describe_tasks",
            "ecs.list_tasks",
        ),
        needs={"SERVICE": "backend"},
        bad={"SERVICE": ("nonsense",)},
    ),
    Declaration(
        "service tasks",
        role="reader",
        calls=(
            "ecs.describe_services",
            "ecs.describe_tasks",
            "ecs.list_tasks",
        ),
    ),
)
