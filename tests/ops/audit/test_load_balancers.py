"""Load balancers that serve without TLS, take old TLS, or that nothing guards."""

from typing import Any

import pytest

from ops.audit.load_balancers import is_safe_policy
from tests.ops.audit.looks import find_audit_findings, mend, read_open
from tests.ops.aws_lines import run_aws_line
from tests.ops.certificate_stage import put_https_balancer
from tests.ops.every_command import open_command_line
from tests.ops.stage import REGION, Stage, open_stage
from tests.ops.typed_lines import put_operations_bucket

KEY, NAME, LOG_BUCKET = "load-balancers", "bulwark-test-alb", "bulwark-test-logs"
REDIRECT = {
    "Type": "redirect",
    "RedirectConfig": {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"},
}
NOT_FOUND = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
GUARDED = {
    "routing.http.drop_invalid_header_fields.enabled": "true",
    "access_logs.s3.enabled": "true",
    "access_logs.s3.bucket": LOG_BUCKET,
}


def put_balancer(stage: Stage) -> None:
    """A load balancer as the program makes it: TLS, a redirect, logs and a web ACL."""
    put_https_balancer(stage)
    elbv2, wafv2, balancer = stage.client("elbv2"), stage.client("wafv2"), get_balancer(stage)
    (description,) = elbv2.describe_load_balancers(LoadBalancerArns=[balancer])["LoadBalancers"]
    network = stage.outputs.network.model_copy(update={"vpc_id": description["VpcId"]})
    stage.outputs = stage.outputs.model_copy(update={"network": network})
    stage.client("s3").create_bucket(
        Bucket=LOG_BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    set_attributes(stage, balancer, GUARDED)
    elbv2.create_listener(
        LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=[REDIRECT]
    )
    acl = wafv2.create_web_acl(
        Name="acl",
        Scope="REGIONAL",
        DefaultAction={"Allow": {}},
        VisibilityConfig={
            "SampledRequestsEnabled": True,
            "CloudWatchMetricsEnabled": True,
            "MetricName": "acl",
        },
    )["Summary"]["ARN"]
    wafv2.associate_web_acl(WebACLArn=acl, ResourceArn=balancer)
    assert stage.outputs.load_balancer is not None
    part = stage.outputs.load_balancer.model_copy(
        update={"web_acl_arn": acl, "access_log_bucket": LOG_BUCKET}
    )
    stage.outputs = stage.outputs.model_copy(update={"load_balancer": part})


def set_attributes(stage: Stage, balancer: str, values: dict[str, str]) -> None:
    stage.client("elbv2").modify_load_balancer_attributes(
        LoadBalancerArn=balancer,
        Attributes=[{"Key": key, "Value": value} for key, value in values.items()],
    )


def get_balancer(stage: Stage) -> str:
    assert stage.outputs.load_balancer is not None
    return stage.outputs.load_balancer.arn


def get_listener(stage: Stage, port: int) -> str:
    listeners = stage.client("elbv2").describe_listeners(LoadBalancerArn=get_balancer(stage))
    return next(str(i["ListenerArn"]) for i in listeners["Listeners"] if i["Port"] == port)


def unset_headers(stage: Stage) -> None:
    set_attributes(
        stage, get_balancer(stage), {"routing.http.drop_invalid_header_fields.enabled": "false"}
    )


def unset_logs(stage: Stage) -> None:
    set_attributes(stage, get_balancer(stage), {"access_logs.s3.enabled": "false"})


def use_old_tls(stage: Stage) -> None:
    stage.client("elbv2").modify_listener(
        ListenerArn=get_listener(stage, 443), SslPolicy="ELBSecurityPolicy-2016-08"
    )


def serve_without_tls(stage: Stage) -> None:
    stage.client("elbv2").modify_listener(
        ListenerArn=get_listener(stage, 80), DefaultActions=[NOT_FOUND]
    )


def detach_acl(stage: Stage) -> None:
    stage.client("wafv2").disassociate_web_acl(ResourceArn=get_balancer(stage))


@pytest.mark.parametrize(
    ("change", "name", "control"),
    [
        (unset_headers, "invalid-headers", "ELB.4"),
        (unset_logs, "access-logs", "ELB.5"),
        (use_old_tls, "443/tls-policy", "ELB.17"),
        (serve_without_tls, "80/redirect", "ELB.1"),
        (detach_acl, "web-acl", "ELB.16"),
    ],
)
def test_what_was_taken_away_is_found_and_put_back(
    change: Any, name: str, control: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_command_line(put_balancer) as (stage, run_line):
        assert read_open(run_line, capsys, KEY) == {}
        change(stage)
        (finding,) = read_open(run_line, capsys, KEY).values()
        assert finding["id"] == f"{KEY}/{NAME}/{name}"
        assert control in finding["reason"]
        mend(stage, finding)
        assert read_open(run_line, capsys, KEY) == {}


def test_a_protected_stack_has_deletion_protection() -> None:
    with open_stage() as stage:
        put_balancer(stage)
        put_operations_bucket(stage)
        protected = stage.outputs.stack.model_copy(update={"protect": True})
        stage.outputs = stage.outputs.model_copy(update={"stack": protected})
        (finding,) = find_audit_findings(stage, KEY)
        assert finding.id == f"{KEY}/{NAME}/deletion"
        run_aws_line(stage.client, finding.command, REGION)
        assert find_audit_findings(stage, KEY) == []


def test_a_second_load_balancer_by_hand_is_judged_too(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_balancer) as (stage, run_line):
        subnets = stage.client("ec2").describe_subnets(
            Filters=[{"Name": "vpc-id", "Values": [stage.outputs.network.vpc_id]}]
        )["Subnets"]
        stage.client("elbv2").create_load_balancer(
            Name="by-hand", Subnets=[subnet["SubnetId"] for subnet in subnets]
        )
        findings = read_open(run_line, capsys, KEY)
        assert set(findings) == {
            f"{KEY}/by-hand/{name}" for name in ("access-logs", "invalid-headers", "web-acl")
        }
        for finding in findings.values():
            mend(stage, finding)
        assert read_open(run_line, capsys, KEY) == {}


@pytest.mark.parametrize(
    ("policy", "is_safe"),
    [
        ("ELBSecurityPolicy-TLS13-1-2-2021-06", True),
        ("ELBSecurityPolicy-TLS13-1-3-FIPS-2023-04", True),
        ("ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09", True),
        ("ELBSecurityPolicy-TLS13-1-2-Ext2-2021-06", False),
        ("ELBSecurityPolicy-TLS13-1-1-2021-06", False),
        ("ELBSecurityPolicy-TLS13-1-0-2021-06", False),
        ("ELBSecurityPolicy-TLS-1-2-2017-01", False),
        ("ELBSecurityPolicy-FS-1-2-2019-08", False),
        ("ELBSecurityPolicy-2016-08", False),
        ("", False),
    ],
)
def test_what_elb_17_recommends_is_safe(policy: str, is_safe: bool) -> None:
    assert is_safe_policy(policy) is is_safe
