"""All looks and all rules of `ops diagnose`, and which look can see what a rule stands on.

Pure data: importing it imports neither boto3 nor a look.
"""

from functools import cache
from typing import TYPE_CHECKING, Final

from ops.changes.declarations import DECLARATIONS as CHANGES_DECLARATIONS
from ops.core.parts import list_service_parts
from ops.core.scaling_apis import (
    AUTO_SCALING_GROUPS_API,
    GROUP_ACTIVITIES_API,
    INSTANCE_REFRESHES_API,
)
from ops.diagnose.data_looks import DATA_READERS, PASSWORD_API
from ops.diagnose.error_shapes import ERROR_KINDS
from ops.diagnose.health_checks import list_health_areas, list_health_calls
from ops.diagnose.look import FactReader
from ops.diagnose.metric_limits import list_metric_keys
from ops.diagnose.rule import CauseRule
from ops.diagnose.rules.aws import AWS_RULES
from ops.diagnose.rules.cache import CACHE_RULES
from ops.diagnose.rules.compute import COMPUTE_RULES
from ops.diagnose.rules.database import DATABASE_RULES
from ops.diagnose.rules.database_events import DATABASE_EVENT_RULES
from ops.diagnose.rules.keys import KEY_RULES
from ops.diagnose.rules.load_balancer import LOAD_BALANCER_RULES
from ops.diagnose.rules.network import NETWORK_RULES
from ops.diagnose.rules.release import RELEASE_RULES
from ops.diagnose.rules.traffic import TRAFFIC_RULES

if TYPE_CHECKING:
    from ops.outputs import Outputs


def _list_service_parts(outputs: "Outputs") -> tuple[str, ...]:
    return tuple(list_service_parts(outputs))


def _has_services(outputs: "Outputs") -> bool:
    return outputs.services is not None and bool(outputs.services.services)


READERS: Final[tuple[FactReader, ...]] = (
    FactReader(
        "alarms",
        "ops.diagnose.readers.alarms:read_alarms",
        ("cloudwatch.describe_alarms", "cloudwatch.describe_alarm_history"),
        ("alarm.raised.*",),
    ),
    FactReader(
        "changes",
        "ops.diagnose.readers.changes:read_changes",
        CHANGES_DECLARATIONS[0].calls,
        (
            "change.run",
            "change.pulumi",
            "change.deployment",
            "change.refresh",
            "change.secret",
            "change.write.*",
        ),
    ),
    FactReader(
        "services",
        "ops.diagnose.readers.services:read_services",
        (
            "application-autoscaling.describe_scalable_targets",
            "ecs.describe_services",
            "ecs.describe_tasks",
            "ecs.list_service_deployments",
            "ecs.list_tasks",
        ),
        (
            "ecs.stopped.*",
            "ecs.event.*",
            "ecs.deployment.running",
            "ecs.deployment.failed",
            "ecs.deployment.rolled-back",
            "ecs.tasks.none",
            "ecs.tasks.missing",
            "ecs.no-tasks-wanted",
            "ecs.at-maximum",
        ),
        parts=_list_service_parts,
        exists=_has_services,
    ),
    FactReader(
        "releases",
        "ops.diagnose.readers.releases:read_releases",
        (
            *CHANGES_DECLARATIONS[0].calls,
            "ecs.describe_service_revisions",
            "ecs.describe_task_definition",
        ),
        tuple(
            f"release.changed.{key}"
            for key in (
                *("command", "environment", "health-check", "image", "memory", "nothing", "port"),
                *("role", "secrets"),
            )
        ),
        parts=_list_service_parts,
        exists=_has_services,
    ),
    FactReader(
        "fleet",
        "ops.diagnose.readers.fleet:read_fleet",
        (AUTO_SCALING_GROUPS_API, GROUP_ACTIVITIES_API, INSTANCE_REFRESHES_API),
        (
            "fleet.launch.*",
            "fleet.refresh.failed",
            "fleet.refresh.rolled-back",
            "fleet.at-maximum",
            "fleet.instances.none",
            "fleet.instances.missing",
            "fleet.instance.unhealthy",
        ),
        parts=lambda _: ("fleet",),
        exists=lambda outputs: outputs.fleet is not None,
    ),
    FactReader(
        "health",
        "ops.diagnose.readers.health:read_health",
        list_health_calls(),
        tuple(f"health.failing.{area}" for area in list_health_areas()),
        is_now_only=True,
    ),
    FactReader(
        "metrics",
        "ops.diagnose.readers.metrics:read_metrics",
        ("cloudwatch.get_metric_data", "elasticache.describe_replication_groups"),
        (*list_metric_keys(), "zone.targets-unhealthy"),
    ),
    FactReader(
        "aws-health",
        "ops.diagnose.readers.aws_health:read_aws_health",
        ("health.describe_events",),
        ("aws.event.issue", "aws.event.zone"),
    ),
    FactReader(
        "logs",
        "ops.diagnose.readers.logs:read_logs",
        (*CHANGES_DECLARATIONS[0].calls, "logs.filter_log_events"),
        (
            "log.errors.new",
            "log.errors.more",
            *(f"log.shape.{kind}" for kind, _ in ERROR_KINDS),
        ),
    ),
    *DATA_READERS,
)
RULES: Final[tuple[CauseRule, ...]] = (
    *RELEASE_RULES,
    *COMPUTE_RULES,
    *TRAFFIC_RULES,
    *AWS_RULES,
    *DATABASE_RULES,
    *DATABASE_EVENT_RULES,
    *NETWORK_RULES,
    *LOAD_BALANCER_RULES,
    *CACHE_RULES,
    *KEY_RULES,
)
# Without the password of the database, which grants everything: only those read it whose role
# has it for other commands. The others are told that sessions and locks are not known.
DIAGNOSE_APIS: Final = tuple(
    sorted({api for reader in READERS for api in reader.apis} - {PASSWORD_API})
)
UNSEEN_APIS: Final = CHANGES_DECLARATIONS[0].unseen


@cache
def find_sources(pattern: str) -> frozenset[str]:
    """The looks that can see a fact whose key a pattern matches."""
    return frozenset(reader.name for reader in READERS if reader.is_source_of(pattern))
