"""What ElastiCache says of the cache: its state, events, AUTH token, and two metrics.

Sources: ElastiCache User Guide, "Viewing ElastiCache events", "Metrics for Valkey and Redis OSS"
(AuthenticationFailures, IsMaster), "Authenticating with the AUTH command" (AuthTokenStatus is
ROTATING or SETTING while it changes); API reference, TestFailover (the events of a failover).
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final

from components.facts.metrics import ELASTICACHE_NAMESPACE, MetricFact
from ops.changes.data_sources import CACHE_EVENTS_API, build_cache_name_pattern
from ops.core.times import parse_aws_time
from ops.database.event_list import build_event_span_params
from ops.diagnose.facts import Facts
from ops.diagnose.reader import DiagnosisRequest, FactCollector
from ops.diagnose.readers.metric_runs import MetricSeries, describe_since, read_series
from ops.fleet.model import list_read_items
from ops.health.cache import REPLICATION_GROUPS_API
from ops.metrics.parts import CACHE_NODE_ID, MetricRow, Subject
from ops.outputs import CachePart

_SOURCE: Final = "cache"
_PART: Final = "cache"
_METRICS_COMMAND: Final = "ops metrics cache"
_EVENTS_COMMAND: Final = "ops changes --only cache"
# A token that was changed so much later or earlier than the secret that has it is another. Assumed.
_TOKEN_APART: Final = timedelta(minutes=10)
# The first that matches.
_EVENT_SIGNS: Final = (
    ("failover", r"failover|promoted|new primary"),
    ("recovery", r"recover(?:ing|y)|replac(?:ing|ed|ement)|restart|reboot"),
    ("maintenance", r"maintenance|service update|patch|apply(?:ing|) .*update|upgrade"),
    ("token", r"auth ?token|auth token|credentials|user group"),
    ("scaling", r"modif|scal|shard|adding|removed|snapshotting"),
)
_PATTERNS: Final = tuple((name, re.compile(text, re.I)) for name, text in _EVENT_SIGNS)


def _build_gauge(name: str, aws_name: str, stat: str) -> MetricFact:
    return MetricFact(
        name=name,
        namespace=ELASTICACHE_NAMESPACE,
        aws_name=aws_name,
        unit="count",
        stats=(stat,),
        valid_stats=(stat,),
    )


_EXTRA_FACTS: Final = (
    _build_gauge("auth-failures", "AuthenticationFailures", "Sum"),
    _build_gauge("is-primary", "IsMaster", "Maximum"),
)


def read_cache(request: DiagnosisRequest) -> Facts:
    """The facts of the cache."""
    collector = FactCollector(_SOURCE)
    cache = request.outputs.cache
    assert cache is not None
    with collector.note_gap("events of the cache", _PART):
        params = build_event_span_params(request.span, request.now)
        events = list_read_items(request.aws, CACHE_EVENTS_API, "Events", params)
        add_cache_events(collector, cache, list(events))
    group: Mapping[str, Any] | None = None
    with collector.note_gap("the replication group", _PART):
        answer: Any = request.aws.call(
            REPLICATION_GROUPS_API, {"ReplicationGroupId": cache.identifier}
        )
        group = next(iter(answer["ReplicationGroups"]), None)
        if group is not None and not request.is_past:
            add_group(collector, group)
    if group is None:
        return collector.build_facts()
    with collector.note_gap("the secret of the AUTH token", _PART):
        secret: Any = request.aws.call(
            "secretsmanager.describe_secret", {"SecretId": cache.secret_arn}
        )
        add_token(collector, group, secret)
    with collector.note_gap("metrics of the cache", _PART):
        subjects = [_build_subject(cache, str(node)) for node in group.get("MemberClusters") or ()]
        rows = [
            MetricRow(subject, fact, fact.stats[0]) for subject in subjects for fact in _EXTRA_FACTS
        ]
        series = read_series(request.aws, request, rows)
        for subject in subjects:
            by_metric = {row.fact.name: s for row, s in series.items() if row.subject == subject}
            add_node_metrics(collector, subject.dimensions[0][1], by_metric)
    return collector.build_facts()


def _build_subject(cache: CachePart, node: str) -> Subject:
    label = f"cache {node.removeprefix(f'{cache.identifier}-')}"
    dimensions = (("CacheClusterId", node), ("CacheNodeId", CACHE_NODE_ID))
    return Subject("cache-node", label, dimensions)


def classify_cache_event(message: str) -> str | None:
    """The name of the kind of event; None if it says nothing of what may be wrong."""
    return next((name for name, pattern in _PATTERNS if pattern.search(message)), None)


def add_cache_events(
    collector: FactCollector, cache: CachePart, events: Sequence[Mapping[str, Any]]
) -> None:
    """Adds the events of the span, each kind once, at its first time."""
    names = build_cache_name_pattern(cache)
    found: dict[str, list[tuple[datetime, str]]] = {}
    for event in events:
        message = str(event.get("Message") or "")
        name = classify_cache_event(message)
        if name is not None and names.fullmatch(str(event.get("SourceIdentifier"))):
            found.setdefault(name, []).append((parse_aws_time(event["Date"]), message))
    for name, items in found.items():
        first = min(items)
        collector.add(
            f"cache.event.{name}",
            _PART,
            f"ElastiCache: {first[1]}",
            since=first[0],
            value=float(len(items)),
            subject=cache.identifier,
            command=_EVENTS_COMMAND,
        )


def add_group(collector: FactCollector, group: Mapping[str, Any]) -> None:
    """Adds what the replication group's description says is wrong with it."""
    name = str(group["ReplicationGroupId"])
    states = {str(group["Status"]), *(str(s["Status"]) for s in group.get("NodeGroups") or ())}
    for state in sorted(states - {"available", "snapshotting"}):
        collector.add(
            f"cache.status.{state}",
            _PART,
            f"{name} is {state}",
            subject=name,
            command=_EVENTS_COMMAND,
        )
    pending = group.get("PendingModifiedValues") or {}
    if status := pending.get("AuthTokenStatus"):
        collector.add(
            "cache.token.changing",
            _PART,
            f"the AUTH token of {name} is changing: {status}",
            subject=name,
            command="ops changes --part cache",
        )


