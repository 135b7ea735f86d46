"""Rules for the network: what stops a way that the stack needs.

A rule that was evaluated and stops something is the strongest evidence; a change of such a rule
shortly before calls began to time out is the next, for a past time or a network that is not read.
Sources: VPC User Guide; AWS PrivateLink Guide; "Troubleshoot NAT gateways".
"""

from typing import Final

from ops.diagnose.rule import DIRECT, LIKELY, STRONG, WEAK, CauseRule, Evidence
from ops.diagnose.rules.symptoms import CALL_SYMPTOMS, CONTAINER_CAUSES, USER_SYMPTOMS

_PART: Final = "network"
_SYMPTOMS: Final = (
    *USER_SYMPTOMS,
    *CALL_SYMPTOMS,
    "alarm.raised.nat-*",
    "metric.database.connections.low",
    "metric.cache.connections.low",
    "metric.nat.*",
)
# What callers see whose packets are dropped on the way.
_NO_ANSWER: Final = (
    "log.shape.timeout",
    "log.shape.dns",
    "elb.targets.timeout",
    "elb.error.504",
    "metric.target.connection-errors.high",
    "metric.load-balancer.requests.low",
    "metric.load-balancer.connection-errors.high",
    "metric.database.connections.low",
    "metric.cache.connections.low",
    "metric.nat.packets-back.low",
    "metric.nat.in.low",
    "ecs.stopped.image-timeout",
    "ecs.stopped.secret-timeout",
    "ecs.event.image-timeout",
    "ecs.event.secret-timeout",
    "alarm.raised.target-connection-errors*",
    "alarm.raised.target-none-healthy*",
)
_CALLERS: Final = (
    Evidence("log.shape.timeout", LIKELY, "stack"),
    Evidence("ecs.stopped.*-timeout", LIKELY, "stack"),
    Evidence("ecs.event.*-timeout", LIKELY, "stack"),
    Evidence("elb.targets.timeout", LIKELY, "stack"),
    Evidence("elb.error.504", WEAK, "stack"),
    Evidence("metric.target.connection-errors.high", WEAK, "stack"),
    Evidence("metric.*.connections.low", WEAK, "stack"),
    Evidence("metric.load-balancer.requests.low", WEAK, "stack"),
)
_EXPLAINS: Final = (
    *CONTAINER_CAUSES,
    "image-missing",
    "secret-unreadable",
    "launch-refused",
    "health-check-path",
    "service-at-maximum",
    "replica-lag",
)
_GROUP_CHANGES: Final = (
    "change.write.ec2.*security-group*",
    "change.write.rds.modify-db-instance",
    "change.write.elasticache.modify-replication-group",
    "change.write.elasticloadbalancing.set-security-groups",
)
_ACL_CHANGES: Final = ("change.write.ec2.*network-acl*",)
_ROUTE_CHANGES: Final = (
    "change.write.ec2.*route*",
    "change.write.ec2.*internet-gateway*",
)
_ENDPOINT_CHANGES: Final = ("change.write.ec2.*vpc-endpoint*",)
_NAT_CHANGES: Final = (
    "change.write.ec2.*nat-gateway*",
    "change.write.ec2.*address*",
    "change.write.ec2.stop-instances",
    "change.write.ec2.terminate-instances",
    "change.write.ec2.reboot-instances",
    "change.write.ec2.modify-instance-attribute",
    "change.write.ec2.modify-network-interface-attribute",
)
_NAME_CHANGES: Final = (
    "change.write.ec2.modify-vpc-attribute",
    "change.write.ec2.*dhcp-options",
    "change.write.route53*",
)
_PROGRAM: Final = ("change.pulumi", "change.run")
_REACH: Final = "network.reachable"
_REPAIR: Final = "pulumi up --refresh"


