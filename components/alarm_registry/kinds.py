"""The kinds of things that alarms watch: which there are, and CloudWatch's dimensions of each."""

from typing import TYPE_CHECKING, Final

from components.alarm_registry.model import RegistryFacts, SubjectKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pulumi import Input

    from components.settings.stack import Settings


def _list_replicas(facts: RegistryFacts) -> tuple[str, ...]:
    return tuple(f"replica-{number}" for number in range(1, facts.settings.database.replicas + 1))


def _get_instance_dimensions(facts: RegistryFacts, name: str) -> "Mapping[str, Input[str]]":
    primary = facts.settings.database_identifier
    return {"DBInstanceIdentifier": primary if name == "primary" else f"{primary}-{name}"}


def _can_be_idle(settings: "Settings", name: str) -> bool:
    """True if a service, or the fleet, may run nothing at all."""
    min_count = settings.fleet.min if name == "fleet" else settings.services[name].min
    return min_count == 0


def _list_services(facts: RegistryFacts) -> tuple[str, ...]:
    return tuple(facts.settings.services) if facts.settings.has_services else ()


def _list_single_name(exists: bool) -> tuple[str, ...]:
    return ("",) if exists else ()


def _get_balancer_dimensions(facts: RegistryFacts) -> "Mapping[str, Input[str]]":
    if facts.balancer is None:
        raise LookupError("no load balancer")
    return {"LoadBalancer": facts.balancer}


def _get_certificate_dimensions(facts: RegistryFacts, _: str) -> "Mapping[str, Input[str]]":
    if facts.certificate is None:
        raise LookupError("no certificate")
    return {"CertificateArn": facts.certificate}


def _list_cache_nodes(facts: RegistryFacts) -> tuple[str, ...]:
    cache = facts.settings.cache
    return tuple(f"00{number}" for number in range(1, cache.replicas + 2)) if cache.enabled else ()


DB_INSTANCE_KIND: Final = SubjectKind(
    description="each DB instance",
    list_names=lambda facts: ("primary", *_list_replicas(facts)),
    get_dimensions=_get_instance_dimensions,
)
PRIMARY_KIND: Final = SubjectKind(
    description="the primary",
    list_names=lambda _: ("primary",),
    get_dimensions=_get_instance_dimensions,
)
REPLICA_KIND: Final = SubjectKind(
    description="each read replica",
    list_names=_list_replicas,
    get_dimensions=_get_instance_dimensions,
)
LOAD_BALANCER_KIND: Final = SubjectKind(
    description="the load balancer",
    list_names=lambda facts: _list_single_name(facts.balancer is not None),
    get_dimensions=lambda facts, _: _get_balancer_dimensions(facts),
)
TARGET_GROUP_KIND: Final = SubjectKind(
    description="each target group",
    list_names=lambda facts: tuple(facts.targets),
    get_dimensions=lambda facts, name: {
        **_get_balancer_dimensions(facts),
        "TargetGroup": facts.targets[name],
    },
    can_be_idle=_can_be_idle,
)
SERVICE_KIND: Final = SubjectKind(
    description="each service",
    list_names=_list_services,
    get_dimensions=lambda facts, name: {
        "ClusterName": facts.settings.cluster_name,
        "ServiceName": name,
    },
    can_be_idle=_can_be_idle,
)
WORKER_KIND: Final = SubjectKind(
    description="each worker",
    list_names=lambda facts: tuple(
        name
        for name in _list_services(facts)
        if not facts.settings.services[name].kind_facts.has_targets
    ),
    get_dimensions=SERVICE_KIND.get_dimensions,
    can_be_idle=_can_be_idle,
)
QUEUE_KIND: Final = SubjectKind(
    description="the queue of each worker that has one",
    list_names=lambda facts: tuple(
        name
        for name in WORKER_KIND.list_names(facts)
        if facts.settings.services[name].scaling.queue is not None
    ),
    get_dimensions=lambda facts, name: {
        "QueueName": facts.settings.services[name].scaling.queue_name
    },
)
FLEET_KIND: Final = SubjectKind(
    description="the fleet",
    list_names=lambda facts: _list_single_name(facts.settings.has_fleet),
    get_dimensions=lambda facts, _: {"AutoScalingGroupName": facts.settings.fleet_name},
    can_be_idle=lambda settings, _: settings.fleet.min == 0,
)
CACHE_NODE_KIND: Final = SubjectKind(
    description="each cache node",
    list_names=_list_cache_nodes,
    get_dimensions=lambda facts, name: {
        "CacheClusterId": f"{facts.settings.cache_identifier}-{name}",
        "CacheNodeId": "0001",
    },
)
NAT_GATEWAY_KIND: Final = SubjectKind(
    description="each NAT gateway",
    list_names=lambda facts: tuple(facts.nat_gateways),
    get_dimensions=lambda facts, name: {"NatGatewayId": facts.nat_gateways[name]},
)
NAT_INSTANCE_KIND: Final = SubjectKind(
    description="each NAT instance",
    list_names=lambda facts: tuple(facts.nat_instances),
    get_dimensions=lambda facts, name: {"InstanceId": facts.nat_instances[name]},
)
CERTIFICATE_KIND: Final = SubjectKind(
    description="the certificate",
    list_names=lambda facts: _list_single_name(facts.certificate is not None),
    get_dimensions=_get_certificate_dimensions,
)
TOPIC_KIND: Final = SubjectKind(
    description="each topic",
    list_names=lambda facts: tuple(facts.topics),
    get_dimensions=lambda facts, name: {"TopicName": facts.topics[name]},
)
DATABASE_ROTATION_KIND: Final = SubjectKind(
    description="the function that rotates the database's password",
    list_names=lambda _: ("",),
    get_dimensions=lambda facts, _: {"FunctionName": f"{facts.settings.prefix}-rotation"},
    label="database",
)
CACHE_ROTATION_KIND: Final = SubjectKind(
    description="the function that rotates the cache's token",
    list_names=lambda facts: _list_single_name(facts.settings.cache.enabled),
    get_dimensions=lambda facts, _: {"FunctionName": f"{facts.settings.prefix}-cache-rotation"},
    label="cache",
)
BACKUP_VAULT_KIND: Final = SubjectKind(
    description="the backup vault",
    list_names=lambda facts: _list_single_name(facts.settings.backups.enabled),
    get_dimensions=lambda facts, _: {"BackupVaultName": f"{facts.settings.prefix}-backups"},
)
