"""The summary of a deployment: resources, cost, alarms and outputs, as data and as a page."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ops.cli.render import format_duration
from ops.prices.estimate import Cost, estimate_costs, sum_by_component
from ops.prices.price_table import DEFAULT_PRICE_TABLE, HOURS
from ops.runs.report import format_timestamp
from sandbox.billing import list_priced_resources
from sandbox.demo_steps import DemoStepResult
from sandbox.diagram import render_diagram
from sandbox.program import PROJECT_ROOT, RegisteredResource, ResourceGraph

TEMPLATE_FOLDER = Path(__file__).parent / "templates"
ALARM_TYPES = (
    "aws:cloudwatch/metricAlarm:MetricAlarm",
    "aws:cloudwatch/compositeAlarm:CompositeAlarm",
)


@dataclass(frozen=True)
class ComponentSummary:
    """One component of the stack: how many resources, of which types, and its fixed cost."""

    name: str
    resources: int
    types: str
    monthly: float


@dataclass(frozen=True)
class AlarmRow:
    """One alarm: its name and its description."""

    name: str
    says: str


@dataclass(frozen=True)
class CostGroup:
    """Resources of a component that cost the same, like its alarms: their number and their sum."""

    component: str
    what: str
    count: int
    monthly: float


@dataclass(frozen=True)
class DeploymentSummary:
    """The data that the demo prints and the page shows."""

    title: str
    parts: tuple[ComponentSummary, ...]
    costs: tuple[Cost, ...]
    alarms: tuple[AlarmRow, ...]
    outputs: Mapping[str, Any]

    @property
    def resources(self) -> int:
        """The number of resources in AWS."""
        return sum(part.resources for part in self.parts)

    @property
    def monthly(self) -> float:
        """The fixed part of the cost in $ a month."""
        return sum(part.monthly for part in self.parts)

    @property
    def cost_groups(self) -> list[CostGroup]:
        """The fixed costs by component and item, in the order of the costs."""
        groups: dict[tuple[str, str], list[float]] = {}
        for cost in self.costs:
            if cost.monthly:
                groups.setdefault((cost.component, cost.what), []).append(cost.monthly)
        return [CostGroup(*key, len(amounts), sum(amounts)) for key, amounts in groups.items()]

    @property
    def usage(self) -> list[tuple[str, str, str]]:
        """(component, item, rate) of each cost by use, without repetitions."""
        return list(
            dict.fromkeys(
                (cost.component, cost.what, cost.usage)
                for cost in self.costs
                if cost.usage is not None
            )
        )


def build_summary(graph: ResourceGraph, title: str) -> DeploymentSummary:
    """The summary of a deployment."""
    resources_by_component: dict[str, list[RegisteredResource]] = {}
    for resource in graph:
        if resource.is_in_aws:
            component = graph.find_component(resource)
            resources_by_component.setdefault(component.name if component else "stack", []).append(
                resource
            )
    costs = tuple(
        sorted(
            estimate_costs(list_priced_resources(graph)),
            key=lambda cost: (cost.component, cost.resource),
        )
    )
    monthly_by_component = sum_by_component(costs)
    return DeploymentSummary(
        title=title,
        parts=tuple(
            ComponentSummary(
                name,
                len(resources),
                _format_type_counts(resources),
                monthly_by_component.get(name, 0.0),
            )
            for name, resources in sorted(resources_by_component.items())
        ),
        costs=costs,
        alarms=tuple(
            AlarmRow(
                str(alarm.inputs.get("name") or alarm.inputs.get("alarmName")),
                str(alarm.inputs.get("alarmDescription") or ""),
            )
            for type_ in ALARM_TYPES
            for alarm in sorted(graph.list_resources(type_), key=lambda alarm: alarm.name)
        ),
        outputs=graph.exports,
    )


def _format_type_counts(resources: Sequence[RegisteredResource]) -> str:
    counts = Counter(resource.type.rsplit(":", 1)[-1] for resource in resources)
    return ", ".join(
        f"{count} {kind}" if count > 1 else kind for kind, count in sorted(counts.items())
    )


def render_page(
    summary: DeploymentSummary, graph: ResourceGraph, results: Sequence[DemoStepResult] = ()
) -> str:
    """The summary with the architecture's diagram and the runs, as one HTML page."""
    environment = Environment(
        loader=FileSystemLoader([TEMPLATE_FOLDER, PROJECT_ROOT / "ops" / "templates"]),
        autoescape=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {"said": format_duration, "at": format_timestamp}
    return environment.get_template("report.html.j2").render(
        summary=summary,
        acted=results,
        prices=DEFAULT_PRICE_TABLE,
        hours=HOURS,
        diagram=Markup(render_diagram(graph, summary.title)),
        outputs=json.dumps(summary.outputs, indent=2),
    )