def _build_changed_rule(
    cause: str, changes: tuple[str, ...], refutation: str, source: str
) -> CauseRule:
    """The rule of a change that was seen beside callers that get no answer."""
    return CauseRule(
        cause=cause,
        needs=changes,
        needs_also=(_NO_ANSWER,),
        evidence=(*(Evidence(pattern, LIKELY) for pattern in changes), *_CALLERS),
        against=(Evidence(_REACH, 0.6, "stack"),),
        explains=_EXPLAINS,
        symptoms=_SYMPTOMS,
        refutation=refutation,
        command="ops changes --only cloudtrail",
        source=source,
    )


_SECURITY_RULES: Final = (
    CauseRule(
        cause="security-group",
        needs=("network.stopped.security-group", "network.detached.security-group"),
        evidence=(
            Evidence("network.stopped.security-group", DIRECT),
            Evidence("network.detached.security-group", DIRECT),
            *_CALLERS,
        ),
        triggers=(*_GROUP_CHANGES, *_PROGRAM),
        trigger_scope="stack",
        explains=_EXPLAINS,
        symptoms=_SYMPTOMS,
        refutation="the way is allowed, says `ops network reach`",
        command=_REPAIR,
        source="VPC User Guide, Security group rules",
    ),
    CauseRule(
        cause="security-group",
        needs=("network.unlinked.security-group",),
        needs_also=(_NO_ANSWER,),
        evidence=(Evidence("network.unlinked.security-group", WEAK), *_CALLERS),
        triggers=_GROUP_CHANGES,
        trigger_scope="stack",
        explains=_EXPLAINS,
        symptoms=_SYMPTOMS,
        refutation="no service is meant to call it: there is a rule at neither end",
        command=_REPAIR,
        source="VPC User Guide, Security group rules",
    ),
    _build_changed_rule(
        "security-group",
        ("change.write.ec2.revoke-security-group-*", "change.write.ec2.modify-security-group-*"),
        "the rule that was taken away let nothing through that is needed",
        "CloudTrail User Guide: EC2's API events",
    ),
    CauseRule(
        cause="network-acl",
        needs=("network.stopped.network-acl",),
        evidence=(Evidence("network.stopped.network-acl", DIRECT), *_CALLERS),
        triggers=(*_ACL_CHANGES, *_PROGRAM),
        trigger_scope="stack",
        explains=_EXPLAINS,
        symptoms=_SYMPTOMS,
        refutation="the way is allowed, says `ops network reach`",
        command=_REPAIR,
        source="VPC User Guide, Network ACL rules",
    ),
    _build_changed_rule(
        "network-acl",
        ("change.write.ec2.*network-acl*",),
        "the ACL lets the ways of the stack pass, both ways",
        "CloudTrail User Guide: EC2's API events",
    ),
)
_WAY_RULES: Final = (
    CauseRule(
        cause="route-missing",
        needs=("network.stopped.route",),
        evidence=(Evidence("network.stopped.route", DIRECT), *_CALLERS),
        triggers=(*_ROUTE_CHANGES, *_PROGRAM),
        trigger_scope="stack",
        explains=(*_EXPLAINS, "nat-down"),
        symptoms=_SYMPTOMS,
        refutation="the table of the subnet has a route whose target is there",
        command=_REPAIR,
        source="VPC User Guide, Configure route tables",
    ),
    _build_changed_rule(
        "route-missing",
        ("change.write.ec2.delete-route", "change.write.ec2.replace-route*"),
        "the tables lead where they led before",
        "CloudTrail User Guide: EC2's API events",
    ),
    CauseRule(
        cause="endpoint-missing",
        needs=("network.stopped.endpoint", "network.endpoint.*", "log.shape.endpoint-policy"),
        evidence=(
            Evidence("network.stopped.endpoint", DIRECT),
            Evidence("network.endpoint.refuses", DIRECT),
            Evidence("network.endpoint.state", STRONG),
            # Where there is a NAT, calls go that way: it costs, and stops nothing.
            Evidence("network.endpoint.missing", WEAK),
            Evidence("log.shape.endpoint-policy", DIRECT, "stack"),
            Evidence("network.dns.no-hostnames", LIKELY),
            *_CALLERS,
        ),
        triggers=(*_ENDPOINT_CHANGES, *_PROGRAM),
        trigger_scope="stack",
        explains=(*_EXPLAINS, "role-changed"),
        symptoms=_SYMPTOMS,
        refutation="the endpoint is there, available, and its policy allows the call",
        command=_REPAIR,
        source="AWS PrivateLink Guide, Control access to VPC endpoints using endpoint policies",
        part=_PART,
    ),
    _build_changed_rule(
        "endpoint-missing",
        ("change.write.ec2.delete-vpc-endpoints", "change.write.ec2.modify-vpc-endpoint*"),
        "the services are reached by another way, a NAT gateway",
        "CloudTrail User Guide: EC2's API events",
    ),
    CauseRule(
        cause="nat-down",
        needs=(
            "network.stopped.nat",
            "nat.down",
            "metric.nat.packets-back.low",
            "metric.nat.in.low",
            "metric.nat.status-checks.high",
            "alarm.raised.nat-instance-failing*",
        ),
        evidence=(
            Evidence("nat.down", DIRECT),
            Evidence("network.stopped.nat", DIRECT),
            Evidence("metric.nat.status-checks.high", STRONG),
            Evidence("alarm.raised.nat-instance-failing*", STRONG),
            Evidence("metric.nat.packets-back.low", LIKELY),
            Evidence("metric.nat.packets-dropped.high", LIKELY),
            Evidence("alarm.raised.nat-packets-dropped*", LIKELY),
            Evidence("metric.nat.in.low", LIKELY),
            *_CALLERS,
        ),
        triggers=(*_NAT_CHANGES, *_PROGRAM),
        trigger_scope="stack",
        explains=_EXPLAINS,
        symptoms=_SYMPTOMS,
        refutation="packets come back through the NAT of each zone",
        command=_REPAIR,
        source="VPC User Guide, Troubleshoot NAT gateways; Monitor NAT gateways",
        part=_PART,
    ),
    _build_changed_rule(
        "nat-down",
        ("change.write.ec2.delete-nat-gateway", "change.write.ec2.release-address"),
        "the gateway that was deleted is not one of the stack's",
        "CloudTrail User Guide: EC2's API events",
    ),
    CauseRule(
        cause="nat-ports-exhausted",
        needs=("metric.nat.port-errors.high", "alarm.raised.nat-ports-exhausted*"),
        evidence=(
            Evidence("metric.nat.port-errors.high", DIRECT),
            Evidence("alarm.raised.nat-ports-exhausted*", STRONG),
            Evidence("metric.nat.connections.high", LIKELY),
            Evidence("log.shape.timeout", WEAK, "stack"),
            Evidence("log.shape.no-port", WEAK, "stack"),
        ),
        triggers=("change.deployment", "change.run", "change.write.ecs.*"),
        trigger_scope="stack",
        explains=_EXPLAINS,
        symptoms=_SYMPTOMS,
        refutation="ErrorPortAllocation of every gateway is zero",
        command="ops network flows nat",
        source="VPC User Guide, NAT gateway basics: 55,000 connections to a destination",
        part=_PART,
    ),
    CauseRule(
        cause="dns-broken",
        part=_PART,
        needs=("network.dns.off", "network.stopped.dns", "log.shape.dns"),
        evidence=(
            Evidence("network.dns.off", DIRECT),
            Evidence("network.stopped.dns", DIRECT),
            Evidence("network.dns.other-servers", STRONG),
            Evidence("network.dns.no-hostnames", LIKELY),
            Evidence("log.shape.dns", STRONG, "stack"),
        ),
        against=(
            Evidence("network.stopped.security-group", 0.2, "stack"),
            Evidence("rds.gone", 0.5, "stack"),
        ),
        triggers=(*_NAME_CHANGES, *_PROGRAM),
        trigger_scope="stack",
        explains=(*_EXPLAINS, "endpoint-missing"),
        symptoms=_SYMPTOMS,
        refutation="names of AWS's services and of the database resolve in a task",
        command=_REPAIR,
        source="VPC User Guide, DNS attributes for your VPC; getaddrinfo(3)",
    ),
)
NETWORK_RULES: Final = (*_SECURITY_RULES, *_WAY_RULES)
