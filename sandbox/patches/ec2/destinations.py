"""Where a host of the sandbox is: its address, its subnet and groups, and what it listens on."""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Any, Final

from moto.ec2.models import EC2Backend
from moto.ecs.models import ecs_backends
from moto.elasticache.models import elasticache_backends
from moto.elbv2.models import elbv2_backends
from moto.rds.models import rds_backends

from components.internet import HTTPS_PORT
from sandbox.patches.ecs.tasks import (
    get_service_network,
    list_running_tasks,
    list_services_with_history,
)
from sandbox.patches.elasticache.nodes import build_node_group
from sandbox.patches.elasticache.replication_groups import get_replication_groups

# Of addresses that AWS describes nowhere, a host of its subnet; and one of the internet that stands
# for all of AWS's (a block of Amazon's in ip-ranges.json). Which one makes no difference.
HOST_NUMBER: Final = 10
PUBLIC_AWS_ADDRESS: Final = "52.94.5.1"
AWS_DOMAIN: Final = ".amazonaws.com"
# Statuses in which RDS answers connections: RDS User Guide, "Viewing DB instance status".
ANSWERING_STATUSES: Final = (
    "available",
    "backing-up",
    "configuring-enhanced-monitoring",
    "configuring-iam-database-auth",
    "configuring-log-exports",
    "modifying",
    "storage-full",
    "storage-optimization",
)


@dataclass(frozen=True)
class Destination:
    """What a host is. Without a subnet it is outside the VPC.

    `ports` are those on which something listens, None for any; `is_up` is false if nothing answers
    at all. `service` is the AWS service, of a name of one.
    """

    address: str
    subnet: str | None = None
    groups: tuple[str, ...] = ()
    ports: frozenset[int] | None = None
    is_up: bool = True
    service: str | None = None


def find_destination(ec2: EC2Backend, vpc: str, host: str) -> Destination | None:
    """What a host is, seen from a VPC; None if it is a name that leads nowhere."""
    for find in (_find_database, _find_cache, _find_balancer, _find_aws_service):
        destination = find(ec2, host, vpc)
        if destination is not None:
            return destination
    try:
        return _find_address(ec2, IPv4Address(host), vpc)
    except ValueError:
        return None


def list_subnets(ec2: EC2Backend) -> Iterator[Any]:
    """All subnets of the region."""
    for by_id in ec2.subnets.values():
        yield from by_id.values()


def _find_database(ec2: EC2Backend, host: str, _: str) -> Destination | None:
    for instance in rds_backends[ec2.account_id][ec2.region_name].describe_db_instances():
        if instance.address == host:
            subnets = instance.db_subnet_group._subnets if instance.db_subnet_group else []
            subnet = _get_subnet_in_zone(subnets, instance.availability_zone)
            return Destination(
                _get_host_address(subnet),
                subnet.id if subnet else None,
                tuple(instance.vpc_security_group_ids),
                frozenset({instance.endpoint["Port"]}),
                instance.status in ANSWERING_STATUSES,
            )
    return None


def _find_cache(ec2: EC2Backend, host: str, _: str) -> Destination | None:
    elasticache = elasticache_backends[ec2.account_id][ec2.region_name]
    for group in get_replication_groups(elasticache).values():
        node_group = build_node_group(group)
        if host == node_group["PrimaryEndpoint"]["Address"]:
            names = elasticache.cache_subnet_groups[group["CacheSubnetGroupName"]].subnet_ids
            subnets = [subnet for subnet in list_subnets(ec2) if subnet.id in names]
            zone = node_group["NodeGroupMembers"][0]["PreferredAvailabilityZone"]
            subnet = _get_subnet_in_zone(subnets, zone)
            ports = frozenset({group["Port"]})
            groups = tuple(group["SecurityGroupIds"])
            return Destination(
                _get_host_address(subnet), subnet.id if subnet else None, groups, ports
            )
    return None


