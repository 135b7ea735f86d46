"""`ops service maintenance on` and `off`."""

from typing import Final

from components.facts.load_balancer import UNMATCHED_HOST
from ops.core.plan import Plan
from ops.services import maintenance_page as maintenance
from tests.ops.procedures import Procedure
from tests.ops.stage import Stage

EVERY_PATH_CONDITION: Final = ("path-pattern", {"Values": ["/*"]})
NEVER_CONDITION: Final = ("host-header", {"Values": [UNMATCHED_HOST]})


def put_maintenance_rule(stage: Stage) -> None:
    """A load balancer whose first rule is the maintenance page, and the outputs that say so."""
    ec2, elb = stage.client("ec2"), stage.client("elbv2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(
            VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"eu-north-1{zone}"
        )["Subnet"]["SubnetId"]
        for n, zone in enumerate("ab")
    ]
    response = elb.create_load_balancer(Name="bulwark-test-alb", Subnets=subnets)
    balancer = response["LoadBalancers"][0]
    fixed = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503"}}
    listener = elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTP",
        Port=80,
        DefaultActions=[fixed],
    )["Listeners"][0]["ListenerArn"]
    never_condition = {"Field": "host-header", "HostHeaderConfig": {"Values": [UNMATCHED_HOST]}}
    rule = elb.create_rule(
        ListenerArn=listener, Priority=1, Conditions=[never_condition], Actions=[fixed]
    )["Rules"][0]["RuleArn"]
    part = stage.outputs.load_balancer
    assert part is not None
    changed_part = part.model_copy(update={"maintenance_rule_arn": rule})
    stage.outputs = stage.outputs.model_copy(update={"load_balancer": changed_part})


def put_shown_page(stage: Stage) -> None:
    """The page turned on."""
    put_maintenance_rule(stage)
    path_condition = {"Field": "path-pattern", "PathPatternConfig": {"Values": ["/*"]}}
    assert stage.outputs.load_balancer is not None
    rule = stage.outputs.load_balancer.maintenance_rule_arn
    stage.client("elbv2").modify_rule(RuleArn=rule, Conditions=[path_condition])


def get_page_condition(stage: Stage) -> object:
    """When the page is shown."""
    assert stage.outputs.load_balancer is not None
    rules = stage.client("elbv2").describe_rules(
        RuleArns=[stage.outputs.load_balancer.maintenance_rule_arn]
    )
    (rule_condition,) = rules["Rules"][0]["Conditions"]
    return rule_condition["Field"], rule_condition.get("PathPatternConfig") or rule_condition.get(
        "HostHeaderConfig"
    )


def plan_page(stage: Stage, *, is_shown: bool) -> Plan:
    return maintenance.build_maintenance_page_plan(stage.outputs, "run-1", enabled=is_shown)


PROCEDURES: Final = (
    Procedure(
        "service maintenance on",
        "",
        put_maintenance_rule,
        lambda stage: plan_page(stage, is_shown=True),
        get_page_condition,
    ),
    Procedure(
        "service maintenance off",
        "",
        put_shown_page,
        lambda stage: plan_page(stage, is_shown=False),
        get_page_condition,
    ),
)
