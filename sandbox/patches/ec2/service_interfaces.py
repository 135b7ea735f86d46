"""EC2: the network interfaces that RDS, ElastiCache and ECS keep in subnets, one for each host.

RDS has one for the primary and one for the standby, described RDSNetworkInterface (AWS re:Post,
"How do I find the resources that are associated with an elastic network interface?"); ElastiCache
has one for each node, with its name in the description (assumed: "ElastiCache NODE"). ECS has one
for each task, which the task's attachment names, with the service's security groups (ECS Developer
Guide, "Amazon ECS task networking options for Fargate").
"""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from moto.ec2.models import EC2Backend
from moto.ec2.models.elastic_network_interfaces import (
    NetworkInterface,
    NetworkInterfaceBackend,
)
from moto.ecs.models import ecs_backends
from moto.elasticache.models import elasticache_backends
from moto.rds.models import RDSBackend, rds_backends

from sandbox.patches.ecs.tasks import (
    get_service_network,
    list_running_tasks,
    list_services_with_history,
)
from sandbox.patches.elasticache.groups import list_node_subnets
from sandbox.patches.patching import AwsError, ServicePatch, backend_state
from sandbox.patches.rds.reboots import get_standby_zone

patch = ServicePatch()


class Host(NamedTuple):
    """The description of a host's interface, the id of its subnet; those of a task are known."""

    description: str
    subnet: str
    id: str = ""
    address: str = ""
    groups: tuple[str, ...] = ()


def _list_database_hosts(backend: RDSBackend) -> Iterator[tuple[str, str]]:
    """Name and subnet of each host of a DB instance."""
    for name, instance in backend.databases.items():
        group = getattr(instance, "db_subnet_group", None)
        subnets = {s.availability_zone: s.id for s in group._subnets} if group else {}
        standby_zone = get_standby_zone(instance) if instance.multi_az else None
        for zone in (instance.availability_zone, standby_zone):
            if zone in subnets:
                yield name, subnets[zone]


def _list_hosts(account: str, region: str) -> Iterator[Host]:
    for _, subnet_id in _list_database_hosts(rds_backends[account][region]):
        yield Host("RDSNetworkInterface", subnet_id)
    for node, subnet_id in list_node_subnets(elasticache_backends[account][region]):
        yield Host(f"ElastiCache {node}", subnet_id)
    ecs = ecs_backends[account][region]
    for service, history in list_services_with_history(ecs):
        groups = tuple(get_service_network(service)["securityGroups"])
        for task in list_running_tasks(service, history):
            attachment: Any = task["attachments"][0]
            pairs: list[dict[str, str]] = attachment["details"]
            details = {item["name"]: item["value"] for item in pairs}
            if "networkInterfaceId" in details:
                yield Host(
                    attachment["id"],
                    details["subnetId"],
                    details["networkInterfaceId"],
                    details["privateIPv4Address"],
                    groups,
                )


def _is_selected(interface: NetworkInterface, filters: Any) -> bool:
    values: dict[str, list[Any]] = {
        "addresses.private-ip-address": [interface.private_ip_address],
        "description": [interface.description],
        "group-id": [group.id for group in interface.group_set],
        "network-interface-id": [interface.id],
        "subnet-id": [interface.subnet.id],
        "vpc-id": [interface.subnet.vpc_id],
    }
    return all(
        any(fnmatchcase(str(v), pattern) for pattern in patterns for v in values.get(name, ()))
        for name, patterns in (filters or {}).items()
    )


def _mark_as_used(interface: NetworkInterface) -> None:
    """In use, and of the service (EC2 User Guide, "Requester-managed network interfaces")."""
    interface.status = "in-use"
    interface.requester_managed = True


def _mark_service_interfaces(backend: EC2Backend) -> None:
    """Those of NAT gateways and VPC endpoints, which moto leaves available."""
    names = {gateway._eni.id for gateway in backend.nat_gateways.values()}
    for endpoint in backend.vpc_end_points.values():
        names |= set(endpoint.network_interface_ids or ())
    for name in names & set(backend.enis):
        _mark_as_used(backend.enis[name])


@patch.wrap(NetworkInterfaceBackend, "get_all_network_interfaces")
def list_network_interfaces(
    original: Any, backend: EC2Backend, eni_ids: list[str] | None = None, filters: Any = None
) -> list[NetworkInterface]:
    """Lists those of RDS and ElastiCache too, unless ids are given."""
    _mark_service_interfaces(backend)
    interfaces: list[NetworkInterface] = original(backend, eni_ids, filters)
    if eni_ids:
        return interfaces
    known: dict[tuple[int, Host], NetworkInterface] = backend_state(backend, "interfaces", dict)
    for number, host in enumerate(_list_hosts(backend.account_id, backend.region_name)):
        if (number, host) not in known:
            known[number, host] = NetworkInterface(  # type: ignore[abstract]
                backend,
                backend.get_subnet(host.subnet),
                host.address,
                group_ids=list(host.groups),
                description=host.description,
            )
            known[number, host].id = host.id or known[number, host].id
            _mark_as_used(known[number, host])
        interface = known[number, host]
        if _is_selected(interface, filters):
            interfaces.append(interface)
    return interfaces


@patch.replace(RDSBackend, "modify_db_subnet_group")
def modify_db_subnet_group(
    backend: RDSBackend, subnet_name: str, description: str | None, subnets: list[Any]
) -> Any:
    """A subnet that holds a host stays; moto would lose the group.

    AWS re:Post, "How can I delete a subnet that is in an Amazon RDS DB subnet group?".
    """
    group = backend.subnet_groups[subnet_name]
    kept_ids = {subnet.id for subnet in subnets}
    group_ids = {subnet.id for subnet in group._subnets}
    for name, subnet_id in _list_database_hosts(backend):
        if subnet_id in group_ids - kept_ids:
            raise AwsError(
                "SubnetAlreadyInUse",
                f"The DB subnet {subnet_id} is already in use by the DB instance {name}",
            )
    group._subnets = subnets
    if description is not None:
        group.description = description
    return group
