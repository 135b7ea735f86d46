"""Whether traffic reaches a place, rule by rule, in the order of its way: pure functions.

It is TCP. Stateful and stateless rules, and what is not filtered: VPC User Guide, "Compare security
groups and network ACLs": an ACL is passed at the border of a subnet only, and neither filters
Amazon's DNS. NAT: "NAT gateways" (no security group; the ACL of its subnet applies; calls from
1024-65535). Endpoints: AWS PrivateLink Guide, "Access an AWS service using an interface VPC
endpoint" (private DNS needs both DNS attributes of the VPC) and "Gateway endpoints" (a route to a
prefix list; the service's addresses stay public ones). Policies of endpoints are not evaluated:
they refuse requests, not connections.
"""

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import Final

from ops.core.checks import REPAIR_COMMAND
from ops.network.model import (
    ANY_NETWORK,
    PUBLIC_NETWORKS,
    WIDE_CALLER_PORTS,
    Check,
    Endpoint,
    NatDevice,
    NetworkState,
    NetworkSubject,
    Path,
    Place,
    Route,
    RouteTable,
    Verdict,
)
from ops.network.path_checks import (
    build_blackhole,
    check_acl,
    check_answer,
    check_dns,
    check_groups,
    find_table,
    format_route,
)
from ops.network.remedies import list_nat_instance_remedies
from ops.network.routes import choose_route, find_gateway_route

NO_INTERNET_REMEDIES: Final = (
    REPAIR_COMMAND,
    "pulumi config set --path network.nat one",
)


def evaluate_inside(
    state: NetworkState, source: Place, target: Place, port: int, *, is_named: bool = False
) -> Path:
    """The way between two places of the VPC. `is_named` is set if the target is called by name."""
    checks = [check_dns(state)] if is_named else []
    checks.append(check_groups(state, source, target, port, is_egress=True))
    crosses = source.subnet != target.subnet
    if crosses:
        checks.append(check_acl(state, source, target, (port, port), is_egress=True))
        checks.append(_check_local_route(state, source, target))
        checks.append(check_acl(state, target, source, (port, port), is_egress=False))
    checks.append(check_groups(state, target, source, port, is_egress=False))
    if crosses:
        checks += _check_answers(state, source, target)
    return Path(source.name, target.name, tuple(checks))


def evaluate_outside(
    state: NetworkState, source: Place, target: Place, port: int, *, is_named: bool = False
) -> Path:
    """The way from the VPC to addresses outside; it ends where it leaves the VPC."""
    checks = [check_dns(state)] if is_named else []
    checks.append(check_groups(state, source, target, port, is_egress=True))
    checks.append(check_acl(state, source, target, (port, port), is_egress=True))
    checks += _check_way_out(state, source, target, port)
    return Path(source.name, target.name, tuple(checks))


def evaluate_balancer(state: NetworkState, source: Place, balancer: Place, port: int) -> Path:
    """The way to an internet-facing load balancer: to its public address, and in from there."""
    public = Place(balancer.name, PUBLIC_NETWORKS)
    checks: list[Check] = []
    caller = source
    if source.subnet is not None:
        checks += evaluate_outside(state, source, public, port, is_named=True).checks
        address = find_public_address(state, source)
        networks = PUBLIC_NETWORKS if address is None else (IPv4Network(address),)
        caller = Place(source.name, networks, return_ports=WIDE_CALLER_PORTS)
    checks += evaluate_from_outside(state, caller, balancer, port).checks
    return Path(source.name, balancer.name, tuple(checks))


def evaluate_from_outside(state: NetworkState, source: Place, target: Place, port: int) -> Path:
    """The way from addresses of the internet to a place of the VPC."""
    is_public = any(
        network.subnet_of(own) for own in PUBLIC_NETWORKS for network in source.networks
    )
    if is_public and target.public is None and not target.has_public_address:
        reason = f"{target.name} has no public address: nothing of the internet comes to it"
        return Path(source.name, target.name, (Check("public address", "stopped", reason),))
    checks: list[Check] = []
    checks.append(_check_gateway_back(state, source, target))
    checks.append(check_acl(state, target, source, (port, port), is_egress=False))
    checks.append(check_groups(state, target, source, port, is_egress=False))
    checks.append(
        check_acl(state, target, source, source.return_ports, is_egress=True, is_answer=True)
    )
    return Path(source.name, target.name, tuple(checks))


