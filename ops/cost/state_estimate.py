"""What the stack's own settings are estimated to cost: of the resources in Pulumi's state."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final

from ops.core.errors import OpsError
from ops.cost.estimate_file import Estimate
from ops.prices.estimate import PricedResource, estimate_known_costs, sum_by_component
from ops.prices.price_table import DEFAULT_PRICE_TABLE
from ops.stack.pulumi import build_pulumi_shell, read_pulumi_json

NO_PROGRAM_REASON: Final = (
    "there is no Pulumi.yaml in the current folder; --program or --estimate says what to compare"
)
MAX_NAMED_UNPRICED: Final = 3


def read_state_estimate(program: Path | None, stack: str, day: date) -> Estimate | str:
    """The estimate of a stack as Pulumi's state has it, or why there is none."""
    if program is None:
        return NO_PROGRAM_REASON
    try:
        state = read_pulumi_json(build_pulumi_shell(program, "stack", "export", "--stack", stack))
    except OpsError as error:
        return str(error)
    if state is None:
        return f"Pulumi knows no stack {stack} in {program.resolve()}"
    resources = list_state_resources(state)
    if not resources:
        return f"Pulumi's state of {stack} holds no resource"
    return build_state_estimate(resources, day)


def list_state_resources(state: Mapping[str, Any]) -> list[PricedResource]:
    """The resources of an export that exist; those that an update replaced and left are billed too.

    Values that are encrypted stay so: no price depends on them.
    """
    resources = (state.get("deployment") or {}).get("resources") or ()
    parents = {str(item["urn"]): str(item.get("parent") or "") for item in resources}
    return [
        PricedResource(
            str(item["type"]),
            str(item["urn"]).split("::", 3)[3],
            _find_component(str(item["urn"]), parents),
            item.get("inputs") or {},
            str(item.get("parent") or ""),
        )
        for item in resources
        if item.get("custom")
        and not item.get("external")
        and not str(item["type"]).startswith("pulumi:")
    ]


def _find_component(urn: str, parents: Mapping[str, str]) -> str:
    """The name of the outermost component, as the tag Component has it; else "stack"."""
    path = [urn]
    while (parent := parents.get(path[-1], "")) and parent not in path:
        path.append(parent)
    components = [each for each in path[1:] if "::pulumi:pulumi:Stack::" not in each]
    return components[-1].split("::", 3)[3] if components else "stack"


def build_state_estimate(resources: list[PricedResource], day: date) -> Estimate:
    """$ a month by component. The source says what has no price: there the estimate is too low."""
    costs = estimate_known_costs(resources, DEFAULT_PRICE_TABLE, day)
    unpriced = [
        f"{cost.component}'s {cost.resource}" for cost in costs if cost.what == "not priced"
    ]
    table = DEFAULT_PRICE_TABLE
    source = (
        f"the settings in Pulumi's state, at list prices of {table.region}, {table.taken}, "
        f"from {table.source}"
    )
    if unpriced:
        rest = len(unpriced) - MAX_NAMED_UNPRICED
        more = f" and {rest} more" if rest > 0 else ""
        source += f"; too low, as these have no price: {', '.join(unpriced[:MAX_NAMED_UNPRICED])}"
        source += more
    return Estimate(sum_by_component(costs), source)
