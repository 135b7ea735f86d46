"""Rules for the cache. Sources: ElastiCache User Guide, "Which metrics should I monitor?",
"Minimizing downtime by using Multi-AZ", "Authenticating with the AUTH command"."""

from typing import Final

from ops.diagnose.rule import DIRECT, LIKELY, STRONG, WEAK, CauseRule, Evidence
from ops.diagnose.rules.symptoms import CONTAINER_CAUSES, NOTICED, USER_SYMPTOMS

_PART: Final = "cache"
_SYMPTOMS: Final = (
    *USER_SYMPTOMS,
    "alarm.raised.cache-*",
    "log.shape.cache-*",
    "log.shape.timeout",
    "log.shape.connection-*",
    "log.shape.read-only",
    "metric.cache.*",
)

CACHE_RULES: Final = (
    CauseRule(
        cause="cache-evicting",
        part=_PART,
        needs=(
            "metric.cache.evictions.high",
            "metric.cache.memory.high",
            "alarm.raised.cache-memory-high*",
            "log.shape.cache-memory",
        ),
        evidence=(
            Evidence("metric.cache.evictions.high", STRONG),
            Evidence("log.shape.cache-memory", DIRECT, "stack"),
            Evidence("metric.cache.memory.high", LIKELY),
            Evidence("alarm.raised.cache-memory-high*", LIKELY),
            Evidence("alarm.raised.cache-hit-rate-low*", WEAK),
            Evidence("metric.cache.misses.high", WEAK),
            Evidence("metric.cache.hits.low", WEAK),
        ),
        triggers=("change.deployment", "change.run", "change.write.elasticache.*"),
        trigger_scope="stack",
        explains=("database-cpu", "database-load", *CONTAINER_CAUSES),
        symptoms=(*_SYMPTOMS, "metric.database.*", "alarm.raised.database-*"),
        refutation="no key is evicted, and memory is free",
        command="ops metrics cache",
        source="ElastiCache User Guide, Which metrics should I monitor: Evictions",
    ),
    CauseRule(
        cause="cache-failover",
        part=_PART,
        needs=("cache.event.failover", "cache.role-changed"),
        needs_also=((*NOTICED, "metric.cache.*"),),
        evidence=(
            Evidence("cache.event.failover", DIRECT),
            Evidence("cache.role-changed", STRONG),
            Evidence("cache.event.recovery", LIKELY),
            Evidence("cache.status.*", WEAK),
            Evidence("log.shape.cache-failover", LIKELY, "stack"),
            Evidence("log.shape.read-only", LIKELY, "stack"),
            Evidence("metric.cache.connections.*", WEAK),
        ),
        triggers=("change.run", "change.pulumi", "change.write.elasticache.*"),
        explains=("cache-evicting", *CONTAINER_CAUSES),
        symptoms=_SYMPTOMS,
        refutation="the primary is the same node as before",
        command="ops changes --only cache",
        source="API reference, TestFailover: the events of a failover",
    ),
    CauseRule(
        cause="cache-token-wrong",
        part=_PART,
        needs=("log.shape.cache-token", "cache.auth-failures", "cache.token.apart"),
        evidence=(
            Evidence("log.shape.cache-token", STRONG, "stack"),
            Evidence("cache.auth-failures", STRONG),
            Evidence("cache.token.apart", WEAK),
            Evidence("cache.token.changing", WEAK),
            Evidence("change.secret", WEAK),
            Evidence("alarm.raised.cache-rotation-failing*", LIKELY),
            Evidence("metric.cache.connections.low", WEAK),
        ),
        triggers=(
            "change.secret",
            "change.run",
            "change.write.elasticache.*",
            "change.write.secretsmanager.*",
        ),
        explains=("database-cpu", "database-load", *CONTAINER_CAUSES),
        symptoms=(*_SYMPTOMS, "ecs.*"),
        refutation="the secret's token opens a session, and nobody is refused",
        command="ops service restart",
        source="ElastiCache User Guide, Authenticating with the AUTH command",
    ),
)
