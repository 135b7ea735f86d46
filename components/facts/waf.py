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
from components.facts.model import ASSUMPTION, RECREATION_MINUTES, ChangeEffect, Guard, ResourceFact


def _list_web_acl_charges(resource: PricedResource, _stack: StackResources) -> Iterable[Charge]:
    rules = len(resource.inputs.get("rules") or ())
    yield Charge(
        f"web ACL of {rules} rules", (PriceTerm("web_acl"), PriceTerm("web_acl_rule", rules))
    )
    yield build_usage_charge("requests", "waf")


FACTS: Final = (
    ResourceFact(
        type="aws:wafv2/webAcl:WebAcl",
        list_charges=_list_web_acl_charges,
        price_properties=("rules",),
        removal=ChangeEffect("requests are not filtered meanwhile", RECREATION_MINUTES, ASSUMPTION),
        is_taggable=True,
    ),
    ResourceFact(
        type="aws:wafv2/webAclAssociation:WebAclAssociation",
        guard=Guard(
            "requests to the load balancer are no longer filtered",
            "WAF API Reference, DisassociateWebACL",
        ),
    ),
    ResourceFact(type="aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration"),
)
