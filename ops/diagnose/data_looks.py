"""The looks at the database, the network, the load balancer, the cache and the keys. Pure data."""

from typing import TYPE_CHECKING, Final

from ops.changes.declarations import DECLARATIONS as CHANGES_DECLARATIONS
from ops.diagnose.look import FactReader
from ops.network.declarations import VPC_READS
from ops.permissions.call_sets import SQL

if TYPE_CHECKING:
    from ops.outputs import Outputs

_METRICS: Final = "cloudwatch.get_metric_data"


def _has_web_acl(outputs: "Outputs") -> bool:
    return outputs.load_balancer is not None and outputs.load_balancer.web_acl_arn is not None


def _has_keys(outputs: "Outputs") -> bool:
    stack = outputs.stack
    return any((stack.data_key_arn, stack.logs_key_arn, stack.recovery_key_arn))


PASSWORD_API: Final = SQL[0]
DATA_READERS: Final[tuple[FactReader, ...]] = (
    FactReader(
        "database",
        "ops.diagnose.readers.database:read_database",
        (
            _METRICS,
            "rds.describe_db_instances",
            "rds.describe_db_snapshots",
            "rds.describe_events",
            "rds.describe_pending_maintenance_actions",
        ),
        ("rds.*", "db.*"),
        parts=lambda _: ("database",),
    ),
    FactReader(
        "database_sql",
        "ops.diagnose.readers.database_sql:read_database_sql",
        SQL,
        ("sql.*",),
        is_now_only=True,
        parts=lambda _: ("database",),
    ),
    FactReader(
        "network",
        "ops.diagnose.readers.network:read_network",
        (
            *CHANGES_DECLARATIONS[0].calls,
            *VPC_READS,
            "autoscaling.describe_auto_scaling_groups",
            "ec2.describe_instances",
            "ecs.describe_services",
            "elasticache.describe_cache_clusters",
            "elasticache.describe_cache_subnet_groups",
            "elbv2.describe_load_balancers",
            "rds.describe_db_instances",
        ),
        ("network.*", "nat.*"),
        is_now_only=True,
    ),
    FactReader(
        "load_balancer",
        "ops.diagnose.readers.load_balancer:read_load_balancer",
        (
            "acm.describe_certificate",
            "elbv2.describe_listeners",
            "elbv2.describe_load_balancers",
            "elbv2.describe_rules",
            "elbv2.describe_target_health",
        ),
        (
            "elb.state.*",
            "elb.listener.*",
            "elb.rule.*",
            "elb.certificate.*",
            "elb.certificate-unused.*",
            "elb.targets.*",
        ),
        is_now_only=True,
        exists=lambda outputs: outputs.load_balancer is not None,
    ),
    FactReader(
        "balancer_metrics",
        "ops.diagnose.readers.balancer_metrics:read_balancer_metrics",
        (_METRICS,),
        ("elb.error.*",),
        parts=lambda _: ("load-balancer",),
        exists=lambda outputs: outputs.load_balancer is not None,
    ),
    FactReader(
        "waf",
        "ops.diagnose.readers.waf:read_waf",
        (_METRICS, "logs.filter_log_events", "wafv2.get_web_acl"),
        ("waf.*",),
        parts=lambda _: ("load-balancer",),
        exists=_has_web_acl,
    ),
    FactReader(
        "cache",
        "ops.diagnose.readers.cache:read_cache",
        (
            _METRICS,
            "elasticache.describe_events",
            "elasticache.describe_replication_groups",
            "secretsmanager.describe_secret",
        ),
        ("cache.*",),
        parts=lambda _: ("cache",),
        exists=lambda outputs: outputs.cache is not None,
    ),
    FactReader(
        "keys",
        "ops.diagnose.readers.keys:read_keys",
        (*CHANGES_DECLARATIONS[0].calls, "kms.describe_key"),
        ("kms.state.*",),
        is_now_only=True,
        exists=_has_keys,
    ),
)
