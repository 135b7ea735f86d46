"""One check of a path each: DNS, a security group, a network ACL, a route; pure functions."""

from typing import Final

from ops.core.checks import REPAIR_COMMAND
from ops.network.model import Check, NetworkState, Place, Ports, Route, RouteTable
from ops.network.remedies import list_acl_remedies, list_group_remedies
from ops.network.rules import judge_acl, judge_security_groups

AMAZON_DNS: Final = "AmazonProvidedDNS"


def check_dns(state: NetworkState) -> Check:
    """Whether names resolve in the VPC. Its own resolver is not filtered."""
    if "DNS" in state.unreadable:
        return Check("DNS", "unknown", state.unreadable["DNS"])
    if not state.has_dns_support:
        remedy = f"aws ec2 modify-vpc-attribute --vpc-id {state.vpc} --enable-dns-support"
        rule = f"{state.vpc} has enableDnsSupport off: no name resolves"
        return Check("DNS", "stopped", rule, (REPAIR_COMMAND, f"{remedy} Value=true"))
    if AMAZON_DNS not in state.dns_servers:
        servers = ", ".join(state.dns_servers)
        return Check("DNS", "unknown", f"names are resolved by {servers}, which is not read here")
    return Check("DNS", "allowed", f"{state.vpc} resolves names")


def check_groups(
    state: NetworkState, place: Place, peer: Place, port: int, *, is_egress: bool
) -> Check:
    name = f"security group, {'out of' if is_egress else 'into'} {place.name}"
    if place.groups is None:
        return Check(name, "unknown", f"nothing is known to have {place.networks[0]}")
    judgement = judge_security_groups(state, place, peer, port, is_egress=is_egress)
    remedies: tuple[str, ...] = ()
    if judgement.verdict == "stopped":
        remedies = list_group_remedies(place, peer, port, is_egress=is_egress)
    return Check(name, judgement.verdict, judgement.rule, remedies)


def check_acl(
    state: NetworkState,
    place: Place,
    peer: Place,
    ports: Ports,
    *,
    is_egress: bool,
    is_answer: bool = False,
) -> Check:
    """The ACL of a place's subnet: its rules are of sources of what comes in, else targets."""
    direction = "out of" if is_egress else "into"
    suffix = ", answers" if is_answer else ""
    name = f"network ACL, {direction} the subnet of {place.name}{suffix}"
    if "network ACLs" in state.unreadable:
        return Check(name, "unknown", state.unreadable["network ACLs"])
    acl = state.acls.get(place.subnet or "")
    if acl is None:
        return Check(name, "unknown", f"the ACL of {place.subnet} could not be read")
    judgement = judge_acl(acl, peer.networks, ports, is_egress=is_egress)
    remedies: tuple[str, ...] = ()
    if judgement.verdict != "allowed":
        remedies = list_acl_remedies(acl, judgement.entry, is_egress=is_egress)
    return Check(name, judgement.verdict, judgement.rule, remedies)


def check_answer(state: NetworkState, place: Place, peer: Place) -> Check:
    """The ACL of a caller's subnet, for answers that come in."""
    return check_acl(state, place, peer, place.return_ports, is_egress=False, is_answer=True)


def find_table(state: NetworkState, place: Place) -> tuple[RouteTable | None, str]:
    if "route tables" in state.unreadable:
        return None, state.unreadable["route tables"]
    table = state.tables.get(place.subnet or "")
    return table, f"the route table of {place.subnet} could not be read"


def build_blackhole(text: str) -> Check:
    return Check("route", "stopped", f"{text}: its target is gone", (REPAIR_COMMAND,))


def format_route(route: Route) -> str:
    return f"{route.destination} to {route.target}{' (blackhole)' if route.is_blackhole else ''}"
