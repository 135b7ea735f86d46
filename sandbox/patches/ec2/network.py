"""EC2: images that SSM names, NAT gateways that take time, flow logs into a folder."""

from functools import cache
from typing import Any

from moto.ec2.models import EC2Backend
from moto.ec2.models.amis import Ami, AmiBackend
from moto.ec2.models.flow_logs import FlowLogsBackend
from moto.ec2.models.instances import Instance, InstanceBackend
from moto.ec2.models.nat_gateways import NatGateway, NatGatewayBackend
from moto.ec2.models.subnets import SubnetBackend
from moto.ec2.responses.flow_logs import FlowLogs as FlowLogsResponse
from moto.ec2.responses.network_acls import NetworkACLs
from moto.ec2.utils import filter_dict_attribute_mapping
from moto.elbv2.models import elbv2_backends
from moto.utilities.utils import load_resource

from sandbox.clock import get_sandbox_clock, is_in_future
from sandbox.patches.patching import AwsError, ServicePatch, parse_request_parameters

patch = ServicePatch()
ApiRecord = dict[str, Any]
# Simulated seconds. Assumption: a NAT gateway is pending for a minute or two.
NAT_PENDING_SECONDS, NAT_DELETING_SECONDS = 90, 60
ICMP_PROTOCOLS = ("1", "58")  # and for IPv6, by their IANA numbers
# Default files of flow logs in S3: EC2 API reference, DestinationOptionsRequest.
FLOW_LOG_DEFAULTS = {
    "FileFormat": "plain-text",
    "HiveCompatiblePartitions": False,
    "PerHourPartition": False,
}


@cache
def _load_public_images(region: str) -> dict[str, ApiRecord]:
    """The images that AWS's public SSM parameters name in a region, by id."""
    images: dict[str, ApiRecord] = {}
    for path in ("latest_amis", "ecs/optimized_amis"):
        try:
            entries = load_resource(f"ec2/resources/{path}/{region}.json")
        except FileNotFoundError:
            continue
        images |= {ami["ami_id"]: ami for ami in entries}
    return images


def _list_interface_ids(instance: Instance) -> list[str]:
    return [interface.id for interface in instance.nics.values()]


@patch.add_change
def filter_instances_by_interface() -> None:
    """DescribeInstances finds the instance that has a network interface (EC2 API reference)."""
    owner: Any = Instance
    owner.sandbox_interface_ids = property(_list_interface_ids)
    filter_dict_attribute_mapping["network-interface.network-interface-id"] = (
        "sandbox_interface_ids"
    )


@patch.wrap(AmiBackend, "describe_images")
def describe_images(
    original: Any,
    backend: EC2Backend,
    ami_ids: list[str] | None = None,
    filters: Any = None,
    exec_users: list[str] | None = None,
    owners: list[str] | None = None,
) -> Any:
    """An image that AWS publishes is found by its id."""
    for image_id in ami_ids or ():
        public = _load_public_images(backend.region_name).get(image_id)
        if public and image_id not in backend.amis:
            attributes = {key: value for key, value in public.items() if key != "creation_date"}
            backend.amis[image_id] = Ami(backend, **(attributes | {"owner_alias": "amazon"}))
    return original(backend, ami_ids, filters, exec_users, owners)


@patch.wrap(FlowLogsBackend, "create_flow_logs")
def create_flow_logs(original: Any, backend: EC2Backend, *args: Any, **kwargs: Any) -> Any:
    """A destination may be a folder of a bucket; moto looks for a bucket of the whole name."""
    destination = kwargs.get("log_destination")
    if kwargs.get("log_destination_type") != "s3" or not destination or "/" not in destination:
        return original(backend, *args, **kwargs)
    flow_logs, errors = original(
        backend, *args, **{**kwargs, "log_destination": destination.split("/")[0]}
    )
    for log in flow_logs:
        log.log_destination = destination
    return flow_logs, errors


@patch.wrap(FlowLogsResponse, "create_flow_logs")
def keep_flow_log_options(original: Any, response: FlowLogsResponse) -> Any:
    """Keeps the file options, which moto drops."""
    answer, params = original(response), parse_request_parameters(response)
    for flow_log in answer.result["FlowLogIds"]:
        log = response.ec2_backend.flow_logs[flow_log]
        if log.log_destination_type == "s3":
            vars(log)["DestinationOptions"] = {
                **FLOW_LOG_DEFAULTS,
                **params.get("DestinationOptions", {}),
            }
    return answer


