"""`ops service maintenance on` and `off`."""

from typing import Final

from ops.core.plan import Plan
from ops.services import maintenance_page as maintenance
from ops.services.maintenance_page import NEVER
from tests.ops.procedures import Procedure
from tests.ops.stage import Stage

EVERYBODY: Final = ("path-pattern", {"Values": ["/*"]})
NOBODY: Final = ("host-header", {"Values": [NEVER]})


def put_rule(on: Stage) -> None:
    """A load balancer whose first rule is the maintenance page, and the outputs that say so."""
    ec2, elb = on.client("ec2"), on.client("elbv2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(
            VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"eu-north-1{zone}"
        )["Subnet"]["SubnetId"]
        for n, zone in enumerate("ab")
    ]
    made = elb.create_load_balancer(Name="bulwark-test-alb", Subnets=subnets)
    balancer = made["LoadBalancers"][0]
    fixed = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503"}}
    listener = elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTP",
        Port=80,
        DefaultActions=[fixed],
    )["Listeners"][0]["ListenerArn"]
    nobody = {"Field": "host-header", "HostHeaderConfig": {"Values": [NEVER]}}
    rule = elb.create_rule(ListenerArn=listener, Priority=1, Conditions=[nobody], Actions=[fixed])[
        "Rules"
    ][0]["RuleArn"]
    part = on.outputs.load_balancer
    assert part is not None
    changed = part.model_copy(update={"maintenance_rule_arn": rule})
    on.outputs = on.outputs.model_copy(update={"load_balancer": changed})


def put_page(on: Stage) -> None:
    """The page turned on."""
    put_rule(on)
    shown = {"Field": "path-pattern", "PathPatternConfig": {"Values": ["/*"]}}
    assert on.outputs.load_balancer is not None
    rule = on.outputs.load_balancer.maintenance_rule_arn
    on.client("elbv2").modify_rule(RuleArn=rule, Conditions=[shown])


def condition(on: Stage) -> object:
    """When the page is shown."""
    assert on.outputs.load_balancer is not None
    rules = on.client("elbv2").describe_rules(
        RuleArns=[on.outputs.load_balancer.maintenance_rule_arn]
    )
    (found,) = rules["Rules"][0]["Conditions"]
    return found["Field"], found.get("PathPatternConfig") or found.get("HostHeaderConfig")


def turned(on: Stage, *, page: bool) -> Plan:
    return maintenance.turn(on.outputs, "run-1", on=page)


PROCEDURES: Final = (
    Procedure("service maintenance on", "", put_rule, lambda on: turned(on, page=True), condition),
    Procedure(
        "service maintenance off", "", put_page, lambda on: turned(on, page=False), condition
    ),
)
