"""The names by which the parts of a stack are typed and shown: one table for every look.

A name means the same in each of them, whether or not that look, or this stack, has the part.
"""

from collections.abc import Mapping
from typing import Final, Literal, TypeVar

from ops.outputs import Outputs

PartT = TypeVar("PartT")
FixedPartName = Literal[
    "alarms",
    "all",
    "cache",
    "cache-rotation",
    "containers",
    "database",
    "fleet",
    "flow-logs",
    "functions",
    "load-balancer",
    "nat",
    "network",
    "rotation",
    "services",
    "stack",
    "waf",
]
# What each of them is.
FIXED_PARTS: Final[dict[FixedPartName, str]] = {
    "alarms": "the alarms and their topics",
    "all": "every part, where metrics are shown",
    "cache": "the nodes of the cache",
    "cache-rotation": "the function that rotates the token of the cache",
    "containers": "what Container Insights writes of the services",
    "database": "the primary DB instance, and in metrics and changes its replicas",
    "fleet": "the instances of the Auto Scaling group",
    "flow-logs": "the flow logs of the VPC",
    "functions": "the functions that rotate the secrets",
    "load-balancer": "the load balancer and its target groups",
    "nat": "the NAT gateways or instances",
    "network": "the VPC, its subnets and routes",
    "rotation": "the function that rotates the password of the database",
    "services": "all services together",
    "stack": "what belongs to no single part",
    "waf": "the web ACL of the load balancer",
}
STACK_PART: Final[FixedPartName] = "stack"
SERVICE_PREFIX: Final = "service/"


def list_database_names(outputs: Outputs) -> dict[str, str]:
    """The primary and the replicas: their identifiers by the names that are typed."""
    prefix = f"{outputs.stack.project}-{outputs.stack.stack}-"
    identifiers = (outputs.database.identifier, *outputs.database.replicas)
    return {identifier.removeprefix(prefix): identifier for identifier in identifiers}


def get_service_part(outputs: Outputs, name: str) -> str:
    """The name of a service's part: its own, or `service/NAME` if another part is called so."""
    is_taken = name in FIXED_PARTS or name in list_database_names(outputs)
    return f"{SERVICE_PREFIX}{name}" if is_taken else name


def list_service_parts(outputs: Outputs) -> dict[str, str]:
    """The services of the stack, by the names of their parts."""
    names = outputs.services.services if outputs.services is not None else ()
    return {get_service_part(outputs, name): name for name in names}


def find_part(parts: Mapping[str, PartT], name: str) -> PartT | None:
    """The part that is typed; None if there is none. `service/NAME` is NAME's in any case."""
    if name in parts:
        return parts[name]
    return parts.get(name.removeprefix(SERVICE_PREFIX)) if name.startswith(SERVICE_PREFIX) else None
