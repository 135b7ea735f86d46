"""Rules for traffic: more requests than the stack can answer."""

from typing import Final

from ops.diagnose.rule import LIKELY, STRONG, WEAK, CauseRule, Evidence
from ops.diagnose.rules.release import SERVICE_SYMPTOMS

_DISTRESS: Final = (
    "metric.service.cpu.high",
    "metric.fleet.cpu.high",
    "metric.target.latency.high",
    "metric.*5xx.high",
    "metric.load-balancer.rejected.high",
    "metric.database.cpu.high",
    "metric.database.load.high",
    "alarm.raised.*",
)
_EVIDENCE: Final = (
    Evidence("metric.service.cpu.high", WEAK, "stack"),
    Evidence("metric.fleet.cpu.high", WEAK, "stack"),
    Evidence("metric.target.latency.high", WEAK, "stack"),
    Evidence("metric.load-balancer.rejected.high", LIKELY),
    Evidence("alarm.raised.balancer-rejected", LIKELY),
)
_SYMPTOMS: Final = (*SERVICE_SYMPTOMS, "alarm.raised.*-cpu-*", "metric.*.cpu.high")
_REFUTATION: Final = "the same number of requests was answered well before"

TRAFFIC_RULES: Final = (
    CauseRule(
        cause="more-traffic",
        part="load-balancer",
        needs=("metric.load-balancer.requests.surge",),
        needs_also=(_DISTRESS,),
        evidence=(
            Evidence("metric.load-balancer.requests.surge", STRONG),
            Evidence("metric.load-balancer.requests.high", WEAK),
            *_EVIDENCE,
        ),
        explains=(
            "service-at-maximum",
            "fleet-at-maximum",
            "image-slow",
            "image-errors",
            "database-cpu",
            "database-load",
        ),
        symptoms=_SYMPTOMS,
        refutation=_REFUTATION,
        command="ops metrics load-balancer requests",
        source="assumed",
    ),
    CauseRule(
        cause="more-traffic",
        part="load-balancer",
        needs=("metric.load-balancer.requests.high",),
        needs_also=(_DISTRESS,),
        evidence=(Evidence("metric.load-balancer.requests.high", LIKELY), *_EVIDENCE),
        against=(
            Evidence("ecs.at-maximum", 0.3, "stack"),
            Evidence("fleet.at-maximum", 0.3, "stack"),
        ),
        explains=("image-slow",),
        symptoms=_SYMPTOMS,
        refutation=_REFUTATION,
        command="ops metrics load-balancer requests",
        source="assumed",
    ),
)
