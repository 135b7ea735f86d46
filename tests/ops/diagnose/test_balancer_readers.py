"""What the looks at the load balancer and its web ACL see of what was changed by hand."""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from ops.diagnose.facts import Facts
from ops.diagnose.reader import FactCollector
from ops.diagnose.readers.balancer_metrics import read_balancer_metrics
from ops.diagnose.readers.load_balancer import (
    add_certificate,
    format_reason,
    read_load_balancer,
)
from ops.diagnose.readers.waf import WAF_NAMESPACE, read_waf
from ops.outputs import LoadBalancerPart
from tests.ops.db_stage import fail_operations
from tests.ops.diagnose_stage import (
    RATE_RULE,
    WEB_ACL,
    build_fixed_response,
    build_request,
    put_web_acl,
    set_certificate_status,
)
from tests.ops.log_stage import put_lines
from tests.ops.metric_stage import put_values
from tests.ops.stage import REGION, STACK_PREFIX, Stage


def look(stage: Stage) -> Facts:
    return read_load_balancer(build_request(stage))


def list_keys(stage: Stage) -> set[str]:
    """What is seen beside the targets, which no test's server answers for."""
    return {fact.key for fact in look(stage).facts if not fact.key.startswith("elb.targets.")}


def get_part(stage: Stage) -> LoadBalancerPart:
    assert stage.outputs.load_balancer is not None
    return stage.outputs.load_balancer


def test_a_load_balancer_as_it_was_made_has_no_fact(stage: Stage) -> None:
    assert list_keys(stage) == set()
    assert not look(stage).gaps


def test_an_expired_certificate_is_named(stage: Stage) -> None:
    set_certificate_status(str(get_part(stage).certificate_arn), "EXPIRED")
    assert list_keys(stage) == {"elb.certificate.expired"}


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({"Status": "ISSUED"}, None),
        ({"Status": "ISSUED", "days": -1}, "elb.certificate.expired"),
        ({"Status": "ISSUED", "days": 3}, "elb.certificate.expiring"),
        ({"Status": "ISSUED", "days": 100}, None),
        ({"Status": "REVOKED", "days": 100}, "elb.certificate.expired"),
        (
            {"Status": "ISSUED", "days": 40, "RenewalSummary": {"RenewalStatus": "FAILED"}},
            "elb.certificate.renewal-failed",
        ),
    ],
)
def test_a_certificate_is_judged_by_its_status_and_its_end(
    stage: Stage, fields: dict[str, Any], key: str | None
) -> None:
    now, collector = stage.clock.held_clock.now(), FactCollector("test")
    item = {"DomainName": "app.example.com", **fields}
    if "days" in item:
        item["NotAfter"] = (now + timedelta(days=item.pop("days"))).isoformat()
    add_certificate(collector, item, now, is_used=True)
    assert [fact.key for fact in collector.facts] == ([key] if key else [])


def test_a_rule_that_leads_elsewhere_and_one_that_is_gone_are_named(stage: Stage) -> None:
    elb, part = stage.client("elbv2"), get_part(stage)
    (rule,) = part.targets["backend"].rule_arns
    elb.modify_rule(RuleArn=rule, Actions=[build_fixed_response("410")])
    assert list_keys(stage) == {"elb.rule.target"}
    elb.delete_rule(RuleArn=rule)
    assert list_keys(stage) == {"elb.rule.gone"}


def test_a_rule_of_nobody_before_the_stacks_is_named_and_one_behind_is_not(stage: Stage) -> None:
    elb, listener = stage.client("elbv2"), get_part(stage).listener_arn
    condition = [{"Field": "path-pattern", "Values": ["/*"]}]
    for priority, keys in ((50, set()), (5, {"elb.rule.foreign"})):
        elb.create_rule(
            ListenerArn=listener,
            Priority=priority,
            Conditions=condition,
            Actions=[build_fixed_response("503")],
        )
        assert list_keys(stage) == keys


def test_the_maintenance_page_is_named_with_the_command_that_ends_it(stage: Stage) -> None:
    condition = [{"Field": "path-pattern", "Values": ["/*"]}]
    stage.client("elbv2").modify_rule(
        RuleArn=get_part(stage).maintenance_rule_arn, Conditions=condition
    )
    (fact,) = look(stage).select("elb.rule.maintenance")
    assert fact.command == "ops service maintenance off"


def test_a_listener_that_was_changed_is_named(stage: Stage) -> None:
    elb, part = stage.client("elbv2"), get_part(stage)
    forward = {"Type": "forward", "TargetGroupArn": part.targets["backend"].target_group_arn}
    elb.modify_listener(ListenerArn=part.listener_arn, DefaultActions=[forward])
    assert list_keys(stage) == {"elb.listener.default"}
    elb.delete_listener(ListenerArn=part.listener_arn)
    assert list_keys(stage) == {"elb.listener.gone"}


def test_a_listener_with_another_certificate_is_named(stage: Stage) -> None:
    acm = stage.client("acm")
    other = acm.request_certificate(DomainName="other.example.com")["CertificateArn"]
    set_certificate_status(other, "ISSUED")
    stage.client("elbv2").modify_listener(
        ListenerArn=get_part(stage).listener_arn, Certificates=[{"CertificateArn": other}]
    )
    assert list_keys(stage) == {"elb.listener.certificate"}


def test_a_load_balancer_that_is_gone_is_no_gap(stage: Stage) -> None:
    stage.client("elbv2").delete_load_balancer(LoadBalancerArn=get_part(stage).arn)
    facts = look(stage)
    assert [fact.key for fact in facts.facts] == ["elb.state.gone"]
    assert not facts.gaps


