"""What a quota is, as data."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ops.quotas.measures import Measure

if TYPE_CHECKING:
    from ops.outputs import Outputs

# What of the stack grows: its most, and what it has in another region, are computed by these.
Demand = Literal[
    "",
    "vpcs",
    "addresses",
    "nat gateways",
    "interfaces",
    "security groups",
    "fargate",
    "instances",
    "databases",
    "database storage",
    "database snapshots",
    "replicas",
    "load balancers",
    "target groups",
    "targets",
    "tasks",
]


@dataclass(frozen=True)
class Quota:
    """One quota: its codes in Service Quotas, its name there, AWS's default, how use is measured.

    `demand` is what of the stack grows it. `is_needed_elsewhere`: a recovery in the recovery region
    needs it there too. `is_global`: it is kept in the region of IAM and not per region.
    """

    service: str
    code: str
    name: str
    default: str
    source: str
    measure: Measure
    demand: Demand = ""
    is_needed_elsewhere: bool = False
    is_global: bool = False
    stops_deployment: bool = False
    is_applicable: "Callable[[Outputs], bool]" = lambda _: True
