"""The maintenance page: the load balancer's first rule, which matches all requests or none."""

from typing import Final

from components.facts.load_balancer import UNMATCHED_HOST
from ops.core.errors import UsageError
from ops.core.plan import Call, JsonObject, Plan, Step, Wait
from ops.core.plan_kind import PlanKind
from ops.core.stack_plan import NO_COST, build_stack_plan
from ops.outputs import LoadBalancerPart, Outputs

RULE_FIELD_PATH: Final = "Rules[0].Conditions[0].Field"
RULE_VALUE_PATH_FORMAT: Final = (
    "Rules[0].Conditions[0].Values[0] || Rules[0].Conditions[0].{}.Values[0]"
)
PAGE_ON_CONDITION: Final = ("path-pattern", "PathPatternConfig", "/*")
PAGE_OFF_CONDITION: Final = ("host-header", "HostHeaderConfig", UNMATCHED_HOST)


def build_maintenance_page_plan(outputs: Outputs, run: str, *, enabled: bool) -> Plan:
    """Builds the plan that turns the maintenance page on or off; the undo does the opposite."""
    balancer = outputs.load_balancer
    if balancer is None:
        raise UsageError(f"the stack {outputs.stack.stack} has no load balancer")
    step = _build_page_step(
        "page",
        balancer,
        enabled=enabled,
        undo=(_build_page_step("back", balancer, enabled=not enabled),),
    )
    notes = (
        ("every request gets the page, with status 503, until it is turned off",) if enabled else ()
    )
    kind: PlanKind = "service maintenance on" if enabled else "service maintenance off"
    return build_stack_plan(
        outputs,
        run,
        kind,
        step,
        changes=["answer to every request: the services' -> the page"]
        if enabled
        else ["answer to every request: the page -> the services'"],
        losses=(),
        cost=NO_COST,
        notes=notes,
    )


def _build_page_step(
    name: str, balancer: LoadBalancerPart, *, enabled: bool, undo: tuple[Step, ...] = ()
) -> Step:
    field, config_key, value = PAGE_ON_CONDITION if enabled else PAGE_OFF_CONDITION
    conditions: JsonObject = {"Field": field, config_key: {"Values": [value]}}
    rule_arn = balancer.maintenance_rule_arn
    return Step(
        name=name,
        description=f"turn the maintenance page {'on' if enabled else 'off'}",
        action=Call(
            api="elbv2.modify_rule", params={"RuleArn": rule_arn, "Conditions": [conditions]}
        ),
        goal=Wait(
            read=Call(api="elbv2.describe_rules", params={"RuleArns": [rule_arn]}),
            met={RULE_FIELD_PATH: field, RULE_VALUE_PATH_FORMAT.format(config_key): value},
            every=5,
            within=300,
        ),
        undo=undo,
        downtime=None if enabled else 0,  # until somebody turns it off
    )
