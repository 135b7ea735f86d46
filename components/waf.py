"""A web ACL in front of the load balancer: AWS managed rules, a rate limit, its log."""

from dataclasses import dataclass
from typing import Final

import pulumi_aws as aws
from pulumi import Input, ResourceOptions

from components.component import Component
from components.keys import Keys
from components.logs import create_log_group
from components.settings import Settings
from components.settings.load_balancer import WafSettings

WebAclRule = aws.wafv2.WebAclRuleArgsDict
RATE_WINDOW_SECONDS: Final = 300  # seconds over which the requests of one address are counted
# Credentials do not belong in a log.
REDACTED_HEADERS: Final = ("authorization", "cookie")
# What passes is in the load balancer's access log; here is kept what a rule has seen.
LOGGED_ACTIONS: Final = ("BLOCK", "COUNT", "EXCLUDED_AS_COUNT", "CAPTCHA", "CHALLENGE")


@dataclass(frozen=True, kw_only=True)
class WafArgs:
    settings: Settings
    keys: Keys
    load_balancer_arn: Input[str]


class Waf(Component):
    """`bulwark:index:Waf`: a regional web ACL, its association and its log, all named `{name}`.

    `web_acl_name` is also the metric's name: the dimension WebACL in CloudWatch.
    """

    def __init__(self, name: str, *, args: WafArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("Waf", name, settings=args.settings, opts=opts)
        self.web_acl_name = format_web_acl_name(args.settings)
        web_acl = aws.wafv2.WebAcl(
            name,
            name=self.web_acl_name,
            description="AWS managed rules and a rate limit before the load balancer",
            scope="REGIONAL",
            default_action={"allow": {}},
            rules=build_web_acl_rules(args.settings.load_balancer.waf),
            visibility_config=_build_visibility_config(self.web_acl_name),
            opts=self.child_options,
        )
        self.arn = web_acl.arn
        aws.wafv2.WebAclAssociation(
            name,
            resource_arn=args.load_balancer_arn,
            web_acl_arn=web_acl.arn,
            opts=self.child_options,
        )
        # The name must begin so; WAF itself writes the log group's policy (WAF.11).
        log_group = create_log_group(
            self, "log", name=f"aws-waf-logs-{args.settings.prefix}", kms_key=args.keys.logs
        )
        self.log_group = log_group.name
        aws.wafv2.WebAclLoggingConfiguration(
            name,
            resource_arn=web_acl.arn,
            log_destination_configs=[log_group.arn],
            redacted_fields=[{"single_header": {"name": header}} for header in REDACTED_HEADERS],
            logging_filter={
                "default_behavior": "DROP",
                "filters": [
                    {
                        "behavior": "KEEP",
                        "requirement": "MEETS_ANY",
                        "conditions": [
                            {"action_condition": {"action": action}} for action in LOGGED_ACTIONS
                        ],
                    }
                ],
            },
            opts=self.child_options,
        )
        self.register_outputs({"arn": self.arn})


def format_web_acl_name(settings: Settings) -> str:
    """Name of the web ACL in AWS and in CloudWatch."""
    return f"{settings.prefix}-alb"


def build_web_acl_rules(waf_settings: WafSettings) -> list[WebAclRule]:
    """The rate limit, then the managed groups in the order of the settings."""
    managed_rules = [
        _build_managed_rule(
            group, priority=priority, counted_rules=waf_settings.active_counted_rules.get(group, ())
        )
        for priority, group in enumerate(waf_settings.managed_rules, start=1)
    ]
    rate_limit_rule: WebAclRule = {
        "name": "rate-limit",
        "priority": 0,
        "action": {"block": {}},
        "statement": {
            "rate_based_statement": {
                "aggregate_key_type": "IP",
                "evaluation_window_sec": RATE_WINDOW_SECONDS,
                "limit": waf_settings.rate_limit,
            }
        },
        "visibility_config": _build_visibility_config("rate-limit"),
    }
    return [rate_limit_rule, *managed_rules]


def _build_managed_rule(group: str, *, priority: int, counted_rules: tuple[str, ...]) -> WebAclRule:
    return {
        "name": group,
        "priority": priority,
        "override_action": {"none": {}},
        "statement": {
            "managed_rule_group_statement": {
                "vendor_name": "AWS",
                "name": group,
                "rule_action_overrides": [
                    {"name": rule, "action_to_use": {"count": {}}} for rule in counted_rules
                ],
            }
        },
        "visibility_config": _build_visibility_config(group),
    }


def _build_visibility_config(metric_name: str) -> aws.wafv2.WebAclRuleVisibilityConfigArgsDict:
    """Metrics and samples of a rule, in CloudWatch (WAF.12)."""
    return {
        "cloudwatch_metrics_enabled": True,
        "metric_name": metric_name,
        "sampled_requests_enabled": True,
    }
