"""A stage with all that a diagnosis looks at: network, balancer, web ACL, keys, secrets, alarms."""

from functools import partial
from typing import Any, Final

from moto.acm.models import acm_backends
from moto.elbv2.models import elbv2_backends

from ops.cli.time_span import parse_time_span
from ops.core.run_context import StackContext
from ops.diagnose.reader import DiagnosisRequest
from tests.ops import change_stage, log_stage, network_stage
from tests.ops.stage import ACCOUNT, REGION, STACK_PREFIX, Stage

WEB_ACL: Final = f"{STACK_PREFIX}-alb"
MAINTENANCE_HOST: Final = "maintenance.invalid"
RATE_RULE: Final = "rate-limit"


def put_diagnosed_stack(stage: Stage) -> None:
    """The network with its parts, and beside them what only a diagnosis reads."""
    network_stage.put_network(stage)
    put_groups_into_outputs(stage)
    stage.client("ec2").create_vpc_endpoint(
        VpcId=stage.outputs.network.vpc_id,
        ServiceName=f"com.amazonaws.{REGION}.dynamodb",
        VpcEndpointType="Gateway",
    )
    change_stage.put_secrets(stage)
    change_stage.put_raised_alarm(stage)
    put_listener(stage)
    put_web_acl(stage)
    put_keys(stage)


def put_stack_with_dns_servers(stage: Stage) -> None:
    """The same, with names that other servers than Amazon's resolve."""
    network_stage.put_network_with_dns_servers(stage)
    change_stage.put_secrets(stage)


def put_groups_into_outputs(stage: Stage) -> None:
    """The security groups of the parts, as the contract names them; both services share one."""
    outputs, find = stage.outputs, partial(network_stage.find_group, stage)
    services, balancer, cache = outputs.services, outputs.load_balancer, outputs.cache
    assert services is not None
    assert balancer is not None
    assert cache is not None
    tasks = {"security_group_id": find("tasks")}
    backend = services.services["backend"].model_copy(update=tasks)
    stage.outputs = outputs.model_copy(
        update={
            "services": services.model_copy(update={"services": {"backend": backend}}),
            "database": outputs.database.model_copy(update={"security_group_id": find("database")}),
            "cache": cache.model_copy(update={"security_group_id": find("cache")}),
            "load_balancer": balancer.model_copy(update={"security_group_id": find("balancer")}),
        }
    )


def build_request(stage: Stage, at: str | None = None) -> DiagnosisRequest:
    """What is asked of a look: the hour before now, or before a time."""
    now = stage.clock.held_clock.now()
    span = parse_time_span(None, at, now, default="1h")
    context = StackContext(stage.outputs, stage.aws)
    return DiagnosisRequest(context, span, now, is_past=at is not None)


def put_listener(stage: Stage) -> None:
    """Listeners as the program makes them, a rule of each service, and targets of the backend."""
    elb, outputs = stage.client("elbv2"), stage.outputs
    part = outputs.load_balancer
    assert part is not None
    arn = stage.client("acm").request_certificate(DomainName="app.example.com")["CertificateArn"]
    set_certificate_status(arn, "ISSUED")
    redirect = {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}
    elb.create_listener(
        LoadBalancerArn=part.arn,
        Protocol="HTTP",
        Port=80,
        DefaultActions=[{"Type": "redirect", "RedirectConfig": redirect}],
    )
    listener = elb.create_listener(
        LoadBalancerArn=part.arn,
        Protocol="HTTPS",
        Port=443,
        Certificates=[{"CertificateArn": arn}],
        DefaultActions=[build_fixed_response("404")],
    )["Listeners"][0]["ListenerArn"]
    maintenance = elb.create_rule(
        ListenerArn=listener,
        Priority=1,
        Conditions=[{"Field": "host-header", "HostHeaderConfig": {"Values": [MAINTENANCE_HOST]}}],
        Actions=[build_fixed_response("503")],
    )["Rules"][0]["RuleArn"]
    targets = {}
    for number, name in enumerate(("backend",), 10):
        group = elb.create_target_group(
            Name=f"alb-{name}",
            Protocol="HTTP",
            Port=8080,
            VpcId=outputs.network.vpc_id,
            TargetType="ip",
        )["TargetGroups"][0]["TargetGroupArn"]
        rule = elb.create_rule(
            ListenerArn=listener,
            Priority=number,
            Conditions=[{"Field": "path-pattern", "Values": [f"/{name}/*"]}],
            Actions=[{"Type": "forward", "TargetGroupArn": group}],
        )["Rules"][0]["RuleArn"]
        elb.register_targets(
            TargetGroupArn=group, Targets=[{"Id": f"10.0.16.{number}", "Port": 8080}]
        )
        targets[name] = part.targets[name].model_copy(
            update={"target_group_arn": group, "rule_arns": (rule,)}
        )
    changed = part.model_copy(
        update={
            "listener_arn": listener,
            "maintenance_rule_arn": maintenance,
            "certificate_arn": arn,
            "targets": targets,
        }
    )
    stage.outputs = outputs.model_copy(update={"load_balancer": changed})