def evaluate_service(
    state: NetworkState, source: Place, service: str, port: int, endpoint_subnets: Sequence[str]
) -> list[Path]:
    """The ways to an AWS service: through its interface or gateway endpoint, or the internet.

    `endpoint_subnets` are those of the interface endpoint to look at; all of its own if empty.
    """
    if "endpoints" in state.unreadable:
        check = Check("endpoint", "unknown", state.unreadable["endpoints"])
        return [Path(source.name, service, (check_dns(state), check))]
    endpoints = [endpoint for endpoint in state.endpoints if endpoint.service == service]
    interface = next((endpoint for endpoint in endpoints if endpoint.is_interface), None)
    if interface is not None and interface.has_private_dns:
        return [
            _evaluate_endpoint(state, source, interface, subnet, port)
            for subnet in (endpoint_subnets or interface.subnets or ("",))
        ]
    prefix_list = next(
        (key for key, name in state.prefix_list_names.items() if name.endswith(f".{service}")), None
    )
    networks = state.prefix_lists.get(prefix_list or "") or PUBLIC_NETWORKS
    target = Place(service, networks, prefix_list=prefix_list)
    path = evaluate_outside(state, source, target, port, is_named=True)
    if interface is None:
        return [path]
    note = Check(
        "private DNS",
        "allowed",
        f"{interface.id} has no private DNS: the name leads to public addresses",
    )
    # The endpoint would be the shorter way: what stops the other is mended by its DNS, too.
    enable = f"aws ec2 modify-vpc-endpoint --vpc-endpoint-id {interface.id} --private-dns-enabled"
    checks = [
        replace(check, remedies=(enable, *check.remedies)) if check.verdict != "allowed" else check
        for check in path.checks
    ]
    return [Path(path.source, path.target, (checks[0], note, *checks[1:]))]


def find_public_address(state: NetworkState, source: Place) -> IPv4Address | None:
    """The public address that a place calls the internet from; None if it is not known."""
    table = state.tables.get(source.subnet or "")
    network = PUBLIC_NETWORKS[0]
    route = choose_route(state, table, network, is_internet=True).route if table else None
    device = state.nat_devices.get(route.target) if route else None
    return device.public if device else source.public


def _evaluate_endpoint(
    state: NetworkState, source: Place, endpoint: Endpoint, subnet: str, port: int
) -> Path:
    name = f"{endpoint.service} ({endpoint.id})"
    checks = [check_dns(state)]
    if not state.has_dns_hostnames and "DNS" not in state.unreadable:
        remedy = f"aws ec2 modify-vpc-attribute --vpc-id {state.vpc} --enable-dns-hostnames"
        rule = f"{state.vpc} has enableDnsHostnames off: private DNS of endpoints needs it"
        checks.append(Check("DNS", "stopped", rule, (REPAIR_COMMAND, f"{remedy} Value=true")))
    if endpoint.state != "available":
        rule = f"{endpoint.id} is {endpoint.state}, not available"
        checks.append(Check("endpoint", "stopped", rule, (REPAIR_COMMAND,)))
    else:
        checks.append(Check("endpoint", "allowed", f"{endpoint.id} answers with private DNS"))
    network = state.subnets.get(subnet)
    if network is None:
        checks.append(Check("endpoint", "unknown", f"its subnet {subnet} could not be read"))
        return Path(source.name, name, tuple(checks))
    target = Place(name, (network,), subnet, endpoint.groups)
    checks += evaluate_inside(state, source, target, port).checks
    return Path(source.name, name, tuple(checks))


