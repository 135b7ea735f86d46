"""The web ACL: its rules, metrics and log."""

from typing import Any

import pytest

from components.account import Account
from components.keys import Keys, KeysArgs
from components.settings.load_balancer import WafSettings
from components.waf import Waf, WafArgs, build_web_acl_rules
from sandbox.program import ResourceGraph
from tests.conftest import Build
from tests.world import build_settings

WEB_ACL_TYPE = "aws:wafv2/webAcl:WebAcl"
WEB_ACL_LOGGING_TYPE = "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration"
LOAD_BALANCER_ARN = "arn:aws:elasticloadbalancing:eu-north-1:123456789012:loadbalancer/app/x/1"


def _build_waf_graph(build: Build) -> ResourceGraph:
    def program() -> None:
        settings = build_settings()
        keys = Keys("keys", args=KeysArgs(settings=settings, account=Account.get_current()))
        Waf("waf", args=WafArgs(settings=settings, keys=keys, load_balancer_arn=LOAD_BALANCER_ARN))

    return build(program)


def test_waf_10_the_web_acl_has_managed_rule_groups_and_a_rate_limit(build: Build) -> None:
    acl_rules = _build_waf_graph(build).get_resource(WEB_ACL_TYPE).inputs["rules"]
    assert [rule["name"] for rule in acl_rules] == [
        "rate-limit",
        "AWSManagedRulesAmazonIpReputationList",
        "AWSManagedRulesCommonRuleSet",
        "AWSManagedRulesKnownBadInputsRuleSet",
    ]
    assert [rule["priority"] for rule in acl_rules] == [0, 1, 2, 3]


def test_waf_11_requests_are_logged_without_credentials(build: Build) -> None:
    graph = _build_waf_graph(build)
    logging = graph.get_resource(WEB_ACL_LOGGING_TYPE).inputs
    group = graph.get_resource("aws:cloudwatch/logGroup:LogGroup")
    assert group.inputs["name"] == "aws-waf-logs-bulwark-test"
    assert group.inputs["kmsKeyId"]
    assert logging["logDestinationConfigs"] == [group.outputs["arn"]]
    redacted = {field["singleHeader"]["name"] for field in logging["redactedFields"]}
    assert redacted == {"authorization", "cookie"}
    (log_filter,) = logging["loggingFilter"]["filters"]
    actions = {c["actionCondition"]["action"] for c in log_filter["conditions"]}
    assert {"BLOCK", "COUNT"} <= actions
    assert "ALLOW" not in actions


def test_waf_12_the_acl_and_each_rule_have_metrics(build: Build) -> None:
    acl = _build_waf_graph(build).get_resource(WEB_ACL_TYPE).inputs
    visibility_configs = [
        acl["visibilityConfig"],
        *(rule["visibilityConfig"] for rule in acl["rules"]),
    ]
    assert all(config["cloudwatchMetricsEnabled"] for config in visibility_configs)
    assert acl["visibilityConfig"]["metricName"] == acl["name"] == "bulwark-test-alb"


def test_elb_16_the_web_acl_protects_the_load_balancer(build: Build) -> None:
    graph = _build_waf_graph(build)
    acl = graph.get_resource(WEB_ACL_TYPE)
    association = graph.get_resource("aws:wafv2/webAclAssociation:WebAclAssociation").inputs
    assert association == {"resourceArn": LOAD_BALANCER_ARN, "webAclArn": acl.outputs["arn"]}
    assert acl.inputs["scope"] == "REGIONAL"


def test_the_rule_that_blocks_uploads_only_counts() -> None:
    rules_by_name: Any = {str(rule["name"]): rule for rule in build_web_acl_rules(WafSettings())}
    statement = rules_by_name["AWSManagedRulesCommonRuleSet"]["statement"][
        "managed_rule_group_statement"
    ]
    assert statement["rule_action_overrides"] == [
        {"name": "SizeRestrictions_BODY", "action_to_use": {"count": {}}}
    ]


@pytest.mark.parametrize("limit", [10, 5000])
def test_one_address_is_blocked_above_the_rate_of_the_settings(limit: int) -> None:
    rule: Any = build_web_acl_rules(WafSettings(rate_limit=limit))[0]
    assert rule["action"] == {"block": {}}
    assert rule["statement"]["rate_based_statement"]["limit"] == limit
    assert rule["statement"]["rate_based_statement"]["aggregate_key_type"] == "IP"