def _find_balancer(ec2: EC2Backend, host: str, _: str) -> Destination | None:
    """An internet-facing one by its public address, as its name leads to."""
    for balancer in elbv2_backends[ec2.account_id][ec2.region_name].load_balancers.values():
        if balancer.dns_name == host:
            ports = frozenset(int(each.port) for each in balancer.listeners.values())
            groups = tuple(balancer.security_groups or ())
            if balancer.scheme == "internet-facing":
                return Destination(PUBLIC_AWS_ADDRESS, None, groups, ports)
            subnet = balancer.subnets[0]
            return Destination(_get_host_address(subnet), subnet.id, groups, ports)
    return None


def _find_aws_service(ec2: EC2Backend, host: str, vpc: str) -> Destination | None:
    """An AWS service: its interface endpoint if that has private DNS, else its public address."""
    suffix = f".{ec2.region_name}{AWS_DOMAIN}"
    if not host.endswith(suffix):
        return None
    name = host.removesuffix(suffix)
    service = {"api.ecr": "ecr.api"}.get(name, "ecr.dkr" if name.endswith(".dkr.ecr") else name)
    listening = frozenset({HTTPS_PORT})
    for endpoint in ec2.vpc_end_points.values():
        is_interface = str(endpoint.vpc_endpoint_type).lower() == "interface"
        if (
            endpoint.vpc_id == vpc
            and endpoint.service_name.endswith(f"{ec2.region_name}.{service}")
            and is_interface
            and endpoint.private_dns_enabled
            and endpoint.subnet_ids
        ):
            subnet = ec2.get_subnet(endpoint.subnet_ids[0])
            groups = tuple(endpoint.security_group_ids or ())
            return Destination(_get_host_address(subnet), subnet.id, groups, listening)
    return Destination(PUBLIC_AWS_ADDRESS, ports=listening, service=service)


def _find_address(ec2: EC2Backend, address: IPv4Address, vpc: str) -> Destination:
    """An instance, a task, or an address that nothing has; outside the VPC all answer (assumed)."""
    subnet = next(
        (
            each
            for each in list_subnets(ec2)
            if each.vpc_id == vpc and address in IPv4Network(each.cidr_block)
        ),
        None,
    )
    if subnet is None:
        return Destination(str(address))
    for instance in ec2.all_instances():
        if instance.private_ip == str(address) and instance.subnet_id == subnet.id:
            groups = tuple(group.id for group in instance.security_groups)
            ports = _list_target_ports(ec2, instance.id)
            return Destination(str(address), subnet.id, groups, ports, instance.state == "running")
    ecs = ecs_backends[ec2.account_id][ec2.region_name]
    for service, history in list_services_with_history(ecs):
        for task in list_running_tasks(service, history):
            details = {item["name"]: item["value"] for item in task["attachments"][0]["details"]}
            if details.get("privateIPv4Address") == str(address):
                groups = tuple(get_service_network(service)["securityGroups"])
                ports = _list_container_ports(
                    ecs.describe_task_definition(str(service.task_definition))
                )
                is_up = task["lastStatus"] == "RUNNING"
                return Destination(str(address), subnet.id, groups, ports, is_up)
    return Destination(str(address), subnet.id, is_up=False)


def _list_target_ports(ec2: EC2Backend, instance: str) -> frozenset[int]:
    """The ports on which a load balancer calls an instance: what listens there (assumed)."""
    balancers = elbv2_backends[ec2.account_id][ec2.region_name]
    return frozenset(
        int(target.get("port") or group.port)
        for group in balancers.target_groups.values()
        for target in group.targets.values()
        if target["id"] == instance
    )


def _list_container_ports(definition: Any) -> frozenset[int]:
    return frozenset(
        int(mapping["containerPort"])
        for container in definition.container_definitions
        for mapping in container.get("portMappings") or ()
    )


def _get_subnet_in_zone(subnets: list[Any], zone: str) -> Any:
    """The subnet of a zone, or any if none is there; None without subnets."""
    return next(
        (subnet for subnet in subnets if subnet.availability_zone == zone),
        next(iter(subnets), None),
    )


def _get_host_address(subnet: Any) -> str:
    return (
        PUBLIC_AWS_ADDRESS if subnet is None else str(IPv4Network(subnet.cidr_block)[HOST_NUMBER])
    )