def test_a_group_without_targets_is_named_for_both_parts(stage: Stage) -> None:
    group = get_part(stage).targets["backend"].target_group_arn
    elb = stage.client("elbv2")
    targets = elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    elb.deregister_targets(
        TargetGroupArn=group, Targets=[{"Id": item["Target"]["Id"]} for item in targets]
    )
    stage.clock.sleep(3600)
    facts = look(stage)
    assert [fact.part for fact in facts.select("elb.targets.none")] == ["load-balancer"]
    assert [fact.part for fact in facts.select("elb.targets.empty")] == ["backend"]


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        ("Target.FailedHealthChecks", "failed-health-checks"),
        ("Target.Timeout", "timeout"),
        ("Target.ResponseCodeMismatch", "response-code-mismatch"),
        ("unhealthy", "unhealthy"),
    ],
)
def test_reason_codes_are_words_of_keys(reason: str, word: str) -> None:
    assert format_reason(reason) == word


@pytest.mark.parametrize(
    "operation", ["describe_listeners", "describe_rules", "describe_target_health"]
)
def test_what_is_denied_is_a_gap(stage: Stage, operation: str) -> None:
    with fail_operations("AccessDenied", operation):
        assert any(operation in gap.reason for gap in look(stage).gaps)


def put_balancer_metric(stage: Stage, name: str, values: Sequence[float | None]) -> None:
    name_of_balancer = get_part(stage).arn.partition(":loadbalancer/")[2]
    put_values(
        stage,
        name,
        values,
        dimensions={"LoadBalancer": name_of_balancer},
        minutes_ago=len(values) + 3,
    )


def test_errors_of_the_load_balancer_are_told_by_their_kind(stage: Stage) -> None:
    put_balancer_metric(stage, "HTTPCode_ELB_503_Count", [None] * 40 + [20.0] * 10)
    put_balancer_metric(stage, "ClientTLSNegotiationErrorCount", [1.0] * 120 + [2.0] * 50)
    facts = read_balancer_metrics(build_request(stage))
    assert [fact.key for fact in facts.facts] == ["elb.error.503"]  # scanners speak odd TLS always
    assert facts.facts[0].value == 200


def put_waf_metric(stage: Stage, rule: str, name: str, values: Sequence[float | None]) -> None:
    put_values(
        stage,
        name,
        values,
        namespace=WAF_NAMESPACE,
        dimensions={"WebACL": WEB_ACL, "Region": REGION, "Rule": rule},
        minutes_ago=len(values) + 3,
    )


def test_blocked_users_are_told_from_blocked_scanners_by_who_is_missing(stage: Stage) -> None:
    put_waf_metric(stage, "ALL", "BlockedRequests", [1.0] * 120 + [60.0] * 15)
    put_waf_metric(stage, RATE_RULE, "BlockedRequests", [1.0] * 120 + [60.0] * 15)
    put_waf_metric(stage, "ALL", "AllowedRequests", [100.0] * 120 + [40.0] * 15)
    (fact,) = read_waf(build_request(stage)).select("waf.blocked.*")
    assert fact.key == "waf.blocked.users"
    assert fact.subject == RATE_RULE
    assert fact.value == pytest.approx(0.6)


def test_scanners_beside_the_usual_users_are_more_and_a_few_are_none(stage: Stage) -> None:
    put_waf_metric(stage, "ALL", "AllowedRequests", [100.0] * 135)
    put_waf_metric(stage, "ALL", "BlockedRequests", [1.0] * 120 + [2.0] * 15)
    assert not read_waf(build_request(stage)).facts
    put_waf_metric(stage, RATE_RULE, "BlockedRequests", [1.0] * 120 + [60.0] * 15)
    put_waf_metric(stage, "ALL", "BlockedRequests", [1.0] * 120 + [60.0] * 15)
    (fact,) = read_waf(build_request(stage)).facts
    assert fact.key == "waf.blocked.more"


def test_a_rule_that_blocks_many_addresses_is_named_by_the_log(stage: Stage) -> None:
    lines = [
        json.dumps(
            {
                "action": "BLOCK",
                "terminatingRuleId": "AWSManagedRulesCommonRuleSet",
                "httpRequest": {"clientIp": f"198.51.100.{n % 30}", "uri": "/cart"},
            }
        )
        for n in range(90)
    ]
    lines += ["not JSON", json.dumps({"action": "COUNT", "terminatingRuleId": RATE_RULE})]
    put_lines(stage, lines, group=f"aws-waf-logs-{STACK_PREFIX}", stream="eu-north-1_1", ago=300)
    (fact,) = read_waf(build_request(stage)).select("waf.log.many-clients")
    assert (fact.value, fact.subject) == (30, "AWSManagedRulesCommonRuleSet")
    assert "/cart" in fact.text
    stage.clock.sleep(600)
    assert not read_waf(build_request(stage)).select("waf.log.many-clients"), "it was a scan"


def test_a_web_acl_that_blocks_by_default_is_named(stage: Stage) -> None:
    acl = get_part(stage).web_acl_arn
    assert acl is not None
    waf, names = stage.client("wafv2"), {"Scope": "REGIONAL", "Id": acl.split("/")[-1]}
    token = waf.get_web_acl(Name=WEB_ACL, **names)["LockToken"]
    waf.delete_web_acl(Name=WEB_ACL, LockToken=token, **names)
    put_web_acl(stage, default="Block")
    assert read_waf(build_request(stage)).select("waf.default-block")
