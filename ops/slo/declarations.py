"""What the commands of `ops slo` need: roles, calls to AWS, examples, wrong values."""

from typing import Final

from ops.core.declaration import Declaration

DECLARATIONS: Final = (
    Declaration(
        "slo report",
        role="reader",
        calls=(
            "autoscaling.describe_instance_refreshes",
            "backup.describe_backup_vault",
            "backup.list_recovery_points_by_backup_vault",
            "cloudwatch.describe_alarm_history",
            "cloudwatch.get_metric_data",
            "ecs.describe_services",
            "ecs.list_service_deployments",
            "elbv2.describe_load_balancers",
            "rds.describe_db_instances",
            "rds.describe_db_snapshots",
            "rds.describe_events",
            "s3.get_object",
            "s3.list_objects_v2",
        ),
        bad={
            "--month": ("nonsense", "2026", "2026-13", "2026-00", "2999-01", "2001-01", "", "11"),
            "--to": ("/no/such/folder/slo.html",),
        },
        example="slo report --month 2026-11",
        plans=False,
    ),
)
