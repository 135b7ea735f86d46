"""The checks of the checklists alone. Pure data; the routines are in this folder."""

from typing import TYPE_CHECKING, Final

from ops.core.check_record import HEALTH_REPORTS, Check
from ops.core.scaling_apis import INSTANCE_REFRESHES_API
from ops.health.check_records import has_log_groups

if TYPE_CHECKING:
    from ops.outputs import Outputs

# The alarm that knows how many connections the class allows.
CONNECTIONS_ALARM: Final = "database-connections-high"


def _has_connections_alarm(outputs: "Outputs") -> bool:
    return any(
        f"-{CONNECTIONS_ALARM}" in name for names in outputs.alarms.names.values() for name in names
    )


CHECKS: Final = (
    Check(
        key="database-storage-trend",
        area="database",
        title="storage",
        failure="The storage will be full within 30 days.",
        calls=("rds.describe_db_instances", "cloudwatch.get_metric_data"),
        routine="ops.checks.trends:check_storage_trend",
        lines=("storage trend",),
    ),
    Check(
        key="database-connections-trend",
        area="database",
        title="connections",
        failure="The most connections of two weeks are near the limit.",
        calls=("cloudwatch.get_metric_data", "cloudwatch.describe_alarms"),
        routine="ops.checks.trends:check_connections_trend",
        lines=("connections",),
        is_applicable=_has_connections_alarm,
    ),
    Check(
        key="last-drill",
        area="keeping",
        title="drill",
        failure="No drill of the last month met its objectives.",
        calls=("s3.list_objects_v2", "s3.get_object"),
        routine="ops.checks.upkeep:check_last_drill",
        lines=("drill",),
    ),
    Check(
        key="password-age",
        area="keeping",
        title="password",
        failure="The database's password is Pulumi's first one, or older than it should be.",
        calls=("secretsmanager.describe_secret",),
        routine="ops.checks.secret_age:check_password_age",
        reports=HEALTH_REPORTS,
        lines=("password",),
    ),
    Check(
        key="cache-token-age",
        area="keeping",
        title="cache token",
        failure="The cache's AUTH token is not the secret's, is Pulumi's first one, or is too old.",
        calls=("secretsmanager.describe_secret", "elasticache.describe_replication_groups"),
        routine="ops.checks.secret_age:check_cache_token_age",
        reports=HEALTH_REPORTS,
        lines=("cache token",),
        is_applicable=lambda outputs: outputs.cache is not None,
    ),
    Check(
        key="checklists-recorded",
        area="keeping",
        title="checklists",
        failure="The weekly or the monthly checklist was not recorded in time.",
        calls=("s3.list_objects_v2", "secretsmanager.describe_secret"),
        routine="ops.checks.recorded:check_recorded_lists",
        reports=HEALTH_REPORTS,
        lines=("checklists",),
        is_applicable=lambda outputs: bool(outputs.alarms.checklists),
    ),
    Check(
        key="old-snapshots",
        area="keeping",
        title="snapshots",
        failure="A snapshot that somebody made is older than 90 days.",
        calls=("rds.describe_db_snapshots",),
        routine="ops.checks.upkeep:check_old_snapshots",
        lines=("old snapshots",),
    ),
    Check(
        key="operation-roles",
        area="keeping",
        title="roles",
        failure="A role that operates the stack is gone.",
        calls=("iam.get_role",),
        routine="ops.checks.upkeep:check_operation_roles",
        lines=("roles",),
        is_applicable=lambda outputs: outputs.access is not None,
    ),
    Check(
        key="lock-free",
        area="deploying",
        title="lock",
        failure="Somebody holds the lock.",
        calls=("s3.get_object",),
        routine="ops.checks.deployment:check_lock",
        lines=("lock",),
    ),
    Check(
        key="no-deployment",
        area="deploying",
        title="services",
        failure="A service is being deployed, or is gone.",
        calls=("ecs.describe_services",),
        routine="ops.checks.deployment:check_no_deployment",
        lines=("no deployment", "services steady"),
        is_applicable=lambda outputs: outputs.services is not None,
    ),
    Check(
        key="no-instance-refresh",
        area="deploying",
        title="fleet",
        failure="An instance refresh is under way.",
        calls=(INSTANCE_REFRESHES_API,),
        routine="ops.checks.deployment:check_no_refresh",
        lines=("no deployment", "services steady"),
        is_applicable=lambda outputs: outputs.fleet is not None,
    ),
    Check(
        key="grave-alarms",
        area="deploying",
        title="alarms",
        failure="An alarm of P0 or P1 is raised.",
        calls=("cloudwatch.describe_alarms",),
        routine="ops.checks.deployment:check_grave_alarms",
        lines=("grave alarms",),
    ),
    Check(
        key="deploy-restorable",
        area="deploying",
        title="restorable",
        failure="The database cannot be restored to ten minutes ago.",
        calls=("rds.describe_db_instances",),
        routine="ops.checks.deployment:check_restorable",
        lines=("restorable",),
    ),
    Check(
        key="new-alarms",
        area="deploying",
        title="new alarms",
        failure="An alarm was raised after the deployment.",
        calls=("cloudwatch.describe_alarms",),
        routine="ops.checks.deployment:check_new_alarms",
        lines=("new alarms",),
    ),
    Check(
        key="new-log-errors",
        area="deploying",
        title="errors",
        failure="A line of a log is an error after the deployment.",
        calls=("logs.filter_log_events",),
        routine="ops.checks.deployment:check_new_log_errors",
        lines=("new errors",),
        is_applicable=has_log_groups,
    ),
)