def _check_way_out(state: NetworkState, source: Place, target: Place, port: int) -> list[Check]:
    """The route out of the VPC, what it leads to, and the way of the answers."""
    table, unknown = find_table(state, source)
    if table is None:
        return [Check("route", "unknown", unknown)]
    gateway_route = find_gateway_route(table, target.prefix_list) if target.prefix_list else None
    if gateway_route is not None:
        return [
            *_check_gateway_endpoint(state, table, gateway_route),
            check_answer(state, source, target),
        ]
    choices = [
        choose_route(state, table, network, is_internet=target.is_internet)
        for network in target.networks
    ]
    route, others = choices[0].route, [other for choice in choices for other in choice.others]
    if not others and not any(choice.route for choice in choices):
        rule = f"{table.id} has no route to {target.name}"
        return [Check("route", "stopped", rule, NO_INTERNET_REMEDIES)]
    if others or any(choice.route != route for choice in choices) or route is None:
        routes = dict.fromkeys((*others, *(choice.route for choice in choices if choice.route)))
        texts = ", ".join(format_route(each) for each in routes if each != route) or "nowhere"
        return [Check("route", "unknown", f"{table.id}: parts of it go elsewhere: {texts}")]
    text = f"{table.id}: {format_route(route)}"
    if route.is_blackhole:
        return [build_blackhole(text)]
    checks = [Check("route", "allowed", text)]
    kind = route.target.split("-")[0]
    if kind == "igw":
        if not target.is_public:
            return [*checks, _build_internal(target, route)]
        return [*checks, *_check_public_address(source, route), check_answer(state, source, target)]
    if kind in ("nat", "eni", "i"):
        return [*checks, *_check_nat(state, source, target, route, port)]
    rule = f"what is behind {route.target} is not read here"
    return [*checks, Check("route", "unknown", rule)]


def _check_gateway_endpoint(state: NetworkState, table: RouteTable, route: Route) -> list[Check]:
    text = f"{table.id}: {format_route(route)}"
    if route.is_blackhole:
        return [build_blackhole(text)]
    endpoint = next((item for item in state.endpoints if item.id == route.target), None)
    if endpoint is None:
        return [Check("route", "unknown", f"{text}, which could not be read")]
    verdict: Verdict = "allowed" if endpoint.state == "available" else "stopped"
    rule = f"{endpoint.id} is {endpoint.state}"
    remedies = () if verdict == "allowed" else (REPAIR_COMMAND,)
    return [Check("route", "allowed", text), Check("endpoint", verdict, rule, remedies)]


def _check_public_address(source: Place, route: Route) -> list[Check]:
    if source.public is not None:
        return [Check("public address", "allowed", f"{source.name} has {source.public}")]
    rule = f"{source.name} has no public address, which {route.target} needs"
    return [Check("public address", "stopped", rule)]


def _check_nat(
    state: NetworkState, source: Place, target: Place, route: Route, port: int
) -> list[Check]:
    """The NAT gateway or instance of a route, and both ways through it."""
    device = state.nat_devices.get(route.target)
    if device is None:
        subjects: tuple[NetworkSubject, ...] = ("NAT gateways", "NAT instances")
        reason = next((state.unreadable[s] for s in subjects if s in state.unreadable), None)
        if reason is not None or not route.target.startswith("nat-"):
            rule = reason or f"{route.target} could not be read"
            return [Check("NAT", "unknown", rule)]
        return [Check("NAT", "stopped", f"{route.target} is gone", (REPAIR_COMMAND,))]
    place = Place(
        device.id,
        (state.subnets.get(device.subnet, ANY_NETWORK),)
        if device.private is None
        else (IPv4Network(device.private),),
        device.subnet,
        device.groups,
        device.public,
        WIDE_CALLER_PORTS,
    )
    checks = [_check_nat_device(device)]
    crosses = source.subnet != device.subnet
    if crosses:
        checks.append(check_acl(state, place, source, (port, port), is_egress=False))
    if device.groups is not None:
        checks.append(check_groups(state, place, source, port, is_egress=False))
        checks.append(check_groups(state, place, target, port, is_egress=True))
    checks.append(check_acl(state, place, target, (port, port), is_egress=True))
    checks.append(_check_nat_route(state, place, target))
    checks.append(check_answer(state, place, target))
    if crosses:
        checks.append(
            check_acl(state, place, source, source.return_ports, is_egress=True, is_answer=True)
        )
        checks.append(check_answer(state, source, target))
    return checks


