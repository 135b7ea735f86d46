"""What the commands of `ops check` need: roles, calls to AWS, examples, wrong values."""

from typing import Final

from ops.core.declaration import Declaration
from ops.permissions.call_sets import DAILY, HEALTH, PRE_DEPLOY, RECORD

DECLARATIONS: Final = (
    Declaration(
        "check daily",
        role="reader",
        calls=(*DAILY,),
    ),
    Declaration(
        "check monthly",
        role="reader",
        calls=(
            *HEALTH,
            *RECORD,
            "iam.get_role",
            "secretsmanager.describe_secret",
        ),
    ),
    Declaration(
        "check post-deploy",
        role="reader",
        calls=(
            "autoscaling.describe_instance_refreshes",
            "cloudwatch.describe_alarms",
            "cloudwatch.get_metric_data",
            "ecs.describe_services",
            "ecs.describe_tasks",
            "ecs.list_tasks",
            "elbv2.describe_target_health",
            "logs.filter_log_events",
            "sts.get_caller_identity",
        ),
    ),
    Declaration(
        "check pre-deploy",
        role="reader",
        calls=(*PRE_DEPLOY,),
    ),
    Declaration(
        "check weekly",
        role="reader",
        calls=(*HEALTH,),
    ),
)