def add_token(
    collector: FactCollector, group: Mapping[str, Any], secret: Mapping[str, Any]
) -> None:
    """Adds that the token and the secret that has it were changed at times far apart.

    A rotation changes both at once; who starts without the newer of both is refused.
    """
    if not group.get("AuthTokenEnabled") or not group.get("AuthTokenLastModifiedDate"):
        return
    token_time = parse_aws_time(group["AuthTokenLastModifiedDate"])
    if not secret.get("LastChangedDate"):
        return
    secret_time = parse_aws_time(secret["LastChangedDate"])
    if abs(token_time - secret_time) > _TOKEN_APART:
        newer = "the token" if token_time > secret_time else "the secret"
        collector.add(
            "cache.token.apart",
            _PART,
            f"the AUTH token was set on {token_time:%Y-%m-%d %H:%M} UTC, the secret that has it "
            f"on {secret_time:%Y-%m-%d %H:%M} UTC: {newer} was changed alone",
            since=max(token_time, secret_time),
            subject=str(group["ReplicationGroupId"]),
            command="ops changes --part cache",
        )


def add_node_metrics(
    collector: FactCollector, node: str, series: Mapping[str, MetricSeries]
) -> None:
    """Adds what one node's metrics say."""

    def add(key: str, text: str, since: datetime, value: float) -> None:
        collector.add(
            f"cache.{key}",
            _PART,
            f"{node}: {text}",
            since=since,
            value=value,
            subject=node,
            command=_METRICS_COMMAND,
        )

    if run := series["auth-failures"].find_first_excess(lambda value: value > 0):
        total = series["auth-failures"].sum_since(run.since)
        text = f"{total:,.0f} clients were refused their AUTH token, {describe_since(run)}"
        add("auth-failures", text, run.since, total)
    _add_role_change(series["is-primary"], add)


def _add_role_change(series: MetricSeries, add: Any) -> None:
    """A node that was a replica and is the primary now, or the other way."""
    pairs = list(zip(series.times, series.values, strict=True))
    changes = [
        (time, value)
        for (_, before), (time, value) in pairwise(pairs)
        if (before > 0) != (value > 0)
    ]
    if changes:
        time, value = changes[-1]
        add("role-changed", f"it became {'the primary' if value else 'a replica'}", time, value)
