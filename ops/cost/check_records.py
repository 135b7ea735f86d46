"""The checks of what costs too much. Pure data; the routines are in this folder."""

from typing import Final

from ops.core.check_record import Check
from ops.findings.waiver_calls import WAIVER_CALLS


def _build_unused_check(key: str, title: str, failure: str, routine: str, *calls: str) -> Check:
    return Check(
        key=key,
        area="unused",
        title=title,
        failure=failure,
        calls=(*calls, *WAIVER_CALLS),
        routine=f"ops.cost.unused.{routine}",
        reports=("unused",),
        lines=("unused",),
    )


CHECKS: Final = (
    _build_unused_check(
        "unused-volumes",
        "volumes",
        "A volume is attached to nothing.",
        "disks:check_unused_volumes",
        "ec2.describe_volumes",
    ),
    _build_unused_check(
        "unused-disk-snapshots",
        "disk snapshots",
        "A snapshot of a volume is old, and no plan, image or rollback needs it.",
        "disks:check_unused_disk_snapshots",
        "ec2.describe_snapshots",
        "ec2.describe_images",
    ),
    _build_unused_check(
        "unused-machine-images",
        "machine images",
        "A machine image is old, and nothing starts it.",
        "disks:check_unused_machine_images",
        "ec2.describe_images",
        "ec2.describe_instances",
        "ec2.describe_launch_templates",
        "ec2.describe_launch_template_versions",
        "autoscaling.describe_launch_configurations",
    ),
    _build_unused_check(
        "stopped-instances",
        "stopped instances",
        "An instance has been stopped for more than 30 days.",
        "disks:check_stopped_instances",
        "ec2.describe_instances",
        "ec2.describe_volumes",
    ),
    _build_unused_check(
        "unused-addresses",
        "addresses",
        "An Elastic IP address belongs to nothing.",
        "network:check_unused_addresses",
        "ec2.describe_addresses",
    ),
    _build_unused_check(
        "idle-nat-gateways",
        "NAT gateways",
        "A NAT gateway has carried nothing for 30 days.",
        "network:check_idle_nat_gateways",
        "ec2.describe_nat_gateways",
        "cloudwatch.get_metric_data",
    ),
    _build_unused_check(
        "unused-load-balancers",
        "load balancers",
        "A load balancer has no target that serves, and no request.",
        "network:check_unused_load_balancers",
        "elbv2.describe_load_balancers",
        "elbv2.describe_target_groups",
        "elbv2.describe_target_health",
        "elbv2.describe_listeners",
        "elbv2.describe_tags",
        "cloudwatch.get_metric_data",
    ),
    _build_unused_check(
        "endless-log-groups",
        "log groups",
        "A log group keeps its lines for ever.",
        "records:check_log_groups_without_retention",
        "logs.describe_log_groups",
        "logs.list_tags_for_resource",
    ),
    _build_unused_check(
        "unread-secrets",
        "secrets",
        "Nobody has read a secret for 90 days.",
        "records:check_unread_secrets",
        "secretsmanager.list_secrets",
    ),
    _build_unused_check(
        "unused-database-snapshots",
        "database snapshots",
        "A manual snapshot is old, and beyond those that are kept.",
        "records:check_unused_database_snapshots",
        "rds.describe_db_snapshots",
    ),
    _build_unused_check(
        "endless-repositories",
        "repositories",
        "A repository has no lifecycle policy, and images that nobody pulls.",
        "records:check_endless_repositories",
        "ecr.describe_repositories",
        "ecr.get_lifecycle_policy",
        "ecr.describe_images",
        "ecr.list_tags_for_resource",
    ),
)