@patch.wrap(NatGatewayBackend, "create_nat_gateway")
def create_nat_gateway(original: Any, backend: EC2Backend, *args: Any, **kwargs: Any) -> NatGateway:
    allocation = kwargs.get("allocation_id") or (args[1] if len(args) > 1 else None)
    for address in backend.address_by_allocation([allocation]) if allocation else ():
        if address.association_id:
            raise AwsError(
                "Resource.AlreadyAssociated",
                f"Elastic IP address [{allocation}] is already associated",
            )
    gateway: NatGateway = original(backend, *args, **kwargs)
    vars(gateway)["sandbox_state"] = (
        "pending",
        get_sandbox_clock().get_completion_time(NAT_PENDING_SECONDS),
    )
    return gateway


@patch.wrap(NatGatewayBackend, "delete_nat_gateway")
def delete_nat_gateway(original: Any, backend: EC2Backend, nat_gateway_id: str) -> NatGateway:
    """Releases its address."""
    gateway = backend.nat_gateways.get(nat_gateway_id)
    if gateway is None or gateway.state == "deleted":
        raise AwsError("NatGatewayNotFound", f"NatGateway {nat_gateway_id} was not found")
    allocations = [
        address_entry["allocationId"]
        for address_entry in gateway.address_set
        if "allocationId" in address_entry
    ]
    if allocations:
        for address in backend.address_by_allocation(allocations):
            backend.disassociate_address(association_id=address.association_id)
    backend.enis.pop(gateway._eni.id, None)
    deleted_gateway: NatGateway = original(backend, nat_gateway_id)
    vars(deleted_gateway)["sandbox_state"] = (
        "deleting",
        get_sandbox_clock().get_completion_time(NAT_DELETING_SECONDS),
    )
    return deleted_gateway


def _get_nat_state(gateway: NatGateway) -> str:
    """The temporary state until it ends, then the lasting one, which moto sets."""
    temporary_state, until = vars(gateway).get("sandbox_state", ("", None))
    return str(
        temporary_state
        if until and is_in_future(until)
        else vars(gateway).get("lasting", "available")
    )


@patch.add_change
def add_nat_states() -> None:
    state = property(_get_nat_state, lambda gateway, value: vars(gateway).update(lasting=value))
    setattr(NatGateway, "state", state)  # noqa: B010 (typed as text)


def _wrap_acl_entry(method: str) -> None:
    @patch.wrap(NetworkACLs, method)
    def entry(original: Any, response: NetworkACLs) -> Any:
        """Sets type and code of ICMP rules, which moto reads under another name."""
        answer, params = original(response), parse_request_parameters(response)
        acl = response.ec2_backend.network_acls[params["NetworkAclId"]]
        icmp = params.get("IcmpTypeCode") or {}
        for rule in acl.network_acl_entries if icmp else ():
            rule_key = (str(rule.rule_number), bool(rule.egress))
            if rule_key == (str(params["RuleNumber"]), bool(params["Egress"])):
                rule.icmp_type, rule.icmp_code = icmp.get("Type"), icmp.get("Code")
                if params["Protocol"] in ICMP_PROTOCOLS:
                    rule.port_range_from = rule.port_range_to = None
        return answer


_wrap_acl_entry("create_network_acl_entry")
_wrap_acl_entry("replace_network_acl_entry")


@patch.wrap(SubnetBackend, "delete_subnet")
def delete_subnet(original: Any, backend: EC2Backend, subnet_id: str) -> Any:
    """Refused while something runs in it."""
    gateways = (g for g in backend.nat_gateways.values() if g.state != "deleted")
    instances = (i for i in backend.all_instances() if i.state_code in (0, 16))
    balancers = elbv2_backends[backend.account_id][backend.region_name].load_balancers.values()
    if (
        any(g.subnet_id == subnet_id for g in gateways)
        or any(i.subnet_id == subnet_id for i in instances)
        or any(subnet_id in {s.id for s in b.subnets} for b in balancers)
    ):
        raise AwsError(
            "DependencyViolation",
            f"The subnet '{subnet_id}' has dependencies and cannot be deleted.",
        )
    return original(backend, subnet_id)


@patch.wrap(InstanceBackend, "modify_instance_attribute")
def check_source_and_destination(
    original: Any, backend: InstanceBackend, instance_id: str, key: str, value: Any
) -> Instance:
    """An instance's SourceDestCheck is that of its interface (API reference, same operation)."""
    instance: Instance = original(backend, instance_id, key, value)
    if key == "source_dest_check":
        for interface in instance.nics.values():
            interface.source_dest_check = str(value).lower() == "true"
    return instance