def _check_nat_device(device: NatDevice) -> Check:
    if device.is_private:
        return Check("NAT", "stopped", f"{device.id} is a private NAT gateway")
    if device.state not in ("available", "running"):
        remedies = (REPAIR_COMMAND, *list_nat_instance_remedies(device))
        return Check("NAT", "stopped", f"{device.id} is {device.state}", remedies)
    if not device.forwards:
        rule = f"{device.id} checks source and destination: it forwards nothing"
        return Check("NAT", "stopped", rule, (REPAIR_COMMAND, *list_nat_instance_remedies(device)))
    if device.public is None:
        return Check("NAT", "stopped", f"{device.id} has no public address", (REPAIR_COMMAND,))
    return Check("NAT", "allowed", f"{device.id} is {device.state}, {device.public}")


def _check_nat_route(state: NetworkState, place: Place, target: Place) -> Check:
    table, unknown = find_table(state, place)
    if table is None:
        return Check("route of the NAT", "unknown", unknown)
    network = target.networks[0]
    choice = choose_route(state, table, network, is_internet=target.is_internet)
    if choice.route is None:
        rule = f"{table.id} has no route to the internet"
        return Check("route of the NAT", "stopped", rule, (REPAIR_COMMAND,))
    text = f"{table.id}: {format_route(choice.route)}"
    if choice.route.is_blackhole:
        return replace(build_blackhole(text), name="route of the NAT")
    if not choice.route.target.startswith("igw-"):
        return Check("route of the NAT", "unknown", f"{text}, which is no internet gateway")
    if not target.is_public:
        return _build_internal(target, choice.route)
    verdict: Verdict = "unknown" if choice.others else "allowed"
    return Check("route of the NAT", verdict, text)


def _build_internal(target: Place, route: Route) -> Check:
    rule = (
        f"{route.target} leads to the internet, where {target.networks[0]} is not a public address"
    )
    return Check("route", "stopped", rule)


def _check_gateway_back(state: NetworkState, source: Place, target: Place) -> Check:
    """The route of answers to the internet, by which the subnet is a public one."""
    table, unknown = find_table(state, target)
    if table is None:
        return Check("route back", "unknown", unknown)
    network = source.networks[0]
    route = choose_route(state, table, network, is_internet=source.is_internet).route
    if route is not None and route.target.startswith(("pcx-", "tgw-", "vgw-")):
        rule = f"what is behind {route.target} is not read here"
        return Check("route back", "unknown", rule)
    if route is None or not route.target.startswith("igw-"):
        rule = f"{table.id} has no route from and to an internet gateway"
        return Check("route back", "stopped", rule, (REPAIR_COMMAND,))
    text = f"{table.id}: {format_route(route)}"
    return build_blackhole(text) if route.is_blackhole else Check("route back", "allowed", text)


def _check_local_route(state: NetworkState, source: Place, target: Place) -> Check:
    table, unknown = find_table(state, source)
    if table is None:
        return Check("route", "unknown", unknown)
    choice = choose_route(state, table, target.networks[0])
    if choice.route is None:
        return Check("route", "stopped", f"{table.id} has no route to {target.networks[0]}")
    text = f"{table.id}: {format_route(choice.route)}"
    if choice.route.is_blackhole:
        return build_blackhole(text)
    if choice.others or choice.route.target != "local":
        return Check("route", "unknown", f"{text}: what is behind it is not read here")
    return Check("route", "allowed", text)


def _check_answers(state: NetworkState, source: Place, target: Place) -> list[Check]:
    """The ACLs on the way back, and its route."""
    out = check_acl(state, target, source, source.return_ports, is_egress=True, is_answer=True)
    route = replace(_check_local_route(state, target, source), name="route back")
    return [out, route, check_answer(state, source, target)]
