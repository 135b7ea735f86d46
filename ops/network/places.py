"""Where the ends of a path are in the VPC, as AWS has them now."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from botocore.exceptions import ClientError
from pydantic import JsonValue

from ops.core.aws import Aws, get_error_code
from ops.core.errors import OpsError, UsageError
from ops.core.scaling_apis import AUTO_SCALING_GROUPS_API
from ops.health.cache import CACHE_CLUSTERS_API
from ops.network.ends import End
from ops.network.model import (
    ANY_NETWORK,
    PUBLIC_NETWORKS,
    WIDE_CALLER_PORTS,
    NetworkState,
    Place,
)
from ops.outputs import Outputs
from ops.services.model import DESCRIBE_TASKS_LIMIT

INTERNET_FACING = "internet-facing"
FUNCTION_API = "lambda.get_function_configuration"


@dataclass(frozen=True)
class FoundPlaces:
    """The places of an end; `note` says what of them is not as one may think."""

    places: tuple[Place, ...]
    note: str | None = None
    is_internet_facing: bool = False


class PlaceFinder:
    """Finds places by calls to AWS; errors are those of the calls."""

    def __init__(self, aws: Aws, outputs: Outputs, state: NetworkState) -> None:
        self.aws, self.outputs, self.state = aws, outputs, state

    def find(self, end: End, option: str) -> FoundPlaces:
        """The places of an end. Raises UsageError if AWS has no such task or instance."""
        match end.kind:
            case "internet":
                return FoundPlaces((Place("internet", PUBLIC_NETWORKS),))
            case "address":
                return FoundPlaces((self._find_address(end.name),))
            case "service":
                return self._find_service(end.name)
            case "task":
                return FoundPlaces((self._find_task(end.name, option),))
            case "fleet":
                return self._find_fleet(end.name)
            case "instance":
                return FoundPlaces(tuple(self._find_instances([end.name], option)))
            case "load-balancer":
                return self._find_balancer()
            case "database":
                return self._find_database(end.name)
            case "function":
                return self._find_function(end.name, option)
            case _:
                return self._find_cache(end.name)

    def _call(self, api: str, params: dict[str, JsonValue]) -> Any:
        return self.aws.call(api, params)

    def get_networks(self, subnet: str) -> tuple[IPv4Network, ...]:
        """All addresses of a subnet; all of the VPC if it could not be read."""
        network = self.state.subnets.get(subnet)
        return (network,) if network is not None else self.state.networks or (ANY_NETWORK,)

    def _find_address(self, text: str) -> Place:
        network = IPv4Network(text)
        if not self.state.has_network(network):
            return Place(text, (network,))
        subnet = next((k for k, v in self.state.subnets.items() if network.subnet_of(v)), None)
        filters: JsonValue = [
            {"Name": "vpc-id", "Values": [self.state.vpc]},
            {"Name": "addresses.private-ip-address", "Values": [text]},
        ]
        answer = self._call("ec2.describe_network_interfaces", {"Filters": filters})
        for item in answer["NetworkInterfaces"]:
            groups = tuple(group["GroupId"] for group in item.get("Groups") or ())
            public = (item.get("Association") or {}).get("PublicIp")
            return Place(
                text, (network,), item["SubnetId"], groups, IPv4Address(public) if public else None
            )
        return Place(text, (network,), subnet)

    def _find_service(self, name: str) -> FoundPlaces:
        services = self.outputs.services
        assert services is not None
        answer = self._call(
            "ecs.describe_services", {"cluster": services.cluster, "services": [name]}
        )
        active = [item for item in answer["services"] if item["status"] == "ACTIVE"]
        if not active:
            raise OpsError(f"cluster {services.cluster} has no active service {name}")
        settings = (active[0].get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}
        groups = tuple(settings.get("securityGroups") or ())
        arns = self._call(
            "ecs.list_tasks",
            {"cluster": services.cluster, "serviceName": name, "desiredStatus": "RUNNING"},
        )["taskArns"]
        tasks = list(self._list_task_places(services.cluster, arns, {name: groups}))
        if tasks:
            return FoundPlaces(tuple(tasks))
        note = f"{name} has no running task: what the next one would have is evaluated"
        return FoundPlaces(
            tuple(
                Place(f"{name} in {subnet}", self.get_networks(subnet), subnet, groups)
                for subnet in settings.get("subnets") or ()
            ),
            note,
        )

    def _find_task(self, task_id: str, option: str) -> Place:
        services = self.outputs.services
        assert services is not None
        groups: dict[str, tuple[str, ...]] = {}
        places = list(self._list_task_places(services.cluster, [task_id], groups))
        if not places:
            raise UsageError(
                f"{option} must be the id of a running task, not {task_id!r}", "ops service tasks"
            )
        return places[0]

    def _list_task_places(
        self, cluster: str, arns: list[str], groups: Mapping[str, tuple[str, ...]]
    ) -> Iterator[Place]:
        """Running tasks with their own interfaces, which have the groups they started with."""
        ends: dict[str, tuple[str, dict[str, str]]] = {}
        for start in range(0, len(arns), DESCRIBE_TASKS_LIMIT):
            page: JsonValue = list(arns[start : start + DESCRIBE_TASKS_LIMIT])
            answer = self._call("ecs.describe_tasks", {"cluster": cluster, "tasks": page})
            for task in answer["tasks"]:
                details = _get_attachment(task)
                if task["lastStatus"] == "RUNNING" and "networkInterfaceId" in details:
                    service = str(task["group"]).removeprefix("service:")
                    task_id = str(task["taskArn"]).rsplit("/", 1)[-1]
                    ends[details["networkInterfaceId"]] = f"{service} {task_id[:8]}", details
        interfaces = self._list_interfaces(list(ends))
        for interface_id, (name, details) in ends.items():
            item = interfaces.get(interface_id)
            service_groups = groups.get(name.split(" ")[0])
            public = ((item or {}).get("Association") or {}).get("PublicIp")
            yield Place(
                name,
                (IPv4Network(details["privateIPv4Address"]),),
                details["subnetId"],
                tuple(group["GroupId"] for group in item.get("Groups") or ())
                if item is not None
                else service_groups,
                IPv4Address(public) if public else None,
            )

    def _list_interfaces(self, ids: list[str]) -> dict[str, Mapping[str, Any]]:
        """Interfaces by id; those that are gone meanwhile are not among them."""
        if not ids:
            return {}
        filters: JsonValue = [{"Name": "network-interface-id", "Values": [*ids]}]
        answer = self._call("ec2.describe_network_interfaces", {"Filters": filters})
        return {item["NetworkInterfaceId"]: item for item in answer["NetworkInterfaces"]}

    def _find_fleet(self, group: str) -> FoundPlaces:
        answer = self._call(AUTO_SCALING_GROUPS_API, {"AutoScalingGroupNames": [group]})
        ids = [
            item["InstanceId"]
            for description in answer["AutoScalingGroups"]
            for item in description["Instances"]
            if item["LifecycleState"] == "InService"
        ]
        if not ids:
            raise OpsError("the fleet has no instance in service", "ops fleet activities")
        return FoundPlaces(tuple(self._find_instances(ids, "FROM")))

    def _find_instances(self, ids: list[str], option: str) -> Iterator[Place]:
        try:
            answer = self._call("ec2.describe_instances", {"InstanceIds": [*ids]})
        except ClientError as error:
            if not get_error_code(error).startswith("InvalidInstanceID"):
                raise
            raise UsageError(
                f"{option} must be an instance that is there, not {ids[0]!r}",
                "ops fleet instances",
            ) from None
        for item in (item for entry in answer["Reservations"] for item in entry["Instances"]):
            if item.get("VpcId") != self.state.vpc or not item.get("PrivateIpAddress"):
                raise UsageError(
                    f"{option} must be an instance of {self.state.vpc} that has an address; "
                    f"{item['InstanceId']} is {item['State']['Name']} in {item.get('VpcId')}"
                )
            public = item.get("PublicIpAddress")
            yield Place(
                item["InstanceId"],
                (IPv4Network(item["PrivateIpAddress"]),),
                item["SubnetId"],
                tuple(group["GroupId"] for group in item.get("SecurityGroups") or ()),
                IPv4Address(public) if public else None,
            )

    def _find_balancer(self) -> FoundPlaces:
        part = self.outputs.load_balancer
        assert part is not None
        answer = self._call("elbv2.describe_load_balancers", {"LoadBalancerArns": [part.arn]})
        item = answer["LoadBalancers"][0]
        groups = tuple(item.get("SecurityGroups") or ())
        is_facing = item["Scheme"] == INTERNET_FACING
        places = tuple(
            Place(
                f"load-balancer in {zone['ZoneName']}",
                self.get_networks(zone["SubnetId"]),
                zone["SubnetId"],
                groups,
                return_ports=WIDE_CALLER_PORTS,
                has_public_address=is_facing,
            )
            for zone in item["AvailabilityZones"]
        )
        return FoundPlaces(places, is_internet_facing=is_facing)

    def _find_database(self, identifier: str) -> FoundPlaces:
        """The instance in the zone that it is in now; its address there is not given by RDS."""
        answer = self._call("rds.describe_db_instances", {"DBInstanceIdentifier": identifier})
        item = answer["DBInstances"][0]
        subnets = {
            entry["SubnetAvailabilityZone"]["Name"]: entry["SubnetIdentifier"]
            for entry in item["DBSubnetGroup"]["Subnets"]
        }
        groups = tuple(
            group["VpcSecurityGroupId"]
            for group in item["VpcSecurityGroups"]
            if group["Status"] in ("active", "adding")
        )
        zone = item.get("AvailabilityZone")
        subnet = subnets.get(zone)
        if subnet is None:
            raise OpsError(f"{identifier} has no zone yet, or none of its subnet group's: {zone}")
        host = (item.get("Endpoint") or {}).get("Address")
        place = Place(identifier, self.get_networks(subnet), subnet, groups, host=host)
        status = item["DBInstanceStatus"]
        return FoundPlaces((place,), None if status == "available" else f"{identifier} is {status}")

    def _find_function(self, name: str, option: str) -> FoundPlaces:
        """The subnets of a Lambda function, whose interfaces are shared and have no public address.

        Source: Lambda Developer Guide, "Giving Lambda functions access to resources in an Amazon
        VPC". One that is in no VPC calls from Lambda's own network, over the internet.
        """
        try:
            answer = self._call(FUNCTION_API, {"FunctionName": name})
        except ClientError as error:
            if get_error_code(error) != "ResourceNotFoundException":
                raise
            raise UsageError(
                f"{option} must be a Lambda function of {self.aws.region}, not {name!r}"
            ) from None
        settings = answer.get("VpcConfig") or {}
        if not settings.get("VpcId"):
            note = f"{name} is in no VPC: it calls over the internet, from Lambda's own network"
            return FoundPlaces((Place(name, PUBLIC_NETWORKS),), note)
        if settings["VpcId"] != self.state.vpc:
            raise UsageError(
                f"{option} must be a function in {self.state.vpc}; {name} is in {settings['VpcId']}"
            )
        groups = tuple(settings.get("SecurityGroupIds") or ())
        return FoundPlaces(
            tuple(
                Place(f"{name} in {subnet}", self.get_networks(subnet), subnet, groups)
                for subnet in settings.get("SubnetIds") or ()
            )
        )

    def _find_cache(self, identifier: str) -> FoundPlaces:
        answer = self._call(CACHE_CLUSTERS_API, {})
        clusters = [
            item for item in answer["CacheClusters"] if item.get("ReplicationGroupId") == identifier
        ]
        if not clusters:
            raise OpsError(f"the replication group {identifier} has no node")
        subnet_group = clusters[0]["CacheSubnetGroupName"]
        answer = self._call(
            "elasticache.describe_cache_subnet_groups", {"CacheSubnetGroupName": subnet_group}
        )
        subnets = {
            entry["SubnetAvailabilityZone"]["Name"]: entry["SubnetIdentifier"]
            for entry in answer["CacheSubnetGroups"][0]["Subnets"]
        }
        places = []
        for item in clusters:
            subnet = subnets[item["PreferredAvailabilityZone"]]
            groups = tuple(group["SecurityGroupId"] for group in item.get("SecurityGroups") or ())
            places.append(Place(item["CacheClusterId"], self.get_networks(subnet), subnet, groups))
        return FoundPlaces(tuple(places))


def _get_attachment(task: Mapping[str, Any]) -> dict[str, str]:
    """The details of a task's network interface, by name."""
    return {
        detail["name"]: detail["value"]
        for attachment in task.get("attachments") or ()
        if attachment["type"] == "ElasticNetworkInterface" and attachment["status"] == "ATTACHED"
        for detail in attachment["details"]
    }
