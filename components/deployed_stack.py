"""Reads the deployed stack from AWS, with Pulumi's invokes, before any resource is registered.

The account's availability zones are read first: the settings may only name these.
The outputs that the last deployment stored in SSM list its parts. Values that operations change
without Pulumi (the database's version and storage, the cache's failover, the fleet's launch
template) are read from RDS, ElastiCache and Auto Scaling; what is in a zone that goes, from the
network interfaces of its subnets. Before the first deployment there are no outputs, so only SSM is
read.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypedDict, TypeVar

import pulumi
import pulumi_aws as aws

from components.settings import Settings, SettingsError
from components.settings.deployed_parts import DeployedCache, DeployedDatabase, DeployedStack
from components.settings.deployed_stack import (
    list_ineffective_changes,
    require_existing_zones,
    require_fitting_zones,
    require_possible_changes,
)
from components.settings.fleet import get_architecture
from components.settings.service_kinds import DEFAULT_KIND
from ops.outputs import build_outputs_path

Answer = TypeVar("Answer")
ZONE_ID_PREFIX: Final = "/hostedzone/"  # before the id in Route 53's own lists
# "Not found" in the words of the AWS provider (its tfresource.SingularDataSourceFindError and
# retry.NotFoundError), of RDS and of ElastiCache.
NOT_FOUND_TEXTS: Final = (
    "no matching",
    "couldn't find resource",
    "empty result",
    "DBInstanceNotFound",
    "ReplicationGroupNotFound",
    "CacheClusterNotFound",
)


def require_possible_settings(settings: Settings) -> DeployedStack:
    """Returns the deployed stack, which can be changed to these settings.

    Raises pulumi.RunError if it cannot, if the account lacks a zone that the settings name, or if a
    host name is not in its hosted zone.
    """
    try:
        require_existing_zones(settings, _list_zone_names(settings.region))
        require_fitting_zones(settings, _read_hosted_zones(settings))
        deployed = read_deployed_stack(settings)
        require_possible_changes(settings, deployed)
    except SettingsError as error:
        raise pulumi.RunError(str(error)) from None
    for line in list_ineffective_changes(settings, deployed):
        pulumi.log.warn(line)
    return deployed


def read_deployed_stack(settings: Settings) -> DeployedStack:
    """Returns the deployed stack; every field is unset if it was never deployed."""
    parts = _read_published_parts(settings)
    stack, network = parts.get("stack") or {}, parts.get("network") or {}
    if stack.get("region") != settings.region:
        return DeployedStack()  # never deployed, or the copy that a lost region keeps here
    database, cache, fleet = (parts.get(key) for key in ("database", "cache", "fleet"))
    services, targets = (_join_pieces(parts, part) for part in ("services", "loadBalancer"))
    zones = tuple(stack.get("zones") or ())
    removed_zones = [zone for zone in zones if zone not in settings.network.zones]
    return DeployedStack(
        has_own_keys=bool(stack.get("dataKeyArn")),
        cidr=network.get("cidr"),
        zones=zones,
        database=_find_database(database) if database else None,
        service_kinds={
            name: str(service.get("kind") or DEFAULT_KIND) for name, service in services.items()
        },
        service_ports={
            name: int(service["port"]) for name, service in services.items() if service.get("port")
        },
        fleet_port=int(fleet["port"]) if fleet and fleet.get("port") else None,
        cache=_find_cache(cache) if cache else None,
        **(_find_fleet(fleet) if fleet else {}),
        has_internal_balancer=(
            bool(balancer.get("internal")) if (balancer := parts.get("loadBalancer")) else None
        ),
        route_priorities={name: target.get("priorities") for name, target in targets.items()},
        database_zones=_list_occupied_zones(
            settings, subnets=network.get("databaseSubnets") or {}, zones=removed_zones
        ),
        cache_zones=_list_occupied_zones(
            settings,
            subnets=network.get("privateSubnets") or {},
            zones=removed_zones if cache else (),
            description="ElastiCache*",
        ),
    )


def _list_occupied_zones(
    settings: Settings, *, subnets: Mapping[str, str], zones: Iterable[str], description: str = "*"
) -> tuple[str, ...]:
    """Returns those of the zones whose subnet has a network interface so described."""

    def has_interfaces(zone: str) -> bool:
        filters = [
            aws.ec2.GetNetworkInterfacesFilterArgs(name=name, values=[value])
            for name, value in (("subnet-id", subnets[zone]), ("description", description))
        ]
        answer = _find_or_none(
            lambda: aws.ec2.get_network_interfaces(filters=filters, region=settings.region)
        )
        return answer is not None and bool(answer.ids)

    return tuple(zone for zone in zones if zone in subnets and has_interfaces(zone))


def _join_pieces(parts: Mapping[str, Any], part: str) -> dict[str, Any]:
    """Returns what a growing part says of each service, by name."""
    return {
        name: piece[name]
        for path, piece in parts.items()
        if (name := path.removeprefix(f"{part}/")) != path and piece
    }


def _list_zone_names(region: str) -> list[str]:
    """The names of a region's zones that the account can use, in any state.

    During an outage of a zone its state is not "available" (Amazon EC2 API Reference,
    AvailabilityZone), and the stack must still be deployable.
    """
    return list(aws.get_availability_zones(region=region).names)


def _read_hosted_zones(settings: Settings) -> dict[str, str]:
    """The domain of each hosted zone that the settings give, by its id.

    They are listed first, so that one that is not the account's is no failed lookup: it is left
    out with a warning, and Route 53 itself judges its records.
    """
    load_balancer = settings.load_balancer
    hosts = load_balancer.host_names if settings.has_load_balancer else ()
    zone_ids = dict.fromkeys(filter(None, map(load_balancer.find_zone_id, hosts)))
    if not zone_ids:
        return {}
    listed_ids = {
        zone_id.removeprefix(ZONE_ID_PREFIX) for zone_id in aws.route53.get_zones().ids or ()
    }
    for zone_id in zone_ids.keys() - listed_ids:
        pulumi.log.warn(
            f"hosted zone {zone_id} is not among those of the account: it is not checked that the "
            "names of the certificate are in it"
        )
    return {
        zone_id: aws.route53.get_zone(zone_id=zone_id).name.removesuffix(".")
        for zone_id in zone_ids
        if zone_id in listed_ids
    }


def _read_published_parts(settings: Settings) -> dict[str, Any]:
    """Returns the stored outputs by path, like `services/backend`; None for an absent part."""
    root = build_outputs_path(settings.project, settings.stack)
    published = aws.ssm.get_parameters_by_path(
        path=root, recursive=True, with_decryption=False, region=settings.region
    )
    return {
        name.removeprefix(f"{root}/"): json.loads(value)
        for name, value in zip(published.names, published.values, strict=True)
    }


def _find_database(part: Mapping[str, Any]) -> DeployedDatabase | None:
    identifier = part["identifier"]
    instance = _find_or_none(lambda: aws.rds.get_instance(db_instance_identifier=identifier))
    if instance is None:
        return None
    return DeployedDatabase(
        port=int(instance.port),
        engine_version=instance.engine_version,
        storage_gb=int(instance.allocated_storage),
        max_storage_gb=int(instance.max_allocated_storage or 0),
        name=instance.db_name or None,
        admin_name=instance.master_username,
        insights=instance.database_insights_mode or "standard",
        insights_days=part.get("performanceInsightsDays"),
        zone=(instance.availability_zone or "")[-1:] or None,
        has_standby=bool(instance.multi_az),
        extended_support=part.get("extendedSupport"),
        backup_region=_find_region(part.get("replicatedBackupArn")),
    )


def _find_region(arn: str | None) -> str | None:
    return arn.split(":")[3] if arn else None


class DeployedFleet(TypedDict, total=False):
    """The fields of DeployedStack that the Auto Scaling group has, if there is one."""

    fleet_architecture: str
    fleet_template_version: str


def _find_fleet(part: Mapping[str, Any]) -> DeployedFleet:
    """Reads what the group launches: `ops fleet refresh start` changes it without Pulumi."""
    group = _find_or_none(lambda: aws.autoscaling.get_group(name=part["group"]))
    if group is None or not group.mixed_instances_policies:
        return {}
    template = group.mixed_instances_policies[0].launch_templates[0]
    fleet: DeployedFleet = {}
    version = template.launch_template_specifications[0].version
    if version.isdecimal():
        fleet["fleet_template_version"] = version
    if template.overrides:
        fleet["fleet_architecture"] = get_architecture(template.overrides[0].instance_type)
    return fleet


def _find_cache(part: Mapping[str, Any]) -> DeployedCache | None:
    group = _find_or_none(
        lambda: aws.elasticache.get_replication_group(replication_group_id=part["identifier"])
    )
    if group is None:
        return None
    return DeployedCache(
        engine=part["engine"],
        engine_version=_find_cache_version(group.member_clusters) or part.get("engineVersion"),
        port=int(part["port"]),
        has_failover=bool(group.automatic_failover_enabled),
    )


def _find_cache_version(cluster_ids: Sequence[str] | None) -> str | None:
    """Returns the version of a node, like 8.0.1: AWS upgrades minor versions by itself."""
    for cluster_id in cluster_ids or ():
        find_cluster = partial(aws.elasticache.get_cluster, cluster_id=cluster_id)
        if (cluster := _find_or_none(find_cluster)) is not None:
            return cluster.engine_version
    return None


def _find_or_none(invoke: Callable[[], Answer]) -> Answer | None:
    """Returns the result of an invoke, or None if AWS has no such resource."""
    try:
        return invoke()
    except Exception as error:
        if any(text in str(error) for text in NOT_FOUND_TEXTS):
            return None
        raise
