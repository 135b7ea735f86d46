"""A month's service levels: read at once, judged, and what happened while they were spent."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from botocore.exceptions import ClientError

from ops.changes.model import SourceGap, SourceName, Timeline
from ops.changes.timeline import CHANGE_SOURCES, read_timeline
from ops.core.errors import OpsError
from ops.core.run_context import StackContext
from ops.core.times import format_utc, parse_aws_time
from ops.database.instance import describe_instance
from ops.health.load_balancer import LOAD_BALANCERS_API
from ops.metrics.parts import MetricRow, Subject, get_metric_part
from ops.metrics.series import Values, read_spans
from ops.outputs import Outputs
from ops.slo.backup_level import build_backup_level, read_backup_days
from ops.slo.database_level import (
    build_database_level,
    build_database_row,
    build_statement_level,
)
from ops.slo.deployment_level import (
    DEPLOYMENT_SOURCES,
    build_deployment_level,
    measure_kept_share,
)
from ops.slo.evidence import IncidentSpan, add_evidence
from ops.slo.incidents import list_incident_spans
from ops.slo.model import ServiceLevel
from ops.slo.month import Month
from ops.slo.outages import list_outages
from ops.slo.request_levels import build_balancer_rows, build_request_levels

TIMELINE_SOURCES: Final[tuple[SourceName, ...]] = (*DEPLOYMENT_SOURCES, "database", "alarms")
OUTAGE_SOURCES: Final[tuple[SourceName, ...]] = ("database", "alarms")
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class SloReport:
    """The levels of a month, and what else of it could not be read."""

    outputs: Outputs
    month: Month
    levels: tuple[ServiceLevel, ...]
    incidents: tuple[IncidentSpan, ...]
    notes: tuple[str, ...]

    @property
    def missed_levels(self) -> list[str]:
        """The levels whose objective is missed."""
        return [level.name for level in self.levels if level.verdict == "missed"]

    @property
    def unknown_levels(self) -> list[str]:
        """The levels of which that is not known."""
        return [level.name for level in self.levels if level.verdict == "unknown"]

    def build_json(self) -> dict[str, object]:
        """Its fields for `--output json`."""
        month = self.month
        return {
            "month": month.name,
            "since": format_utc(month.since.timestamp()),
            "until": format_utc(month.until.timestamp()),
            "isOver": month.is_over,
            "periodSeconds": month.period,
            "notes": list(self.notes),
            "incidents": [incident.build_json() for incident in self.incidents],
            "items": [level.build_json() for level in self.levels],
        }


@dataclass(frozen=True)
class _Read:
    """What was read, or why not."""

    value: Any
    gap: str | None = None


def read_slo_report(
    context: StackContext,
    month: Month,
    now: datetime,
) -> SloReport:
    """Reads a month's levels, all sources at once. What cannot be read makes its level unknown."""
    outputs, aws = context.outputs, context.aws
    objectives = outputs.alarms.objectives
    balancer = _find_balancer_subject(outputs)
    balancer_rows = build_balancer_rows(balancer, objectives) if balancer is not None else None
    database_row = build_database_row(outputs)
    rows = [*(balancer_rows.list_rows() if balancer_rows is not None else ()), database_row]
    with ThreadPoolExecutor() as pool:
        reads = {
            "metrics": pool.submit(_read, lambda: read_spans(aws, rows, [month.read_span])[0]),
            "timeline": pool.submit(
                _read, lambda: read_timeline(context, month.span, now, names=TIMELINE_SOURCES)
            ),
            "instance": pool.submit(
                _read, lambda: describe_instance(aws, outputs, outputs.database.identifier)
            ),
            "balancer": pool.submit(_read, lambda: _read_balancer_creation(context)),
            "incidents": pool.submit(_read, lambda: list_incident_spans(context, month)),
        }
        answers = {name: future.result() for name, future in reads.items()}
    values: dict[MetricRow, Values] = answers["metrics"].value or {}
    unseen: Values = (None,) * month.read_span.count
    timeline: Timeline = answers["timeline"].value
    instance, metric_gaps = answers["instance"], _list_gaps(answers["metrics"])
    levels: list[ServiceLevel] = []
    if balancer_rows is not None:
        created: datetime = answers["balancer"].value or month.since
        all_values = {row: values.get(row, unseen) for row in rows}
        levels += build_request_levels(balancer_rows, all_values, month, created, objectives)
    is_available = bool(instance.value and instance.value["DBInstanceStatus"] == "available")
    levels.append(
        build_database_level(
            values.get(database_row, unseen),
            list_outages(outputs, timeline.events, month.until, is_available_now=is_available),
            month,
            parse_aws_time(instance.value["InstanceCreateTime"]) if instance.value else None,
            objectives,
            now,
            [*_list_gaps(instance), *_list_source_gaps(timeline, OUTAGE_SOURCES)],
        )
    )
    levels.append(build_statement_level(objectives))
    levels.append(_build_deployment_level(timeline, month, now, outputs))
    backups = _read(lambda: read_backup_days(aws, outputs, instance.value, now))
    levels.append(build_backup_level(backups.value, month, objectives, _list_gaps(backups)))
    incidents: Sequence[IncidentSpan] = answers["incidents"].value or ()
    return SloReport(
        outputs,
        month,
        tuple(
            add_evidence(_add_gaps(level, metric_gaps), timeline.events, incidents)
            for level in levels
        ),
        tuple(incidents),
        tuple(_list_notes(outputs, timeline, answers)),
    )


