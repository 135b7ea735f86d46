"""Security groups and network ACLs, evaluated as AWS does: pure functions.

Sources: VPC User Guide, "Security group rules" (rules allow, those of all groups together; they
are stateful, so that answers pass; a rule that names a group is of the private addresses of its
members) and "Network ACL rules" (the lowest number that matches decides; stateless).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, collapse_addresses

from ops.network.model import (
    ANY_PORTS,
    PUBLIC_NETWORKS,
    AclEntry,
    GroupRule,
    NetworkAcl,
    NetworkState,
    Place,
    Ports,
    Verdict,
)

TCP_NAMES = ("tcp", "6")
_ALL_PROTOCOLS = "-1"
# Of the ports that answers go to; fewer refused ones are said, and do not stop it. The stack's own
# ACLs refuse port 3389, as EC2.21 asks.
TOLERATED_PORT_SHARE = 0.001
Piece = tuple[IPv4Network, Ports]


@dataclass(frozen=True)
class Judgement:
    """A verdict and the rule that it stands on, as text. `entry` is the ACL's rule that denies."""

    verdict: Verdict
    rule: str
    entry: AclEntry | None = None


def judge_security_groups(
    state: NetworkState, place: Place, peer: Place, port: int, *, is_egress: bool
) -> Judgement:
    """Whether the groups of a place let TCP to a port through: out to its peer, or in from it."""
    if "security groups" in state.unreadable:
        return Judgement("unknown", state.unreadable["security groups"])
    group_ids = place.groups or ()
    if missing_ids := [name for name in group_ids if name not in state.groups]:
        return Judgement("unknown", f"{', '.join(missing_ids)} could not be read")
    groups = [state.groups[name] for name in group_ids]
    matches = [
        (group, rule)
        for group in groups
        for rule in (group.egress if is_egress else group.ingress)
        if _has_port(rule, port)
    ]
    for group, rule in matches:
        if shared_ids := set(rule.groups) & set(peer.groups or ()):
            peer_id = min(shared_ids)
            return Judgement("allowed", f"{group.id} {_format_rule(rule, peer_id)}")
        if peer.prefix_list is not None and peer.prefix_list in rule.prefix_lists:
            return Judgement("allowed", f"{group.id} {_format_rule(rule, peer.prefix_list)}")
    unread_lists = [
        name for _, rule in matches for name in rule.prefix_lists if name not in state.prefix_lists
    ]
    by_network = [
        (group, rule, network)
        for group, rule in matches
        for network in (
            *rule.networks,
            *(n for name in rule.prefix_lists for n in state.prefix_lists.get(name, ())),
        )
    ]
    for group, rule, network in by_network:
        if all(own.subnet_of(network) for own in peer.networks):
            return Judgement("allowed", f"{group.id} {_format_rule(rule, str(network))}")
    collapsed = list(collapse_addresses(network for _, _, network in by_network))
    names = ", ".join(f"{group.id} ({group.name})" for group in groups) or "no security group"
    if all(any(own.subnet_of(network) for network in collapsed) for own in peer.networks):
        return Judgement("allowed", f"{names}: tcp {port}, {_join(collapsed)}")
    direction = "to" if is_egress else "from"
    peer_text = _format_peer(peer)
    if any(own.overlaps(network) for own in peer.networks for network in collapsed):
        return Judgement(
            "unknown",
            f"{names}: tcp {port} {direction} {_join(collapsed)} only, of {peer_text}",
        )
    if unread_lists:
        return Judgement("unknown", f"{names}: the addresses of {unread_lists[0]} are not readable")
    return Judgement("stopped", f"{names}: no rule lets tcp {port} {direction} {peer_text} through")


