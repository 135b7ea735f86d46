"""What a deployment shows a person: resources, cost, alarms and outputs, as data and as a page."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ops.cli.render import said
from ops.cost import prices
from ops.cost.estimate import Cost, Resource, by_component, estimate
from ops.runs.report import at
from sandbox.demo_steps import Acted
from sandbox.diagram import draw
from sandbox.program import ROOT, Graph, Registered

TEMPLATES = Path(__file__).parent / "templates"
ALARMS = (
    "aws:cloudwatch/metricAlarm:MetricAlarm",
    "aws:cloudwatch/compositeAlarm:CompositeAlarm",
)


@dataclass(frozen=True)
class Part:
    """One component of the stack: how many resources, of which types, and its fixed cost."""

    name: str
    resources: int
    types: str
    monthly: float


@dataclass(frozen=True)
class AlarmRow:
    """One alarm: its name, and what it says and tells to do."""

    name: str
    says: str


@dataclass(frozen=True)
class Summary:
    """Everything that the demo prints and the page shows."""

    title: str
    parts: tuple[Part, ...]
    costs: tuple[Cost, ...]
    alarms: tuple[AlarmRow, ...]
    outputs: Mapping[str, Any]

    @property
    def resources(self) -> int:
        """How many resources there are in AWS."""
        return sum(part.resources for part in self.parts)

    @property
    def monthly(self) -> float:
        """The fixed part of the cost, $ a month."""
        return sum(part.monthly for part in self.parts)

    @property
    def usage(self) -> list[tuple[str, str, str]]:
        """(component, what, rate) of all that depends on use, each said once."""
        return list(
            dict.fromkeys((c.component, c.what, c.usage) for c in self.costs if c.usage is not None)
        )


def summarise(graph: Graph, title: str) -> Summary:
    """The summary of a deployment."""
    owned: dict[str, list[Registered]] = {}
    for resource in graph:
        if resource.in_aws:
            component = graph.component(resource)
            owned.setdefault(component.name if component else "stack", []).append(resource)
    costs = tuple(sorted(estimate(priced(graph)), key=lambda c: (c.component, c.resource)))
    fixed = by_component(costs)
    return Summary(
        title=title,
        parts=tuple(
            Part(name, len(resources), _types(resources), fixed.get(name, 0.0))
            for name, resources in sorted(owned.items())
        ),
        costs=costs,
        alarms=tuple(
            AlarmRow(
                str(a.inputs.get("name") or a.inputs.get("alarmName")),
                str(a.inputs.get("alarmDescription") or ""),
            )
            for type_ in ALARMS
            for a in sorted(graph.all(type_), key=lambda a: a.name)
        ),
        outputs=graph.exports,
    )


def priced(graph: Graph) -> list[Resource]:
    """The resources of a graph as the estimate reads them."""
    found = []
    for resource in graph:
        component = graph.component(resource)
        if resource.in_aws and component is not None:
            found.append(
                Resource(
                    resource.type, resource.name, component.name, resource.inputs, resource.parent
                )
            )
    return found


def _types(resources: Sequence[Registered]) -> str:
    counts = Counter(r.type.rsplit(":", 1)[-1] for r in resources)
    return ", ".join(f"{n} {kind}" if n > 1 else kind for kind, n in sorted(counts.items()))


def page(summary: Summary, graph: Graph, acted: Sequence[Acted] = ()) -> str:
    """The summary with the architecture's picture and what was done, as one HTML page."""
    environment = Environment(
        loader=FileSystemLoader([TEMPLATES, ROOT / "ops" / "templates"]),
        autoescape=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {"said": said, "at": at}
    return environment.get_template("report.html.j2").render(
        summary=summary,
        acted=acted,
        prices=prices,
        diagram=Markup(draw(graph, summary.title)),
        outputs=json.dumps(summary.outputs, indent=2),
    )
