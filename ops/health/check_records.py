"""The checks of the areas that have no folder of their own. Pure data; routines: this folder."""

from typing import TYPE_CHECKING, Final

from ops.core.check_record import HEALTH_REPORTS, READINESS_REPORTS, Check

if TYPE_CHECKING:
    from ops.outputs import Outputs

MAX_DESCRIBED_GROUPS: Final = 20  # target groups to describe one by one


def _count_target_groups(outputs: "Outputs") -> int:
    return len(outputs.load_balancer.targets) if outputs.load_balancer is not None else 0


def has_log_groups(outputs: "Outputs") -> bool:
    """True if the stack has a log group to look at."""
    return (
        bool(outputs.database.log_groups)
        or outputs.fleet is not None
        or bool(outputs.services and outputs.services.services)
    )


ACCOUNT_CHECKS: Final = (
    Check(
        key="account-credentials",
        area="account",
        title="credentials",
        failure="The credentials are of another account, so nothing else can be believed.",
        calls=("sts.get_caller_identity",),
        routine="ops.health.account:check_credentials",
        reports=HEALTH_REPORTS,
        lines=("account",),
    ),
)
LOAD_BALANCER_CHECKS: Final = (
    Check(
        key="load-balancer-state",
        area="balancer",
        title="load balancer",
        failure="The load balancer is not active.",
        calls=("elbv2.describe_load_balancers",),
        routine="ops.health.load_balancer:check_load_balancer",
        reports=HEALTH_REPORTS,
        lines=("load balancer",),
        is_applicable=lambda outputs: outputs.load_balancer is not None,
    ),
    Check(
        key="load-balancer-targets",
        area="balancer",
        title="targets",
        failure="A target group has no target, or one that is not healthy.",
        calls=("elbv2.describe_target_health",),
        routine="ops.health.load_balancer:check_targets",
        reports=HEALTH_REPORTS,
        lines=("load balancer", "targets"),
        is_applicable=lambda outputs: 0 < _count_target_groups(outputs) <= MAX_DESCRIBED_GROUPS,
    ),
    Check(
        key="load-balancer-many-targets",
        area="balancer",
        title="many targets",
        failure="One of very many target groups has no target, or one that is not healthy.",
        calls=("cloudwatch.get_metric_data", "elbv2.describe_target_health"),
        routine="ops.health.load_balancer:check_many_targets",
        reports=HEALTH_REPORTS,
        lines=("load balancer", "targets"),
        is_applicable=lambda outputs: _count_target_groups(outputs) > MAX_DESCRIBED_GROUPS,
    ),
    Check(
        key="load-balancer-answers",
        area="balancer",
        title="answers",
        failure="More than 5 % of the requests of the last 15 minutes were answered with 5xx.",
        calls=("cloudwatch.get_metric_data",),
        routine="ops.health.requests:check_answers",
        reports=HEALTH_REPORTS,
        lines=("load balancer", "targets"),
        is_applicable=lambda outputs: outputs.load_balancer is not None,
    ),
    Check(
        key="load-balancer-certificate",
        area="certificate",
        title="certificate",
        failure="The certificate is not issued, or it ends soon because its renewal failed.",
        calls=("acm.describe_certificate",),
        routine="ops.health.load_balancer:check_listener_certificate",
        reports=HEALTH_REPORTS,
        lines=("certificates",),
        is_applicable=lambda outputs: (
            outputs.load_balancer is not None and outputs.load_balancer.certificate_arn is not None
        ),
    ),
)
CACHE_CHECKS: Final = (
    Check(
        key="cache-replication-group",
        area="cache",
        title="replication group",
        failure="The replication group or a node is not available, or it cannot fail over.",
        calls=("elasticache.describe_replication_groups",),
        routine="ops.health.cache:check_replication_group",
        reports=HEALTH_REPORTS,
        lines=("cache",),
        is_applicable=lambda outputs: outputs.cache is not None,
    ),
)
NETWORK_CHECKS: Final = (
    Check(
        key="network-vpc",
        area="network",
        title="VPC",
        failure="The VPC is gone, or not available.",
        calls=("ec2.describe_vpcs",),
        routine="ops.health.network:check_vpc",
        reports=HEALTH_REPORTS,
        lines=("network",),
    ),
    Check(
        key="network-nat-gateways",
        area="network",
        title="NAT gateways",
        failure="A NAT gateway is not available, so nothing in its zone reaches the internet.",
        calls=("ec2.describe_nat_gateways",),
        routine="ops.health.network:check_nat_gateways",
        reports=HEALTH_REPORTS,
        lines=("network",),
        is_applicable=lambda outputs: bool(outputs.network.nat_gateways),
    ),
    Check(
        key="network-nat-ports",
        area="network",
        title="NAT ports",
        failure="A NAT gateway refused connections in the last hour because it had no free port.",
        calls=("cloudwatch.get_metric_data",),
        routine="ops.health.network:check_nat_ports",
        reports=HEALTH_REPORTS,
        lines=("network",),
        is_applicable=lambda outputs: bool(outputs.network.nat_gateways),
    ),
    Check(
        key="network-nat-instances",
        area="network",
        title="NAT instances",
        failure="A NAT instance does not run, or does not pass EC2's status checks.",
        calls=("ec2.describe_instances", "ec2.describe_instance_status"),
        routine="ops.health.network:check_nat_instances",
        reports=HEALTH_REPORTS,
        lines=("network",),
        is_applicable=lambda outputs: bool(outputs.network.nat_instances),
    ),
)
BACKUP_CHECKS: Final = (
    Check(
        key="backup-replication",
        area="backups",
        title="replication",
        failure="The replicated backups in the recovery region do not reach to an hour ago.",
        calls=("rds.describe_db_instance_automated_backups",),
        routine="ops.health.backups:check_backup_replication",
        reports=(*HEALTH_REPORTS, *READINESS_REPORTS),
        lines=("backups elsewhere",),
        is_applicable=lambda outputs: outputs.database.replicated_backup_arn is not None,
    ),
    Check(
        key="backup-vault",
        area="backups",
        title="vault",
        failure="The vault is gone, or has no recovery point of the last day.",
        calls=("backup.describe_backup_vault", "backup.list_recovery_points_by_backup_vault"),
        routine="ops.health.backups:check_backup_vault",
        reports=HEALTH_REPORTS,
        lines=("backups",),
        is_applicable=lambda outputs: outputs.backups.vault is not None,
    ),
    Check(
        key="backup-copies",
        area="backups",
        title="copies",
        failure="The recovery region's vault is gone, or has no copy of the last day.",
        calls=("backup.describe_backup_vault", "backup.list_recovery_points_by_backup_vault"),
        routine="ops.health.backups:check_backup_copies",
        reports=(*HEALTH_REPORTS, *READINESS_REPORTS),
        lines=("backups elsewhere",),
        is_applicable=lambda outputs: (
            outputs.backups.recovery_vault_arn is not None
            and outputs.stack.recovery_region is not None
        ),
    ),
)
LOG_CHECKS: Final = (
    Check(
        key="log-errors",
        area="logs",
        title="errors",
        failure="More than ten lines of a log group are errors in the last hour.",
        calls=("logs.filter_log_events",),
        routine="ops.health.logs:check_log_errors",
        reports=HEALTH_REPORTS,
        lines=("error logs",),
        is_applicable=has_log_groups,
    ),
)
