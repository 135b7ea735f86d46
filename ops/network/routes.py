"""Which route traffic takes: pure functions.

Source: VPC User Guide, "Route priority": the most specific route that matches; of equal ones a
static route before a propagated one. A route whose target is gone is a blackhole, and still takes
what it matches.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network

from ops.network.model import NetworkState, Route, RouteTable


@dataclass(frozen=True)
class RouteChoice:
    """The route of all of a network; `others` take parts of it elsewhere."""

    route: Route | None
    others: tuple[Route, ...] = ()


def choose_route(
    state: NetworkState, table: RouteTable, destination: IPv4Network, *, is_internet: bool = False
) -> RouteChoice:
    """The most specific route of all of a destination, and more specific ones of parts of it.

    With `is_internet` the destination stands for one unknown public address, which routes of
    private networks and of gateway endpoints are not about.
    """
    covering: list[tuple[int, bool, Route]] = []
    others: list[Route] = []
    for each, network in _list_networks(state, table):
        if destination.subnet_of(network):
            covering.append((network.prefixlen, not each.is_propagated, each))
        elif network.subnet_of(destination):
            is_other_service = each.prefix_list is not None and each.target.startswith("vpce-")
            if not (is_internet and (network.is_private or is_other_service)):
                others.append(each)
    route = max(covering, key=lambda item: item[:2])[2] if covering else None
    different = [
        other
        for other in dict.fromkeys(others)
        if route is None or (other.target, other.is_blackhole) != (route.target, route.is_blackhole)
    ]
    return RouteChoice(route, tuple(different))


def find_gateway_route(table: RouteTable, prefix_list: str) -> Route | None:
    """The route to a gateway endpoint's prefix list."""
    routes = (route for route in table.routes if route.prefix_list == prefix_list)
    return next(routes, None)


def _list_networks(state: NetworkState, table: RouteTable) -> Iterator[tuple[Route, IPv4Network]]:
    for route in table.routes:
        if route.network is not None:
            yield route, route.network
        for network in state.prefix_lists.get(route.prefix_list or "", ()):
            yield route, network
