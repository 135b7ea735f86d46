"""Facts of the web ACL."""

from collections.abc import Iterable
from typing import Final

from components.facts.billing import (
    Charge,
    PricedResource,
    PriceTerm,
    StackResources,
    build_usage_charge,
)
from components.facts.model import (
    ASSUMPTION,
    RECREATION_MINUTES,
    ChangeEffect,
    Guard,
    ProtectionRule,
    ResourceFact,
)


def _list_web_acl_charges(resource: PricedResource, _stack: StackResources) -> Iterable[Charge]:
    rules = len(resource.inputs.get("rules") or ())
    yield Charge(
        f"web ACL of {rules} rules", (PriceTerm("web_acl"), PriceTerm("web_acl_rule", rules))
    )
    yield build_usage_charge("requests", "waf")


FACTS: Final = (
    ResourceFact(
        type="aws:wafv2/webAcl:WebAcl",
        replacing=("scope",),
        harmless=("visibilityConfig",),
        updates={
            "defaultAction": ChangeEffect(
                "requests that match no rule are let in or refused",
                "at once",
                "WAF Developer Guide, Default action",
            ),
        },
        protections=(
            ProtectionRule(
                "rules[].name",
                "removed",
                "a rule is removed: it filters no more requests",
                "WAF Developer Guide, Rules",
            ),
            ProtectionRule(
                "rules",
                "changed",
                "other requests are refused or let in",
                "WAF Developer Guide, Rules",
            ),
        ),
        list_charges=_list_web_acl_charges,
        price_properties=("rules",),
        removal=ChangeEffect("requests are not filtered meanwhile", RECREATION_MINUTES, ASSUMPTION),
        is_taggable=True,
    ),
    ResourceFact(
        type="aws:wafv2/webAclAssociation:WebAclAssociation",
        replacing=("resourceArn", "webAclArn"),
        guard=Guard(
            "requests to the load balancer are no longer filtered",
            "WAF API Reference, DisassociateWebACL",
        ),
    ),
    ResourceFact(
        type="aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration",
        replacing=("resourceArn",),
        protections=(
            ProtectionRule(
                "logDestinationConfigs",
                "changed",
                "other requests are logged, or in another place, or with fields that were redacted",
                "WAF Developer Guide, Logging",
            ),
            ProtectionRule(
                "loggingFilter",
                "changed",
                "other requests are logged, or in another place, or with fields that were redacted",
                "WAF Developer Guide, Logging",
            ),
            ProtectionRule(
                "redactedFields",
                "changed",
                "other requests are logged, or in another place, or with fields that were redacted",
                "WAF Developer Guide, Logging",
            ),
        ),
        guard=Guard("refused requests are no longer logged", "WAF Developer Guide, Logging"),
    ),
)
