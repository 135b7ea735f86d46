"""Rules for the load balancer: certificate, listeners and rules, WAF, empty target groups.

Sources: "Troubleshoot your Application Load Balancers" (HTTP 403 of WAF, 503 without targets);
ACM User Guide; AWS WAF Developer Guide.
"""

from typing import Final

from ops.diagnose.rule import DIRECT, LIKELY, STRONG, WEAK, CauseRule, Evidence
from ops.diagnose.rules.symptoms import USER_SYMPTOMS

_PART: Final = "load-balancer"
_PROGRAM: Final = ("change.pulumi", "change.run")
_FEWER_REQUESTS: Final = Evidence("metric.load-balancer.requests.low", LIKELY)
# What clients get that no rule takes, or that a rule answers itself.
_OTHER_ANSWERS: Final = (
    "elb.error.*",
    "metric.load-balancer.4xx.high",
    "metric.load-balancer.balancer-4xx.high",
    "metric.load-balancer.balancer-5xx.high",
    "metric.load-balancer.requests.low",
    "metric.target.4xx.high",
    "metric.target.5xx.high",
    "alarm.raised.balancer-5xx*",
    "alarm.raised.slo-*",
    "alarm.raised.target-*",
)
_LISTENER_CHANGES: Final = (
    "change.write.elasticloadbalancing.modify-listener*",
    "change.write.elasticloadbalancing.delete-listener",
    "change.write.elasticloadbalancing.create-listener",
    "change.write.elasticloadbalancing.*rule*",
    "change.write.elasticloadbalancing.remove-listener-certificates",
)
_LISTENER_SYMPTOMS: Final = (*USER_SYMPTOMS, "alarm.raised.*")

LOAD_BALANCER_RULES: Final = (
    CauseRule(
        cause="certificate-expired",
        part=_PART,
        needs=("elb.certificate.expired",),
        evidence=(
            Evidence("elb.certificate.expired", DIRECT),
            Evidence("elb.error.tls-errors", LIKELY),
            Evidence("alarm.raised.certificate-expiring*", LIKELY, "stack"),
            Evidence("log.shape.certificate", WEAK, "stack"),
            _FEWER_REQUESTS,
        ),
        triggers=("change.write.elasticloadbalancing.*", "change.write.acm.*", *_PROGRAM),
        explains=("waf-blocks-users",),
        symptoms=_LISTENER_SYMPTOMS,
        refutation="the listener's certificate is issued, and its end is ahead",
        command="ops health --only certificate",
        source="ACM User Guide, Managed renewal; Troubleshoot certificate renewal",
    ),
    CauseRule(
        cause="listener-changed",
        part=_PART,
        needs=("elb.listener.*", "elb.rule.*", "elb.state.gone"),
        evidence=(
            Evidence("elb.listener.*", DIRECT),
            Evidence("elb.rule.*", DIRECT),
            Evidence("elb.state.gone", DIRECT),
            Evidence("elb.error.*", WEAK),
            Evidence("metric.load-balancer.*4xx.high", WEAK),
            _FEWER_REQUESTS,
        ),
        triggers=(*_LISTENER_CHANGES, *_PROGRAM),
        trigger_scope="stack",
        explains=("target-group-empty", "image-errors"),
        symptoms=_LISTENER_SYMPTOMS,
        refutation="the listener's rules lead where the program has them lead",
        command="pulumi up --refresh",
        source="Elastic Load Balancing, Listeners for your Application Load Balancers",
    ),
    CauseRule(
        cause="listener-changed",
        part=_PART,
        needs=_LISTENER_CHANGES,
        needs_also=(_OTHER_ANSWERS,),
        evidence=(
            *(Evidence(pattern, LIKELY, "stack") for pattern in _LISTENER_CHANGES),
            Evidence("elb.error.*", WEAK),
            Evidence("metric.load-balancer.*4xx.high", LIKELY),
            _FEWER_REQUESTS,
        ),
        explains=("target-group-empty", "image-errors"),
        symptoms=_LISTENER_SYMPTOMS,
        refutation="what the change touched answers as before",
        command="ops changes --only cloudtrail",
        source="CloudTrail User Guide: Elastic Load Balancing's API events",
    ),
    CauseRule(
        cause="waf-blocks-users",
        part=_PART,
        needs=("waf.*",),
        evidence=(
            Evidence("waf.default-block", DIRECT),
            Evidence("waf.blocked.users", STRONG),
            Evidence("waf.log.many-clients", LIKELY),
            Evidence("waf.blocked.more", 0.25),
            Evidence("metric.load-balancer.balancer-4xx.high", LIKELY),
            _FEWER_REQUESTS,
        ),
        triggers=("change.write.wafv2.*", *_PROGRAM),
        trigger_scope="stack",
        symptoms=(
            "metric.load-balancer.*",
            "elb.error.*",
            "alarm.raised.slo-*",
            "alarm.raised.balancer-*",
        ),
        refutation="those that are blocked are few addresses that ask for what no user does",
        command="ops logs tail waf",
        source="AWS WAF Developer Guide, AWS WAF metrics and dimensions; HTTP 403 of the balancer",
    ),
    CauseRule(
        cause="target-group-empty",
        part=_PART,
        needs=("elb.targets.none",),
        evidence=(
            Evidence("elb.targets.none", 0.75),
            Evidence("elb.error.503", LIKELY),
            Evidence("alarm.raised.target-none-healthy*", LIKELY, "stack"),
            Evidence("ecs.no-tasks-wanted", STRONG, "stack"),
        ),
        against=(
            Evidence("ecs.stopped.*", STRONG, "stack"),
            Evidence("ecs.event.*", LIKELY, "stack"),
            Evidence("fleet.launch.*", LIKELY, "stack"),
        ),
        triggers=(
            "change.write.elasticloadbalancing.*",
            "change.write.ecs.update-service",
            "change.write.autoscaling.*",
            *_PROGRAM,
        ),
        trigger_scope="stack",
        symptoms=(*USER_SYMPTOMS, "ecs.*"),
        refutation="the group has targets, and none of them is healthy",
        command="ops service list",
        source="Troubleshoot your Application Load Balancers: HTTP 503, no registered targets",
    ),
)
