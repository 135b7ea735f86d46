"""Facts of dashboards."""

from collections.abc import Iterable
from typing import Final

from components.facts.billing import Charge, PricedResource, StackResources, build_monthly_charge
from components.facts.model import ResourceFact

FREE_DASHBOARDS: Final = 3  # in an account (CloudWatch pricing)


def _list_dashboard_charges(resource: PricedResource, stack: StackResources) -> Iterable[Charge]:
    dashboards = [r for r in stack.resources if r.type == resource.type]
    if dashboards.index(resource) < FREE_DASHBOARDS:
        yield build_monthly_charge("dashboard, free", price="dashboard", quantity=0)
    else:
        yield build_monthly_charge("dashboard", price="dashboard")


FACTS: Final = (
    ResourceFact(
        type="aws:cloudwatch/dashboard:Dashboard",
        replacing=("dashboardName",),
        harmless=("dashboardBody",),
        list_charges=_list_dashboard_charges,
    ),
)
