"""EC2: images that SSM names, NAT gateways that take their time, flow logs into a folder."""

from functools import cache
from typing import Any

from moto.ec2.models import EC2Backend
from moto.ec2.models.amis import Ami, AmiBackend
from moto.ec2.models.flow_logs import FlowLogsBackend
from moto.ec2.models.nat_gateways import NatGateway, NatGatewayBackend
from moto.ec2.models.subnets import SubnetBackend
from moto.ec2.responses.flow_logs import FlowLogs as FlowLogsResponse
from moto.ec2.responses.network_acls import NetworkACLs
from moto.elbv2.models import elbv2_backends
from moto.utilities.utils import load_resource

from sandbox.clock import clock, pending
from sandbox.patches.patching import Mend, Refused, parameters

mend = Mend()
Record = dict[str, Any]
# Simulated seconds. Assumption: a NAT gateway is pending for a minute or two.
NAT_PENDING, NAT_DELETING = 90, 60
ICMP = ("1", "58")  # and for IPv6, by their IANA numbers
# Files of flow logs in S3 where nothing is said: EC2 API reference, DestinationOptionsRequest.
PLAIN = {"FileFormat": "plain-text", "HiveCompatiblePartitions": False, "PerHourPartition": False}


@cache
def _public_images(region: str) -> dict[str, Record]:
    """The images that AWS's public SSM parameters name in a region, by id."""
    images: dict[str, Record] = {}
    for path in ("latest_amis", "ecs/optimized_amis"):
        try:
            listed = load_resource(f"ec2/resources/{path}/{region}.json")
        except FileNotFoundError:
            continue
        images |= {ami["ami_id"]: ami for ami in listed}
    return images


@mend.around(AmiBackend, "describe_images")
def images(
    original: Any,
    backend: EC2Backend,
    ami_ids: list[str] | None = None,
    filters: Any = None,
    exec_users: list[str] | None = None,
    owners: list[str] | None = None,
) -> Any:
    """An image that AWS publishes is there when it is asked for by its id."""
    for wanted in ami_ids or ():
        public = _public_images(backend.region_name).get(wanted)
        if public and wanted not in backend.amis:
            given = {key: value for key, value in public.items() if key != "creation_date"}
            backend.amis[wanted] = Ami(backend, **(given | {"owner_alias": "amazon"}))
    return original(backend, ami_ids, filters, exec_users, owners)


@mend.around(FlowLogsBackend, "create_flow_logs")
def flow_logs(original: Any, backend: EC2Backend, *args: Any, **given: Any) -> Any:
    """A destination may be a folder of a bucket; moto looks for a bucket of the whole name."""
    where = given.get("log_destination")
    if given.get("log_destination_type") != "s3" or not where or "/" not in where:
        return original(backend, *args, **given)
    made, refused = original(backend, *args, **{**given, "log_destination": where.split("/")[0]})
    for log in made:
        log.log_destination = where
    return made, refused


@mend.around(FlowLogsResponse, "create_flow_logs")
def flow_log_options(original: Any, response: FlowLogsResponse) -> Any:
    """How files are written, which moto drops."""
    answer, given = original(response), parameters(response)
    for flow_log in answer.result["FlowLogIds"]:
        log = response.ec2_backend.flow_logs[flow_log]
        if log.log_destination_type == "s3":
            vars(log)["DestinationOptions"] = {**PLAIN, **given.get("DestinationOptions", {})}
    return answer


@mend.around(NatGatewayBackend, "create_nat_gateway")
def create_nat(original: Any, backend: EC2Backend, *args: Any, **given: Any) -> NatGateway:
    allocation = given.get("allocation_id") or (args[1] if len(args) > 1 else None)
    for address in backend.address_by_allocation([allocation]) if allocation else ():
        if address.association_id:
            raise Refused(
                "Resource.AlreadyAssociated",
                f"Elastic IP address [{allocation}] is already associated",
            )
    gateway: NatGateway = original(backend, *args, **given)
    vars(gateway)["mended"] = ("pending", clock().ready(NAT_PENDING))
    return gateway


@mend.around(NatGatewayBackend, "delete_nat_gateway")
def delete_nat(original: Any, backend: EC2Backend, nat_gateway_id: str) -> NatGateway:
    """It lets its address go."""
    gateway = backend.nat_gateways.get(nat_gateway_id)
    if gateway is None or gateway.state == "deleted":
        raise Refused("NatGatewayNotFound", f"NatGateway {nat_gateway_id} was not found")
    allocations = [
        given["allocationId"] for given in gateway.address_set if "allocationId" in given
    ]
    if allocations:
        for address in backend.address_by_allocation(allocations):
            backend.disassociate_address(association_id=address.association_id)
    backend.enis.pop(gateway._eni.id, None)
    gone: NatGateway = original(backend, nat_gateway_id)
    vars(gone)["mended"] = ("deleting", clock().ready(NAT_DELETING))
    return gone


def _nat_state(gateway: NatGateway) -> str:
    """moto sets the state that lasts; before it comes one that passes."""
    passing, until = vars(gateway).get("mended", ("", None))
    return str(passing if until and pending(until) else vars(gateway).get("lasting", "available"))


@mend.also
def nat_states() -> None:
    state = property(_nat_state, lambda it, to: vars(it).update(lasting=to))
    setattr(NatGateway, "state", state)  # noqa: B010 (typed as text)


def _acl_entry(method: str) -> None:
    @mend.around(NetworkACLs, method)
    def entry(original: Any, response: NetworkACLs) -> Any:
        """ICMP rules have a type and a code, which moto looks for under another name."""
        answer, given = original(response), parameters(response)
        acl = response.ec2_backend.network_acls[given["NetworkAclId"]]
        icmp = given.get("IcmpTypeCode") or {}
        for rule in acl.network_acl_entries if icmp else ():
            same = (str(rule.rule_number), bool(rule.egress))
            if same == (str(given["RuleNumber"]), bool(given["Egress"])):
                rule.icmp_type, rule.icmp_code = icmp.get("Type"), icmp.get("Code")
                if given["Protocol"] in ICMP:
                    rule.port_range_from = rule.port_range_to = None
        return answer


_acl_entry("create_network_acl_entry")
_acl_entry("replace_network_acl_entry")


@mend.around(SubnetBackend, "delete_subnet")
def delete_subnet(original: Any, backend: EC2Backend, subnet_id: str) -> Any:
    """Not while something runs in it."""
    gateways = (g for g in backend.nat_gateways.values() if g.state != "deleted")
    instances = (i for i in backend.all_instances() if i.state_code in (0, 16))
    balancers = elbv2_backends[backend.account_id][backend.region_name].load_balancers.values()
    if (
        any(g.subnet_id == subnet_id for g in gateways)
        or any(i.subnet_id == subnet_id for i in instances)
        or any(subnet_id in {s.id for s in b.subnets} for b in balancers)
    ):
        raise Refused(
            "DependencyViolation",
            f"The subnet '{subnet_id}' has dependencies and cannot be deleted.",
        )
    return original(backend, subnet_id)
