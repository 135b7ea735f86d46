"""The maintenance page: the load balancer's first rule, met by every request or by none."""

from typing import Final

from ops.core.errors import UsageError
from ops.core.plan import Call, JsonObject, Plan, Step, Wait
from ops.core.plan_kind import PlanKind
from ops.core.stack_plan import build_stack_plan
from ops.outputs import LoadBalancerPart, Outputs

# A host that nobody asks for: the stack's own condition of the rule.
NEVER: Final = "maintenance.invalid"
FIELD: Final = "Rules[0].Conditions[0].Field"
VALUE: Final = "Rules[0].Conditions[0].Values[0] || Rules[0].Conditions[0].{}.Values[0]"
ON: Final = ("path-pattern", "PathPatternConfig", "/*")
OFF: Final = ("host-header", "HostHeaderConfig", NEVER)


def turn(outputs: Outputs, run: str, *, on: bool) -> Plan:
    """Everybody sees the maintenance page, or nobody does. Undone: the other way round."""
    balancer = outputs.load_balancer
    if balancer is None:
        raise UsageError(f"the stack {outputs.stack.stack} has no load balancer")
    step = _step("page", balancer, on=on, undo=(_step("back", balancer, on=not on),))
    notes = (
        ("every request of every service gets the page, with status 503, until it is turned off",)
        if on
        else ()
    )
    kind: PlanKind = "service maintenance on" if on else "service maintenance off"
    return build_stack_plan(outputs, run, kind, step, notes=notes)


def _step(name: str, balancer: LoadBalancerPart, *, on: bool, undo: tuple[Step, ...] = ()) -> Step:
    field, config, value = ON if on else OFF
    conditions: JsonObject = {"Field": field, config: {"Values": [value]}}
    rule = balancer.maintenance_rule_arn
    return Step(
        name=name,
        description=f"turn the maintenance page {'on' if on else 'off'}",
        action=Call(api="elbv2.modify_rule", params={"RuleArn": rule, "Conditions": [conditions]}),
        goal=Wait(
            read=Call(api="elbv2.describe_rules", params={"RuleArns": [rule]}),
            met={FIELD: field, VALUE.format(config): value},
            every=5,
            within=300,
        ),
        undo=undo,
    )
