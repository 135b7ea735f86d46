"""What the commands of `ops cache` need: roles, calls to AWS, examples, wrong values."""

from typing import Final

from ops.core.declaration import Declaration

BY_PRINTED_LINE: Final = "made by the AWS CLI, whose command lines are printed"

DECLARATIONS: Final = (
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
