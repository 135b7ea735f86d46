"""Security groups of the stack's VPC that let the internet in, and what each is attached to."""

import json
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_network
from typing import Any, Final

from ops.audit.model import AUDIT_AREA
from ops.core.checks import (
    CheckFacts,
    CheckRoutine,
    ResponseItem,
    build_read,
    get_answer_items,
)
from ops.core.counts import format_count
from ops.findings.model import (
    FindingSeverity,
    ResourceFinding,
    build_finding_id,
    summarize_findings,
)
from ops.findings.waivers import apply_waivers
from ops.outputs import Outputs

GROUPS_API: Final = "ec2.describe_security_groups"
INTERFACES_API: Final = "ec2.describe_network_interfaces"
PREFIX_LIST_API: Final = "ec2.get_managed_prefix_list_entries"
OPEN_GROUPS_KEY: Final = "open-security-groups"
# Wider networks are nobody's own: IANA gives out IPv4 in /8 at most, and IPv6 in /12 to a registry.
WIDEST_KNOWN_PREFIX: Final = {4: 8, 6: 12}
BALANCER_PORTS: Final = (80, 443)
# CIS AWS Foundations 3.0: ports for administration; FSBP EC2.19: the ports of high risk.
ADMINISTRATION_PORTS: Final = (22, 3389)
HIGH_RISK_PORTS: Final = tuple(
    int(port)
    for port in (
        "20 21 22 23 25 110 135 143 445 1433 1434 3000 3306 3389 4333 5000 5432 5500 5601 8080 "
        "8088 8888 9200 9300"
    ).split()
)
MAX_NAMED_INTERFACES: Final = 3
_PEERS: Final = (
    ("UserIdGroupPairs", "GroupId"),
    ("IpRanges", "CidrIp"),
    ("Ipv6Ranges", "CidrIpv6"),
    ("PrefixListIds", "PrefixListId"),
)


def check_open_security_groups(facts: CheckFacts) -> CheckRoutine:
    """Judges every rule that lets the internet in, but those of the load balancer's web ports."""
    vpc_filter = [{"Name": "vpc-id", "Values": [facts.outputs.network.vpc_id]}]
    groups_answer, interfaces_answer = yield [
        build_read(GROUPS_API, "SecurityGroups", Filters=vpc_filter),
        build_read(INTERFACES_API, "NetworkInterfaces", Filters=vpc_filter),
    ]
    groups = get_answer_items(groups_answer)
    # Without these, what is open is open all the same.
    interfaces = None if isinstance(interfaces_answer, Exception) else interfaces_answer
    lists = sorted(
        {
            source
            for group in groups
            for _, _, kind, source in list_sources(group)
            if kind == "PrefixListId"
        }
    )
    answers = yield [build_read(PREFIX_LIST_API, "Entries", PrefixListId=name) for name in lists]
    open_lists = {
        name: next(
            (e["Cidr"] for e in get_answer_items(answer) if is_internet(str(e["Cidr"]))), None
        )
        for name, answer in zip(lists, answers, strict=True)
    }
    findings = [
        _build_finding(facts.outputs, group, permission, kind, source, interfaces)
        for group in groups
        for _, permission, kind, source in list_sources(group)
        if _is_open(kind, source, open_lists) and not _is_expected(facts.outputs, group, permission)
    ]
    looked_at = f"none of {format_count(len(groups), 'security group')} is open to the internet"
    return (
        yield from apply_waivers(
            facts, summarize_findings(AUDIT_AREA, "security groups", findings, looked_at)
        )
    )


def _is_open(kind: str, source: str, open_lists: Mapping[str, object]) -> bool:
    if kind == "PrefixListId":
        return open_lists[source] is not None
    return kind != "GroupId" and is_internet(source)


def is_internet(network: str) -> bool:
    """True for a network that is wider than anybody's own, such as 0.0.0.0/0, or half of it."""
    parsed = ip_network(network, strict=False)
    return not parsed.is_private and parsed.prefixlen < WIDEST_KNOWN_PREFIX[parsed.version]


def list_sources(
    group: ResponseItem, *, with_egress: bool = False
) -> Iterator[tuple[bool, Mapping[str, Any], str, str]]:
    """Each permission that lets in, or out as well, with each peer that it names.

    They are: whether it lets out, the permission, the kind of the peer, the peer.
    """
    ways = ("IpPermissions", "IpPermissionsEgress") if with_egress else ("IpPermissions",)
    for way in ways:
        for permission in group.get(way, ()):
            for field, kind in _PEERS:
                for peer in permission.get(field, ()):
                    yield way != "IpPermissions", permission, kind, str(peer[kind])


