"""The plan of a stack: whose account and region it is for, from the stack's outputs."""

from collections.abc import Sequence
from typing import Final

from ops.core.plan import Plan, PlanData, Step
from ops.core.plan_kind import PlanKind
from ops.outputs import Outputs

# What a plan says of its cost: nothing, if a month costs what it did; or that it is not priced.
NO_COST: Final = ""
NOT_PRICED: Final = "not priced"


def build_stack_plan(
    outputs: Outputs,
    run: str,
    kind: PlanKind,
    *steps: Step,
    changes: Sequence[str],
    losses: Sequence[str],
    cost: str,
    notes: Sequence[str] = (),
    arguments: str = "",
    data: PlanData | None = None,
    reason: str = "",
    region: str | None = None,
) -> Plan:
    """Builds a plan for the stack of `outputs`; `region` if it is another than the stack's.

    Every procedure declares what it changes, what is lost and what it costs: see Plan.
    """
    stack = outputs.stack
    return Plan(
        run=run,
        kind=kind,
        arguments=arguments,
        data={} if data is None else data.model_dump(mode="json"),
        stack=stack.stack,
        account=stack.account,
        region=region or stack.region,
        reason=reason,
        steps=steps,
        changes=tuple(changes),
        losses=tuple(losses),
        notes=tuple(notes),
        cost=cost,
    )
