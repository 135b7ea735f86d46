"""EC2: a route whose target is gone is a blackhole; moto calls every route active.

EC2 API reference, Route: "The blackhole state indicates that the route's target isn't available
(for example, the specified gateway isn't attached to the VPC, or the specified NAT instance has
been terminated)". VPC User Guide, "NAT gateways": the routes of a deleted gateway stay, as
blackholes, until they are deleted.
"""

from moto.ec2.models.route_tables import Route

from sandbox.patches.patching import ServicePatch

patch = ServicePatch()
TERMINATED_CODE = 48  # of an instance's state


def _is_blackhole(route: Route) -> bool:
    backend = route.route_table.ec2_backend
    if route.nat_gateway is not None and route.nat_gateway.state in ("deleting", "deleted"):
        return True
    if route.gateway is not None and route.gateway.id.startswith("igw-"):
        gateway = backend.internet_gateways.get(route.gateway.id)
        return gateway is None or gateway.vpc is None
    instance = route.instance or (route.interface.instance if route.interface else None)
    if instance is not None and instance.state_code == TERMINATED_CODE:
        return True
    return route.interface is not None and route.interface.id not in backend.enis


def get_route_state(route: Route) -> str:
    """Whether the target of a route is there."""
    return "blackhole" if _is_blackhole(route) else "active"


@patch.add_change
def add_route_states() -> None:
    state = property(get_route_state)
    setattr(Route, "state", state)  # noqa: B010 (typed as read-only)
