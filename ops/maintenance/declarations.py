"""What the commands of `ops maintenance` need: roles, calls to AWS, examples, wrong values."""

from typing import Final

from ops.core.declaration import Declaration
from ops.permissions.call_sets import CHANGE, MUTED, RECORD, SQL

DECLARATIONS: Final = (
    Declaration(
        "maintenance run",
        role="operator",
        calls=(
            *CHANGE,
            *MUTED,
            *SQL,
            "cloudwatch.put_alarm_mute_rule",
            "cloudwatch.delete_alarm_mute_rule",
            "cloudwatch.disable_alarm_actions",
            "cloudwatch.enable_alarm_actions",
            "cloudwatch.put_metric_alarm",
            "cloudwatch.set_alarm_state",
            "cloudwatch.delete_alarms",
            "cloudwatch.describe_alarm_history",
            "ecs.describe_services",
            "rds.create_db_snapshot",
            "rds.describe_db_engine_versions",
            "rds.describe_db_parameters",
            "rds.describe_db_snapshots",
            "rds.describe_events",
            "rds.modify_db_instance",
            "rds.modify_db_parameter_group",
            "rds.reset_db_parameter_group",
            "rds.reboot_db_instance",
        ),
        needs={"--vacuum": "public.orders"},
        bad={
            "--parameters": ("nonsense", "=1"),
            "--patch": ("nonsense", "17", "16.10"),
            "--vacuum": (",", "orders,,items"),
            "--for": ("soon", "0", "1441"),
            "--message": ("x" * 501,),
        },
        judged_by_aws={"--patch": "which versions there are"},
    ),
    Declaration(
        "maintenance status",
        role="reader",
        calls=(
            *MUTED,
            *RECORD,
            "rds.describe_db_instances",
            "rds.describe_pending_maintenance_actions",
        ),
    ),
)
