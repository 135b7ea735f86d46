"""What happens to the load balancer: health checks, its certificate, listeners, rules, targets.

Sources: ELB User Guide for Application Load Balancers, "Target health status", "Target health
reason codes" and "Troubleshoot your Application Load Balancers"; ACM User Guide, "Renewal".
"""

from typing import Any

from moto.acm.models import acm_backends
from moto.elbv2.models import elbv2_backends

from sandbox.aws import ACCOUNT_ID
from sandbox.incidents.model import happening
from sandbox.incidents.world import TimeSpanBack, World
from sandbox.patches.elbv2.targets import FailingChecks, fail_health_checks


@happening("health-checks-fail")
def fail_checks(
    world: World,
    span: TimeSpanBack,
    *,
    service: str,
    reason: str = "Target.Timeout",
    description: str = "Request timed out",
    count: int = 2,
) -> None:
    """Targets of a service are unhealthy for a reason, as AWS shows it."""
    fail_health_checks(
        elbv2_backends[ACCOUNT_ID][world.region],
        get_target_group(world, service),
        FailingChecks(count, reason, description),
    )
    world.change_metric(span, f"targets/{service}", "UnHealthyHostCount", "set", count)
    world.change_metric(span, f"targets/{service}", "HealthyHostCount", "plus", -count)


@happening("change-health-check")
def change_health_check(
    world: World, span: TimeSpanBack, *, service: str, path: str, by: str = "jane.doe"
) -> None:
    """The target group's health check asks for another path."""
    world.person("elbv2", by).modify_target_group(
        TargetGroupArn=get_target_group(world, service), HealthCheckPath=path
    )


@happening("certificate-expires")
def expire_certificate(world: World, span: TimeSpanBack) -> None:
    """The certificate of the listener ends."""
    balancer = world.outputs.load_balancer
    assert balancer is not None
    assert balancer.certificate_arn is not None
    bundle: Any = acm_backends[ACCOUNT_ID][world.region]._certificates[balancer.certificate_arn]
    end = world.get_time(span.begin)
    description = bundle.describe

    def describe() -> dict[str, Any]:
        record: dict[str, Any] = description()
        record["Certificate"] |= {"NotAfter": end, "Status": "EXPIRED"}
        record["Certificate"]["RenewalSummary"] = {
            "RenewalStatus": "FAILED",
            "RenewalStatusReason": "CAA_ERROR",
            "UpdatedAt": end,
        }
        return record

    bundle.describe, bundle.status = describe, "EXPIRED"
    world.change_metric(span, "certificate", "DaysToExpiry", "set", 0)


@happening("change-listener")
def change_listener(
    world: World,
    span: TimeSpanBack,
    *,
    action: str,
    by: str = "jane.doe",
) -> None:
    """The default action of the listener for users: `fixed-404`, `fixed-503`, or it is deleted."""
    balancer = world.outputs.load_balancer
    assert balancer is not None
    elb = world.person("elbv2", by)
    if action == "delete":
        elb.delete_listener(ListenerArn=balancer.listener_arn)
        return
    elb.modify_listener(
        ListenerArn=balancer.listener_arn,
        DefaultActions=[_build_fixed_response(action.removeprefix("fixed-"))],
    )


@happening("change-rule")
def change_rule(
    world: World,
    span: TimeSpanBack,
    *,
    service: str,
    action: str = "delete",
    by: str = "jane.doe",
) -> None:
    """A service's rules are deleted, answer `fixed-503`, or forward to another's targets."""
    balancer = world.outputs.load_balancer
    assert balancer is not None
    elb = world.person("elbv2", by)
    for rule in balancer.targets[service].rule_arns:
        if action == "delete":
            elb.delete_rule(RuleArn=rule)
        elif action.startswith("fixed-"):
            fixed = _build_fixed_response(action.removeprefix("fixed-"))
            elb.modify_rule(RuleArn=rule, Actions=[fixed])
        else:
            group = get_target_group(world, action)
            elb.modify_rule(RuleArn=rule, Actions=[{"Type": "forward", "TargetGroupArn": group}])


@happening("add-firewall-rule")
def change_firewall(world: World, span: TimeSpanBack, *, by: str = "jane.doe") -> None:
    """Somebody changes the rules of WAF, which its log shows the effect of."""
    balancer = world.outputs.load_balancer
    assert balancer is not None
    assert balancer.web_acl_arn is not None
    _, _, rest = balancer.web_acl_arn.partition("/webacl/")
    name, _, identifier = rest.partition("/")
    waf, current = world.person("wafv2", by), world.client("wafv2")
    answer = current.get_web_acl(Name=name, Scope="REGIONAL", Id=identifier)
    acl = answer["WebACL"]
    waf.update_web_acl(
        Name=name,
        Scope="REGIONAL",
        Id=identifier,
        DefaultAction=acl["DefaultAction"],
        Rules=acl.get("Rules", []),
        VisibilityConfig=acl["VisibilityConfig"],
        LockToken=answer["LockToken"],
    )


@happening("empty-target-group")
def empty_target_group(
    world: World, span: TimeSpanBack, *, service: str, by: str = "jane.doe"
) -> None:
    """A service is set to no task at all, so that its target group is empty."""
    assert world.outputs.services is not None
    world.person("ecs", by).update_service(
        cluster=world.outputs.services.cluster, service=service, desiredCount=0
    )
    for metric in ("DesiredTaskCount", "RunningTaskCount"):
        world.change_metric(span, f"service/{service}", metric, "set", 0)
    world.change_metric(span, f"targets/{service}", "HealthyHostCount", "set", 0)


def get_target_group(world: World, service: str) -> str:
    """The ARN of the target group of a service or of the fleet."""
    assert world.outputs.load_balancer is not None
    return world.outputs.load_balancer.targets[service].target_group_arn


def _build_fixed_response(status: str) -> dict[str, Any]:
    return {
        "Type": "fixed-response",
        "FixedResponseConfig": {
            "StatusCode": status,
            "ContentType": "text/plain",
            "MessageBody": "not here",
        },
    }