def _read(read: Callable[[], Answer]) -> _Read:
    """What a read gives; why not if AWS refuses it."""
    try:
        return _Read(read())
    except (OpsError, ClientError) as error:
        return _Read(None, " ".join(str(error).split()))


def _list_gaps(*reads: _Read) -> list[str]:
    return [read.gap for read in reads if read.gap is not None]


def _add_gaps(level: ServiceLevel, metric_gaps: Sequence[str]) -> ServiceLevel:
    from dataclasses import replace

    is_measured = level.unit in ("requests", "minutes")
    return replace(level, gaps=(*level.gaps, *metric_gaps)) if is_measured else level


def _list_source_gaps(timeline: Timeline, sources: Sequence[SourceName]) -> list[str]:
    return [
        f"{gap.source}: {gap.reason}"
        for gap in timeline.gaps
        if gap.is_failure and gap.source in sources
    ]


def _build_deployment_level(
    timeline: Timeline, month: Month, now: datetime, outputs: Outputs
) -> ServiceLevel:
    expired = [gap for gap in timeline.gaps if not gap.is_failure and _tells_deployments(gap)]
    names = {gap.source for gap in expired}
    kept_since = {
        source.name: now - timedelta(days=source.days)
        for source in CHANGE_SOURCES
        if source.name in names and source.days is not None
    }
    return build_deployment_level(
        timeline.events,
        month,
        measure_kept_share(month, kept_since),
        outputs.alarms.objectives,
        _list_source_gaps(timeline, DEPLOYMENT_SOURCES),
        [f"{gap.source}: {gap.reason}" for gap in expired],
    )


def _tells_deployments(gap: SourceGap) -> bool:
    return gap.source in DEPLOYMENT_SOURCES


def _find_balancer_subject(outputs: Outputs) -> Subject | None:
    if outputs.load_balancer is None:
        return None
    return get_metric_part(outputs, "load-balancer").subjects[0]


def _read_balancer_creation(context: StackContext) -> datetime | None:
    balancer = context.outputs.load_balancer
    if balancer is None:
        return None
    answer: Any = context.aws.call(LOAD_BALANCERS_API, {"LoadBalancerArns": [balancer.arn]})
    return parse_aws_time(answer["LoadBalancers"][0]["CreatedTime"])


def _list_notes(outputs: Outputs, timeline: Timeline, answers: dict[str, _Read]) -> list[str]:
    notes: list[str] = []
    if outputs.alarms.objectives is None:
        notes.append("the stack does not publish its objectives yet: deploy it again")
    notes += [
        f"what happened may lack {gap.source}: {gap.reason}"
        for gap in timeline.gaps
        if gap.source not in DEPLOYMENT_SOURCES or gap.is_failure
    ]
    if answers["balancer"].gap is not None:
        notes.append(f"when the load balancer was created: {answers['balancer'].gap}")
    if answers["incidents"].gap is not None:
        notes.append(f"incidents: {answers['incidents'].gap}")
    return notes
