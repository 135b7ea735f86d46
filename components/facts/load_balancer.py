"""Facts of the load balancer."""

from collections.abc import Iterable
from typing import Final

from components.facts.billing import (
    Charge,
    PricedResource,
    StackResources,
    build_hourly_charge,
    build_usage_charge,
)
from components.facts.model import ASSUMPTION, ChangeEffect, ProtectionRule, ResourceFact


def _list_load_balancer_charges(
    resource: PricedResource, _stack: StackResources
) -> Iterable[Charge]:
    subnets = len(resource.inputs.get("subnets") or ())
    yield build_hourly_charge("load balancer", price="load_balancer")
    if not resource.inputs.get("internal"):
        yield build_hourly_charge(f"{subnets} public addresses", price="public_ipv4", count=subnets)
    yield build_usage_charge("capacity", "lcu")


# The host of the maintenance page's rule: no client asks for it. To close the stack, operations put
# the path "/*" in its place.
UNMATCHED_HOST: Final = "maintenance.invalid"
# Where access logs are in the bucket of logs, which flow logs are in as well.
BALANCER_LOG_PREFIX: Final = "alb"
FACTS: Final = (
    ResourceFact(
        type="aws:lb/listener:Listener",
        replacing=("loadBalancerArn",),
        updates=dict.fromkeys(
            ("defaultActions", "port", "protocol", "certificateArn", "sslPolicy"),
            ChangeEffect(
                "the listener's behaviour changes at once",
                "seconds, if it is right",
                f"Application Load Balancers, Update a listener; the time is {ASSUMPTION}",
            ),
        ),
        removal=ChangeEffect(
            "nothing answers on its port until it is created again",
            "seconds, if it is created again",
            f"Application Load Balancers, Delete a listener; the time is {ASSUMPTION}",
        ),
        is_taggable=True,
    ),
    ResourceFact(
        type="aws:lb/listenerRule:ListenerRule",
        replacing=("listenerArn",),
        updates={
            "conditions": ChangeEffect(
                "other requests match it: those that no longer do go to the next rule",
                "at once",
                "Application Load Balancers, Listener rules",
            ),
            "actions": ChangeEffect(
                "its requests go to another target group: they fail if it has no healthy target",
                "until its targets are healthy",
                "Application Load Balancers, Listener rules",
            ),
            "priority": ChangeEffect(
                "requests that match several rules go to another target group",
                "at once",
                "Application Load Balancers, Listener rules",
            ),
        },
        removal=ChangeEffect(
            "requests match the next rule meanwhile", "seconds, if it is created again", ASSUMPTION
        ),
        is_taggable=True,
    ),
    ResourceFact(
        type="aws:lb/loadBalancer:LoadBalancer",
        replacing=("internal", "loadBalancerType"),
        harmless=("idleTimeout", "preserveHostHeader", "xffHeaderProcessingMode"),
        list_charges=_list_load_balancer_charges,
        price_properties=("subnets",),
        updates={
            "ipAddressType": ChangeEffect(
                "clients reach it by other addresses",
                "until cached answers expire",
                "Application Load Balancers, IP address types",
            ),
            "enableHttp2": ChangeEffect(
                "clients use another protocol", "none", "Application Load Balancers, HTTP/2"
            ),
            "securityGroups": ChangeEffect(
                "who may connect changes",
                "none, unless clients are no longer let in",
                "Application Load Balancers, Security groups",
            ),
            "subnets": ChangeEffect(
                "zones are added or removed; connections through a removed one end",
                "none for the other zones",
                "Application Load Balancers, Availability Zones",
            ),
            "subnetMappings": ChangeEffect(
                "zones are added or removed; connections through a removed one end",
                "none for the other zones",
                "Application Load Balancers, Availability Zones",
            ),
        },
        removal=ChangeEffect(
            ("the load balancer is removed with its name and addresses: the site is down"),
            "3-5 min, then until cached answers expire (60 s)",
            f"Elastic Load Balancing User Guide, How it works; the making: {ASSUMPTION}",
        ),
        protections=(
            ProtectionRule(
                "accessLogs",
                "changed",
                "requests may no longer be logged",
                "Application Load Balancers, Access logs",
            ),
            ProtectionRule(
                "desyncMitigationMode",
                "changed",
                "malformed requests are handled in another way",
                "Application Load Balancers, Desync mitigation mode",
            ),
            ProtectionRule(
                "dropInvalidHeaderFields",
                "off",
                "invalid headers reach the services",
                "Application Load Balancers, Load balancer attributes",
            ),
            ProtectionRule(
                "enableDeletionProtection",
                "off",
                "deletion protection is turned off",
                "Elastic Load Balancing, Deletion protection",
            ),
        ),
        must_be_protected=True,
        is_taggable=True,
    ),
    ResourceFact(
        type="aws:lb/targetGroup:TargetGroup",
        replacing=("port", "protocol", "targetType", "protocolVersion"),
        harmless=("slowStart", "loadBalancingAlgorithmType", "deregistrationDelay"),
        updates={
            "healthCheck": ChangeEffect(
                "targets that fail the new check get no requests",
                "until they pass it",
                "Application Load Balancers, Health checks",
            ),
            "stickiness": ChangeEffect(
                "clients may reach another target",
                "none",
                "Application Load Balancers, Sticky sessions",
            ),
        },
        removal=ChangeEffect(
            "the listener has no healthy targets until new ones are registered",
            "none while the new one is beside the old, else some minutes",
            ASSUMPTION,
        ),
        is_taggable=True,
    ),
)