def judge_acl(
    acl: NetworkAcl, networks: Sequence[IPv4Network], ports: Ports, *, is_egress: bool
) -> Judgement:
    """Whether a network ACL lets TCP between its subnet and the networks pass, to these ports."""
    direction = "out" if is_egress else "in"
    entries = sorted(
        (entry for entry in acl.entries if entry.is_egress == is_egress),
        key=lambda entry: entry.number,
    )
    networks = tuple(collapse_addresses(networks))
    remaining: list[Piece] = [(network, ports) for network in networks]
    allowing: list[AclEntry] = []
    denied_by: list[tuple[AclEntry | None, Piece]] = []
    for entry in entries:
        if entry.protocol not in (*TCP_NAMES, _ALL_PROTOCOLS):
            continue
        left: list[Piece] = []
        for piece in remaining:
            matched, unmatched = _split(piece, entry)
            left += unmatched
            if matched is not None and entry.is_allow:
                allowing.append(entry)
            elif matched is not None:
                denied_by.append((entry, matched))
        remaining = left
    denied_by += [(None, piece) for piece in remaining]  # the rule * denies what no rule matches
    total = sum(network.num_addresses for network in networks) * _count(ports)
    refused = sum(network.num_addresses * _count(piece) for _, (network, piece) in denied_by)
    if not refused:
        return Judgement("allowed", f"{acl.id} {direction}, {_format_entry(allowing[0])}")
    worst, (network, denied_ports) = max(
        denied_by, key=lambda item: item[1][0].num_addresses * _count(item[1][1])
    )
    text = f"{acl.id} {direction}, {_format_entry(worst)}"
    if refused == total:
        return Judgement("stopped", text, worst)
    denied = [piece for _, piece in denied_by]
    shares = _list_shares(denied, ports)
    if max(shares) > TOLERATED_PORT_SHARE and (
        min(shares) <= TOLERATED_PORT_SHARE
        or tuple(collapse_addresses(network for network, _ in denied)) != networks
    ):
        return Judgement("unknown", f"{text}: it stops {network} of {_join(networks)}", worst)
    share = max(shares)
    text += f", stops ports {_format_ports(denied_ports)}"
    if share <= TOLERATED_PORT_SHARE:
        first = _format_entry(allowing[0])
        return Judgement("allowed", f"{acl.id} {direction}, {first}; {text}, {share:.3%} of them")
    return Judgement("stopped", f"{text}, {share:.0%} of them", worst)


def _list_shares(denied: Sequence[Piece], ports: Ports) -> list[float]:
    """The share of the ports that is denied to addresses of each piece's network."""
    return [
        sum(_count(other) for each, other in denied if network.subnet_of(each)) / _count(ports)
        for network in {network for network, _ in denied}
    ]


def _split(piece: Piece, entry: AclEntry) -> tuple[Piece | None, list[Piece]]:
    """The part of a piece that an entry matches, and what is left of it."""
    network, (first, last) = piece
    low, high = max(first, entry.ports[0]), min(last, entry.ports[1])
    if not network.overlaps(entry.network) or low > high:
        return None, [piece]
    common = network if network.subnet_of(entry.network) else entry.network
    left: list[Piece] = []
    if common != network:
        left += [(rest, (first, last)) for rest in network.address_exclude(common)]
    left += [(common, ends) for ends in ((first, low - 1), (high + 1, last)) if ends[0] <= ends[1]]
    return (common, (low, high)), left


def _has_port(rule: GroupRule, port: int) -> bool:
    if rule.protocol == _ALL_PROTOCOLS:
        return True
    return rule.protocol in TCP_NAMES and rule.ports[0] <= port <= rule.ports[1]


def _count(ports: Ports) -> int:
    return ports[1] - ports[0] + 1


def _format_rule(rule: GroupRule, peer: str) -> str:
    ports = "all traffic" if rule.protocol == _ALL_PROTOCOLS else f"tcp {_format_ports(rule.ports)}"
    return f"allows {ports} {peer}"


def _format_entry(entry: AclEntry | None) -> str:
    if entry is None:
        return "rule *: denied, as no other rule matches"
    protocol = "all traffic" if entry.protocol == _ALL_PROTOCOLS else "tcp"
    action = "allows" if entry.is_allow else "denies"
    ports = "" if entry.ports == ANY_PORTS else f" {_format_ports(entry.ports)}"
    return f"rule {entry.number} {action} {protocol}{ports} {entry.network}"


def _format_ports(ports: Ports) -> str:
    return str(ports[0]) if ports[0] == ports[1] else f"{ports[0]}-{ports[1]}"


def _format_peer(peer: Place) -> str:
    groups = f" ({', '.join(peer.groups)})" if peer.groups else ""
    return f"{_join(peer.networks)}{groups}"


def _join(networks: Iterable[IPv4Network]) -> str:
    texts = list(_list_texts(networks))
    if texts == [str(network) for network in PUBLIC_NETWORKS]:
        return "any public address"
    return ", ".join(texts[:3]) + (f" and {len(texts) - 3} more" if len(texts) > 3 else "")


def _list_texts(networks: Iterable[IPv4Network]) -> Iterator[str]:
    for network in networks:
        yield str(network.network_address) if network.prefixlen == 32 else str(network)
