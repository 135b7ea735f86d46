"""All sources of changes, read at once, in one timeline."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from botocore.exceptions import ClientError

from ops.changes.cloudtrail import LOOKUP_API, NETWORK_READS, read_api_writes
from ops.changes.compute_sources import (
    read_deployments,
    read_refreshes,
    read_scaling,
    read_service_events,
)
from ops.changes.data_sources import (
    ALARM_HISTORY_API,
    CACHE_EVENTS_API,
    DB_EVENTS_API,
    read_alarm_history,
    read_cache_events,
    read_database_events,
    read_secret_changes,
)
from ops.changes.model import (
    ChangeSource,
    SourceAnswer,
    SourceGap,
    SourceName,
    SourceRequest,
    Timeline,
)
from ops.changes.run_sources import read_pulumi_updates, read_runs
from ops.cli.time_span import TimeSpan
from ops.core.daemon_pool import DaemonPool
from ops.core.errors import OpsError
from ops.core.run_context import StackContext
from ops.core.scaling_apis import (
    GROUP_ACTIVITIES_API,
    INSTANCE_REFRESHES_API,
    SCALING_ACTIVITIES_API,
)
from ops.outputs import Outputs


def _has_services(outputs: Outputs) -> bool:
    return outputs.services is not None and bool(outputs.services.services)


def _has_fleet(outputs: Outputs) -> bool:
    return outputs.fleet is not None


# How long each keeps what it knows: API references of DescribeScalingActivities (six weeks),
# DescribeEvents of RDS and ElastiCache (14 days), DescribeAlarmHistory (30 days), LookupEvents
# (90 days), ListServiceDeployments (90 days).
CHANGE_SOURCES: Final = (
    ChangeSource("runs", read_runs, ("s3.list_objects_v2", "s3.get_object")),
    ChangeSource("pulumi", read_pulumi_updates, ()),
    ChangeSource(
        "deployments",
        read_deployments,
        ("ecs.describe_services", "ecs.list_service_deployments"),
        90,
        _has_services,
    ),
    ChangeSource(
        "service-events", read_service_events, ("ecs.describe_services",), None, _has_services
    ),
    ChangeSource(
        "refreshes",
        read_refreshes,
        (INSTANCE_REFRESHES_API,),
        None,
        _has_fleet,
    ),
    ChangeSource(
        "scaling",
        read_scaling,
        (
            SCALING_ACTIVITIES_API,
            GROUP_ACTIVITIES_API,
        ),
        42,
        lambda outputs: _has_services(outputs) or _has_fleet(outputs),
    ),
    ChangeSource(
        "database", read_database_events, (DB_EVENTS_API, "rds.describe_db_snapshots"), 14
    ),
    ChangeSource(
        "cache",
        read_cache_events,
        (CACHE_EVENTS_API,),
        14,
        lambda outputs: outputs.cache is not None,
    ),
    ChangeSource("secrets", read_secret_changes, ("secretsmanager.describe_secret",)),
    ChangeSource("alarms", read_alarm_history, (ALARM_HISTORY_API,), 30),
    ChangeSource(
        "cloudtrail", read_api_writes, (LOOKUP_API, *(api for api, _, _ in NETWORK_READS)), 90
    ),
)
SOURCE_NAMES: Final = tuple(source.name for source in CHANGE_SOURCES)
CHANGE_APIS: Final = tuple(sorted({api for source in CHANGE_SOURCES for api in source.apis}))


def read_timeline(
    context: StackContext,
    span: TimeSpan,
    now: datetime,
    *,
    names: Sequence[SourceName] = SOURCE_NAMES,
    program: Path | None = None,
) -> Timeline:
    """Reads what happened to the stack in a span, from all sources at once, or those of `names`.

    Never raises for a source: what could not be read is a gap that names it. `program` is the
    folder of the stack's program, which Pulumi's history is read in.
    """
    sources = [
        source
        for source in CHANGE_SOURCES
        if source.name in names and source.exists(context.outputs)
    ]
    request = SourceRequest(context, span, now, program)
    with DaemonPool(max(1, len(sources))) as pool:
        answers = list(pool.map(lambda source: _read_source(source, request), sources))
    events = sorted(
        (event for answer in answers for event in answer.events), key=lambda event: event.time
    )
    return Timeline(
        span,
        tuple(source.name for source in sources),
        tuple(events),
        tuple(gap for answer in answers for gap in answer.gaps),
    )


def _read_source(source: ChangeSource, request: SourceRequest) -> SourceAnswer:
    """A source's answer; what it no longer has is not read, as some refuse to be asked for it."""
    expired: tuple[SourceGap, ...] = ()
    if source.days is not None:
        kept_since = request.now - timedelta(days=source.days)
        if request.span.since < kept_since:
            reason = f"kept for {source.days} days only"
            expired = (SourceGap(source.name, reason, is_failure=False),)
        if request.span.until <= kept_since:
            return SourceAnswer(gaps=expired)
    try:
        answer = source.read(request)
    except (OpsError, ClientError) as error:
        text = " ".join(str(error).split())
        return SourceAnswer(gaps=(SourceGap(source.name, f"could not be read: {text}"),))
    return replace(answer, gaps=(*answer.gaps, *expired))
