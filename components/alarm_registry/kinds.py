"""The kinds of things that alarms watch: which there are, and CloudWatch's dimensions of each."""

from typing import TYPE_CHECKING, Final

from components.alarm_registry.model import Facts, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pulumi import Input

    from components.settings.stack import Settings


def _replicas(facts: Facts) -> tuple[str, ...]:
    return tuple(f"replica-{n}" for n in range(1, facts.settings.database.replicas + 1))


def _instance(facts: Facts, name: str) -> "Mapping[str, Input[str]]":
    primary = facts.settings.database_identifier
    return {"DBInstanceIdentifier": primary if name == "primary" else f"{primary}-{name}"}


def _idle(settings: "Settings", name: str) -> bool:
    """Whether a service, or the fleet, may run nothing at all."""
    least = settings.fleet.min if name == "fleet" else settings.services[name].min
    return least == 0


def _services(facts: Facts) -> tuple[str, ...]:
    return tuple(facts.settings.services) if facts.settings.has_services else ()


def _only(there: bool) -> tuple[str, ...]:
    return ("",) if there else ()


def _balancer(facts: Facts) -> "Mapping[str, Input[str]]":
    if facts.balancer is None:
        raise LookupError("no load balancer")
    return {"LoadBalancer": facts.balancer}


def _certificate(facts: Facts, _: str) -> "Mapping[str, Input[str]]":
    if facts.certificate is None:
        raise LookupError("no certificate")
    return {"CertificateArn": facts.certificate}


def _cache_nodes(facts: Facts) -> tuple[str, ...]:
    cache = facts.settings.cache
    return tuple(f"00{n}" for n in range(1, cache.replicas + 2)) if cache.enabled else ()


INSTANCE: Final = Kind(
    says="each DB instance",
    names=lambda facts: ("primary", *_replicas(facts)),
    dimensions=_instance,
)
PRIMARY: Final = Kind(says="the primary", names=lambda _: ("primary",), dimensions=_instance)
REPLICA: Final = Kind(says="each read replica", names=_replicas, dimensions=_instance)
BALANCER: Final = Kind(
    says="the load balancer",
    names=lambda facts: _only(facts.balancer is not None),
    dimensions=lambda facts, _: _balancer(facts),
)
TARGET: Final = Kind(
    says="each target group",
    names=lambda facts: tuple(facts.targets),
    dimensions=lambda facts, name: {**_balancer(facts), "TargetGroup": facts.targets[name]},
    may_be_idle=_idle,
)
SERVICE: Final = Kind(
    says="each service",
    names=_services,
    dimensions=lambda facts, name: {
        "ClusterName": facts.settings.cluster_name,
        "ServiceName": name,
    },
    may_be_idle=_idle,
)
FLEET: Final = Kind(
    says="the fleet",
    names=lambda facts: _only(facts.settings.has_fleet),
    dimensions=lambda facts, _: {"AutoScalingGroupName": facts.settings.fleet_name},
    may_be_idle=lambda settings, _: settings.fleet.min == 0,
)
CACHE_NODE: Final = Kind(
    says="each cache node",
    names=_cache_nodes,
    dimensions=lambda facts, name: {
        "CacheClusterId": f"{facts.settings.cache_identifier}-{name}",
        "CacheNodeId": "0001",
    },
)
NAT_GATEWAY: Final = Kind(
    says="each NAT gateway",
    names=lambda facts: tuple(facts.nat_gateways),
    dimensions=lambda facts, name: {"NatGatewayId": facts.nat_gateways[name]},
)
NAT_INSTANCE: Final = Kind(
    says="each NAT instance",
    names=lambda facts: tuple(facts.nat_instances),
    dimensions=lambda facts, name: {"InstanceId": facts.nat_instances[name]},
)
CERTIFICATE: Final = Kind(
    says="the certificate",
    names=lambda facts: _only(facts.certificate is not None),
    dimensions=_certificate,
)
TOPIC: Final = Kind(
    says="each topic",
    names=lambda facts: tuple(facts.topics),
    dimensions=lambda facts, name: {"TopicName": facts.topics[name]},
)
ROTATION: Final = Kind(
    says="the function that rotates the database's password",
    names=lambda _: ("",),
    dimensions=lambda facts, _: {"FunctionName": f"{facts.settings.prefix}-rotation"},
    label="database",
)
CACHE_ROTATION: Final = Kind(
    says="the function that rotates the cache's token",
    names=lambda facts: _only(facts.settings.cache.enabled),
    dimensions=lambda facts, _: {"FunctionName": f"{facts.settings.prefix}-cache-rotation"},
    label="cache",
)
VAULT: Final = Kind(
    says="the backup vault",
    names=lambda facts: _only(facts.settings.backups.enabled),
    dimensions=lambda facts, _: {"BackupVaultName": f"{facts.settings.prefix}-backups"},
)