def set_certificate_status(arn: str, status: str) -> None:
    """What ACM says of a certificate: its owner answers to e-mails that no test gets."""
    acm_backends[ACCOUNT][REGION]._certificates[arn].status = status


def put_named_balancer(stage: Stage) -> None:
    """A load balancer and target groups by the very ARNs of the outputs, which metrics name."""
    elb, ec2, part = stage.client("elbv2"), stage.client("ec2"), stage.outputs.load_balancer
    assert part is not None
    backend = elbv2_backends[ACCOUNT][REGION]
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(
            VpcId=vpc, CidrBlock=f"10.9.{number}.0/24", AvailabilityZone=f"{REGION}{zone}"
        )["Subnet"]["SubnetId"]
        for number, zone in enumerate("ab")
    ]
    created = elb.create_load_balancer(Name=part.name, Subnets=subnets)["LoadBalancers"][0]
    balancer = backend.load_balancers.pop(created["LoadBalancerArn"])
    balancer.arn = part.arn
    backend.load_balancers[part.arn] = balancer
    listener = elb.create_listener(
        LoadBalancerArn=part.arn,
        Protocol="HTTP",
        Port=80,
        DefaultActions=[build_fixed_response("404")],
    )["Listeners"][0]["ListenerArn"]
    for number, (name, target) in enumerate(part.targets.items(), 10):
        arn = elb.create_target_group(
            Name=f"alb-{name}", Protocol="HTTP", Port=8080, VpcId=vpc, TargetType="ip"
        )["TargetGroups"][0]["TargetGroupArn"]
        group = backend.target_groups.pop(arn)
        group.arn = target.target_group_arn
        backend.target_groups[target.target_group_arn] = group
        elb.register_targets(
            TargetGroupArn=target.target_group_arn,
            Targets=[{"Id": f"10.9.0.{number}", "Port": 8080}],
        )
    changed = part.model_copy(update={"listener_arn": listener})
    stage.outputs = stage.outputs.model_copy(update={"load_balancer": changed})


def build_fixed_response(code: str) -> dict[str, Any]:
    """An action that answers with a code."""
    response = {"StatusCode": code, "ContentType": "text/plain", "MessageBody": "Not found"}
    return {"Type": "fixed-response", "FixedResponseConfig": response}


def put_web_acl(stage: Stage, default: str = "Allow") -> None:
    """A web ACL with a rate limit and a managed group, and its log group."""
    visibility = {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True}
    rules: list[dict[str, Any]] = [
        {
            "Name": RATE_RULE,
            "Priority": 0,
            "Action": {"Block": {}},
            "Statement": {"RateBasedStatement": {"Limit": 2000, "AggregateKeyType": "IP"}},
            "VisibilityConfig": {**visibility, "MetricName": RATE_RULE},
        },
        {
            "Name": "AWSManagedRulesCommonRuleSet",
            "Priority": 1,
            "OverrideAction": {"None": {}},
            "Statement": {
                "ManagedRuleGroupStatement": {
                    "VendorName": "AWS",
                    "Name": "AWSManagedRulesCommonRuleSet",
                }
            },
            "VisibilityConfig": {**visibility, "MetricName": "AWSManagedRulesCommonRuleSet"},
        },
    ]
    acl = stage.client("wafv2").create_web_acl(
        Name=WEB_ACL,
        Scope="REGIONAL",
        DefaultAction={default: {}},
        Rules=rules,
        VisibilityConfig={**visibility, "MetricName": WEB_ACL},
    )["Summary"]
    log_stage.put_lines(stage, [], group=f"aws-waf-logs-{STACK_PREFIX}", stream="eu-north-1_1")
    part = stage.outputs.load_balancer
    assert part is not None
    changed = part.model_copy(update={"web_acl_arn": acl["ARN"]})
    stage.outputs = stage.outputs.model_copy(update={"load_balancer": changed})


def put_keys(stage: Stage) -> None:
    """Keys of the stack."""
    kms = stage.client("kms", REGION)
    arns = {
        f"{name}_key_arn": kms.create_key(Description=name)["KeyMetadata"]["Arn"]
        for name in ("data", "logs")
    }
    changed = stage.outputs.stack.model_copy(update=arns)
    stage.outputs = stage.outputs.model_copy(update={"stack": changed})
