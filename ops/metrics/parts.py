"""The parts of a stack that have metrics, what of each is measured, and which metrics are meant."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from components.facts.metrics import METRIC_FACTS, PERCENTILES, MetricFact, SubjectName
from ops.core.aws import Aws
from ops.core.errors import UsageError
from ops.core.metrics import MetricQuery
from ops.core.parts import find_part, get_service_part, list_database_names
from ops.health.cache import REPLICATION_GROUPS_API
from ops.outputs import CachePart, Outputs

PERCENTILE_PATTERN: Final = re.compile(r"p(100|\d{1,2}(\.\d{1,2})?)")
STATISTICS: Final = ("Average", "Sum", "Minimum", "Maximum", "SampleCount")
_ALL_PARTS: Final = "all"
CACHE_NODE_ID: Final = "0001"  # of every node of Redis and Valkey (ElastiCache User Guide)


@dataclass(frozen=True)
class Subject:
    """One thing that CloudWatch has metrics of. `label` is how rows name it."""

    kind: SubjectName
    label: str
    dimensions: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class MetricPart:
    """A part that is typed, what of it is measured, and the dashboard that shows it."""

    name: str
    subjects: tuple[Subject, ...]
    dashboard: str
    has_cache: bool = False


@dataclass(frozen=True)
class MetricRow:
    """A metric of a subject with one statistic: a row of the table."""

    subject: Subject
    fact: MetricFact
    stat: str

    @property
    def name(self) -> str:
        """What it is called: with its statistic if the metric has several."""
        return f"{self.fact.name} {self.stat}" if len(self.fact.stats) > 1 else self.fact.name

    def build_query(self, period: int) -> MetricQuery:
        """Its query, with one value for each `period` seconds."""
        return MetricQuery(
            self.fact.namespace, self.fact.aws_name, self.stat, self.subject.dimensions, period
        )


def list_metric_parts(outputs: Outputs) -> dict[str, MetricPart]:
    """The parts of the stack that have metrics, by the name that is typed.

    Names are those of `ops.core.parts`.
    """
    parts = [
        *_list_database_parts(outputs),
        *_list_balancer_parts(outputs),
        *_list_network_parts(outputs),
        *_list_function_parts(outputs),
    ]
    if outputs.fleet is not None:
        dimensions = (("AutoScalingGroupName", outputs.fleet.group),)
        subjects = [Subject("fleet", "fleet", dimensions), *_list_target_groups(outputs, "fleet")]
        parts.append(MetricPart("fleet", tuple(subjects), "application"))
    if outputs.cache is not None:
        parts.append(MetricPart("cache", (), "database", has_cache=True))
    services = {
        name: (*_list_service_subjects(outputs, name), *_list_target_groups(outputs, name))
        for name in (outputs.services.services if outputs.services is not None else ())
    }
    if services:
        subjects = [subject for group in services.values() for subject in group]
        parts.append(MetricPart("services", tuple(subjects), "application"))
    by_name = {part.name: part for part in parts}
    for name, service_subjects in services.items():
        typed_name = get_service_part(outputs, name)
        by_name[typed_name] = MetricPart(typed_name, service_subjects, "application")
    return dict(sorted(by_name.items()))


def get_metric_part(outputs: Outputs, name: str) -> MetricPart:
    """The part that PART names; `all` is every one. Raises UsageError with those that there are."""
    parts = list_metric_parts(outputs)
    if name == _ALL_PARTS:
        subjects = dict.fromkeys(subject for part in parts.values() for subject in part.subjects)
        return MetricPart(_ALL_PARTS, tuple(subjects), "infrastructure", outputs.cache is not None)
    if (part := find_part(parts, name)) is not None:
        return part
    close_names = get_close_matches(name, parts, 1)
    meant = f"; did you mean {close_names[0]!r}?" if close_names else ""
    raise UsageError(f"PART must be one of {', '.join((*parts, _ALL_PARTS))}, not {name!r}{meant}")


def list_subjects(aws: Aws, outputs: Outputs, part: MetricPart) -> list[Subject]:
    """What of a part is measured. Reads which nodes the cache has, which the contract lacks."""
    if not part.has_cache or outputs.cache is None:
        return list(part.subjects)
    return [*part.subjects, *_list_cache_nodes(aws, outputs.cache)]


def select_rows(
    part: MetricPart, subjects: Sequence[Subject], metric: str | None, stat: str | None
) -> list[MetricRow]:
    """The rows of METRIC and --stat, in the order of the facts.

    With --stat and no METRIC, metrics of which it means nothing are left out.
    """
    return [
        MetricRow(subject, fact, row_stat)
        for subject in subjects
        for fact in METRIC_FACTS[subject.kind]
        if metric is None or _is_called(fact, metric)
        for row_stat in ((stat,) if stat is not None else fact.stats)
        if stat is None or _has_stat(fact, stat)
    ]


def require_metric(part: MetricPart, metric: str | None, stat: str | None) -> None:
    """Raises UsageError unless the part has the metric, and the metric the statistic."""
    facts = _list_facts(part)
    if metric is not None:
        chosen = [fact for fact in facts if _is_called(fact, metric)]
        if not chosen:
            raise UsageError(_describe_unknown_metric(part, facts, metric))
        facts = chosen
    if stat is None:
        return
    if stat not in STATISTICS and not PERCENTILE_PATTERN.fullmatch(stat):
        raise UsageError(
            f"--stat must be one of {', '.join(STATISTICS)}, or a percentile like p95, not {stat!r}"
        )
    if not any(_has_stat(fact, stat) for fact in facts):
        valid_stats = sorted({valid for fact in facts for valid in fact.valid_stats})
        subject = f"{facts[0].name} of {part.name}" if metric is not None else part.name
        raise UsageError(
            f"--stat must be one of {', '.join(valid_stats)}, which mean something of {subject}, "
            f"not {stat!r}"
        )


def _list_facts(part: MetricPart) -> list[MetricFact]:
    kinds: list[SubjectName] = [subject.kind for subject in part.subjects]
    if part.has_cache:
        kinds.append("cache-node")
    return list(dict.fromkeys(fact for kind in kinds for fact in METRIC_FACTS[kind]))


def _describe_unknown_metric(part: MetricPart, facts: Sequence[MetricFact], metric: str) -> str:
    names = list(dict.fromkeys(fact.name for fact in facts))
    names_by_alias = {alias: fact.name for fact in facts for alias in (fact.name, fact.aws_name)}
    by_lower = {alias.lower(): name for alias, name in names_by_alias.items()}
    close_names = dict.fromkeys(
        by_lower[alias] for alias in get_close_matches(metric.lower(), by_lower, 3)
    )
    meant = f"; did you mean {' or '.join(map(repr, close_names))}?" if close_names else ""
    return f"METRIC must be one of {', '.join(names)} ({part.name}), not {metric!r}{meant}"


def _is_called(fact: MetricFact, metric: str) -> bool:
    """True if it is the name of the metric here, or in CloudWatch in any case."""
    return metric.lower() in (fact.name, fact.aws_name.lower())


def _has_stat(fact: MetricFact, stat: str) -> bool:
    if PERCENTILE_PATTERN.fullmatch(stat):
        return PERCENTILES in fact.valid_stats
    return stat in fact.valid_stats


def _list_database_parts(outputs: Outputs) -> list[MetricPart]:
    primary, *replicas = (
        Subject(
            "db-instance" if identifier == outputs.database.identifier else "db-replica",
            label,
            (("DBInstanceIdentifier", identifier),),
        )
        for label, identifier in list_database_names(outputs).items()
    )
    return [
        MetricPart("database", (primary, *replicas), "database"),
        *(MetricPart(replica.label, (replica,), "database") for replica in replicas),
    ]


def _list_balancer_parts(outputs: Outputs) -> list[MetricPart]:
    part = outputs.load_balancer
    if part is None:
        return []
    whole = Subject("load-balancer", "load-balancer", (_get_balancer_dimension(part.arn),))
    groups = [group for name in part.targets for group in _list_target_groups(outputs, name)]
    return [MetricPart("load-balancer", (whole, *groups), "application")]


def _list_target_groups(outputs: Outputs, name: str) -> list[Subject]:
    part = outputs.load_balancer
    if part is None or name not in part.targets:
        return []
    group = part.targets[name].target_group_arn.rpartition(":")[2]
    dimensions = (_get_balancer_dimension(part.arn), ("TargetGroup", group))
    return [Subject("target-group", f"targets of {name}", dimensions)]


def _get_balancer_dimension(arn: str) -> tuple[str, str]:
    return "LoadBalancer", arn.partition(":loadbalancer/")[2]


def _list_service_subjects(outputs: Outputs, name: str) -> list[Subject]:
    assert outputs.services is not None
    dimensions = (("ClusterName", outputs.services.cluster), ("ServiceName", name))
    subjects = [Subject("service", name, dimensions)]
    if (queue := outputs.services.services[name].queue) is not None:
        subjects.append(Subject("queue", f"queue {queue}", (("QueueName", queue),)))
    return subjects


def _list_network_parts(outputs: Outputs) -> list[MetricPart]:
    network = outputs.network
    by_kind: Mapping[SubjectName, tuple[str, Mapping[str, str]]] = {
        "nat-gateway": ("NatGatewayId", network.nat_gateways),
        "nat-instance": ("InstanceId", network.nat_instances),
    }
    subjects = [
        Subject(kind, f"nat {zone}", ((dimension, identifier),))
        for kind, (dimension, identifiers) in by_kind.items()
        for zone, identifier in identifiers.items()
    ]
    return [MetricPart("nat", tuple(subjects), "infrastructure")] if subjects else []


def _list_function_parts(outputs: Outputs) -> list[MetricPart]:
    stack = outputs.stack
    names = ("rotation", "cache-rotation") if outputs.cache is not None else ("rotation",)
    subjects = [
        Subject("function", name, (("FunctionName", f"{stack.project}-{stack.stack}-{name}"),))
        for name in names
    ]
    return [
        MetricPart("functions", tuple(subjects), "infrastructure"),
        *(MetricPart(subject.label, (subject,), "infrastructure") for subject in subjects),
    ]


def build_cache_subject(cache: CachePart, node: str) -> Subject:
    """A node of the cache as CloudWatch has it."""
    label = f"cache {node.removeprefix(f'{cache.identifier}-')}"
    return Subject("cache-node", label, (("CacheClusterId", node), ("CacheNodeId", CACHE_NODE_ID)))


def _list_cache_nodes(aws: Aws, cache: CachePart) -> list[Subject]:
    answer: Any = aws.call(REPLICATION_GROUPS_API, {"ReplicationGroupId": cache.identifier})
    nodes = [node for group in answer["ReplicationGroups"] for node in group["MemberClusters"]]
    return [build_cache_subject(cache, str(node)) for node in nodes]
