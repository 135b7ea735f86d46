"""What the commands of `ops cache` need: roles, calls to AWS, examples, wrong values."""

from typing import Final

from ops.core.declaration import Declaration
from ops.permissions.call_sets import CHANGE, WHY_STOPPED

BY_PRINTED_LINE: Final = "made by the AWS CLI, whose command lines are printed"
ONLY_IF_NOT_RUN: Final = "only if the task failed; the tests of `cache clear` record it"

DECLARATIONS: Final = (
    Declaration(
        "cache clear",
        role="operator",
        calls=(
            *CHANGE,
            "cloudwatch.get_metric_data",
            "ecs.deregister_task_definition",
            "ecs.describe_services",
            "ecs.describe_task_definition",
            "ecs.register_task_definition",
            "ecs.run_task",
            "elasticache.describe_replication_groups",
            "logs.filter_log_events",
            *WHY_STOPPED,
        ),
        needs={"--keys": "session:*"},
        bad={
            "--keys": ("", "*", "**", "a\nb"),
            "--image": ("nonsense!:x", "python"),
        },
        unseen={
            "ecs.list_tasks": ONLY_IF_NOT_RUN,
            "ecs.describe_tasks": ONLY_IF_NOT_RUN,
        },
    ),
    Declaration(
        "cache connect",
        role="operator",
        calls=(
            "autoscaling.describe_auto_scaling_groups",
            "ecs.describe_services",
            "ecs.describe_tasks",
            "ecs.list_tasks",
            "ssm.start_session",
            "secretsmanager.get_secret_value",
        ),
        bad={"--local-port": ("0", "70000", "many")},
        unseen={
            "ssm.start_session": BY_PRINTED_LINE,
            "secretsmanager.get_secret_value": BY_PRINTED_LINE,
        },
    ),
    Declaration(
        "cache hit-rate",
        role="reader",
        calls=("cloudwatch.get_metric_data", "elasticache.describe_replication_groups"),
        bad={"--since": ("soon", "2999-01-01", "40d"), "--until": ("soon",)},
        example="cache hit-rate --since 1d",
    ),
    Declaration(
        "cache status",
        role="reader",
        calls=(
            "cloudwatch.get_metric_data",
            "elasticache.describe_cache_clusters",
            "elasticache.describe_events",
            "elasticache.describe_replication_groups",
            "elasticache.describe_update_actions",
        ),
    ),
)
