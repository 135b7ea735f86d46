"""What `ops changes` needs: its role, calls to AWS, examples, wrong values."""

from typing import Final

from ops.core.declaration import Declaration

ONLY_WITH_BACKUPS: Final = "only if AWS Backup made a snapshot: the test of the source sees it"

# What all sources of the timeline read.
TIMELINE_CALLS: Final = (
    "application-autoscaling.describe_scaling_activities",
    "autoscaling.describe_instance_refreshes",
    "autoscaling.describe_scaling_activities",
    "cloudtrail.lookup_events",
    "cloudwatch.describe_alarm_history",
    "ec2.describe_network_acls",
    "ec2.describe_route_tables",
    "ec2.describe_security_groups",
    "ec2.describe_vpc_endpoints",
    "ecs.describe_services",
    "ecs.list_service_deployments",
    "elasticache.describe_events",
    "rds.describe_db_snapshots",
    "rds.describe_events",
    "s3.get_object",
    "s3.list_objects_v2",
    "secretsmanager.describe_secret",
)
DECLARATIONS: Final = (
    Declaration(
        "changes",
        role="reader",
        calls=TIMELINE_CALLS,
        unseen={"rds.describe_db_snapshots": ONLY_WITH_BACKUPS},
        bad={
            "--only": ("nonsense", "runs,nonsense", ""),
            "--part": ("nonsense", "cache"),
            "--by": ("",),
        },
        example="changes --since 3h --part database",
        plans=False,
    ),
)