def _is_expected(outputs: Outputs, group: ResponseItem, permission: Mapping[str, Any]) -> bool:
    """True for the web ports of a load balancer that serves the internet."""
    balancer = outputs.load_balancer
    return (
        balancer is not None
        and not balancer.internal
        and group["GroupId"] == balancer.security_group_id
        and permission["IpProtocol"] in ("tcp", "6")
        and permission.get("FromPort") == permission.get("ToPort")
        and permission.get("FromPort") in BALANCER_PORTS
    )


def _build_finding(
    outputs: Outputs,
    group: ResponseItem,
    permission: Mapping[str, Any],
    kind: str,
    source: str,
    interfaces: Sequence[ResponseItem] | None,
) -> ResourceFinding:
    group_id = str(group["GroupId"])
    ports = format_ports(permission)
    is_attached, attachment = _describe_attachment(group_id, interfaces)
    return ResourceFinding(
        "failing",
        AUDIT_AREA,
        f"{group.get('GroupName', group_id)} ({group_id})",
        f"{ports} is open to {source}; {attachment}",
        build_revoke_line(outputs.stack.region, group_id, permission, kind, source),
        id=build_finding_id(
            OPEN_GROUPS_KEY, f"{group_id}/{ports.replace(' ', '-')}/{source.replace('/', '-')}"
        ),
        severity=_get_severity(permission, is_attached=is_attached),
        reason=_get_control(permission),
    )


def _get_severity(permission: Mapping[str, Any], *, is_attached: bool) -> FindingSeverity:
    if not is_attached:
        return "medium"
    return "critical" if _has_port(permission, HIGH_RISK_PORTS) else "high"


def _get_control(permission: Mapping[str, Any]) -> str:
    if _has_port(permission, ADMINISTRATION_PORTS):
        return "CIS AWS Foundations 3.0 5.2, 5.3; FSBP EC2.13, EC2.14: administration ports"
    if _has_port(permission, HIGH_RISK_PORTS):
        return "FSBP EC2.19: ports of high risk"
    return "FSBP EC2.18: only authorized ports"


def _has_port(permission: Mapping[str, Any], ports: Sequence[int]) -> bool:
    if permission["IpProtocol"] == "-1":
        return True
    first, last = permission.get("FromPort", -1), permission.get("ToPort", -1)
    return permission["IpProtocol"] in ("tcp", "udp", "6", "17") and any(
        first <= port <= last for port in ports
    )


def format_ports(permission: Mapping[str, Any]) -> str:
    """The ports of a permission: tcp/22, tcp/1000-2000, all."""
    protocol = str(permission["IpProtocol"])
    if protocol == "-1":
        return "all"
    first, last = permission.get("FromPort"), permission.get("ToPort")
    if first is None or first == -1:
        return protocol
    return f"{protocol}/{first}" if first == last else f"{protocol}/{first}-{last}"


def build_revoke_line(
    region: str,
    group_id: str,
    permission: Mapping[str, Any],
    kind: str,
    source: str,
    *,
    is_egress: bool = False,
) -> str:
    """The line of the AWS CLI that takes one rule away."""
    field = next(field for field, name in _PEERS if name == kind)
    body: dict[str, Any] = {"IpProtocol": permission["IpProtocol"]}
    body |= {name: permission[name] for name in ("FromPort", "ToPort") if name in permission}
    body[field] = [{kind: source}]
    way = "egress" if is_egress else "ingress"
    return (
        f"aws ec2 revoke-security-group-{way} --region {region} --group-id {group_id} "
        f"--ip-permissions '{json.dumps([body], separators=(',', ':'))}'"
    )


def _describe_attachment(
    group_id: str, interfaces: Sequence[ResponseItem] | None
) -> tuple[bool, str]:
    """True if it is attached, or if that is not known; and what it is attached to."""
    if interfaces is None:
        return True, "what it is attached to could not be read (ec2:DescribeNetworkInterfaces)"
    attached = [
        interface
        for interface in interfaces
        if any(group["GroupId"] == group_id for group in interface.get("Groups", ()))
    ]
    if not attached:
        return False, "attached to nothing"
    names = [_describe_interface(interface) for interface in attached[:MAX_NAMED_INTERFACES]]
    more = len(attached) - len(names)
    rest = f" and {more} more" if more else ""
    return True, f"attached to {', '.join(names)}{rest}"


def _describe_interface(interface: ResponseItem) -> str:
    """The instance that has an interface, else what AWS says that it is for, else its id."""
    instance = (interface.get("Attachment") or {}).get("InstanceId")
    return str(instance or interface.get("Description") or interface["NetworkInterfaceId"])
