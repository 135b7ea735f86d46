"""What the parts write: kinds of errors, more of them than before, new ones since a deployment."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from ops.core.daemon_pool import DaemonPool
from ops.core.errors import UsageError
from ops.diagnose.error_shapes import find_error_kind
from ops.diagnose.facts import Facts
from ops.diagnose.reader import DiagnosisRequest, FactCollector
from ops.health.logs import POSTGRES_ERROR_PATTERN
from ops.logs.errors import build_error_filter
from ops.logs.lines import LineRequest, LogLine, read_lines
from ops.logs.parts import LogPart, PartKind, list_log_parts
from ops.logs.patterns import LineFilter
from ops.logs.shapes import ShapeGroup, group_by_shape

READ_KINDS: Final[frozenset[PartKind]] = frozenset({"service", "fleet", "database", "function"})
MAX_LINES_OF_PART: Final = 2000
MAX_PAGES_OF_PART: Final = 5  # each is up to a second: a big group is read in part, and said
PARTS_AT_ONCE: Final = 8
RECENT_ERROR_MINUTES: Final = 20
# What PostgreSQL writes beside errors that names a cause: waits for locks (log_lock_waits), and the
# warnings before transaction ids run out.
DATABASE_PATTERN: Final = (
    f'{POSTGRES_ERROR_PATTERN} ?"still waiting for" ?"must be vacuumed within"'
)
MORE_LEAST_COUNT: Final = 10  # errors of the last minutes
MORE_RATIO: Final = 3.0  # times as many a minute as before


def read_logs(request: DiagnosisRequest) -> Facts:
    """The errors of the hour that still come, by part and kind."""
    collector = FactCollector("logs")
    parts = [part for part in list_log_parts(request.outputs).values() if part.kind in READ_KINDS]
    deployed = _list_deployment_times(request)
    with DaemonPool(PARTS_AT_ONCE) as pool:
        for answer in pool.map(lambda part: _read_part(request, part, deployed), parts):
            collector.facts += answer.facts
            collector.gaps += answer.gaps
    return collector.build_facts()


def get_owner_part(part: LogPart) -> str:
    """The part of the stack that a part of the logs belongs to."""
    if part.kind == "database":
        return "database"
    if part.kind == "function":
        return "cache" if part.name.startswith("cache") else "database"
    return part.name


def build_part_filter(request: DiagnosisRequest, part: LogPart) -> LineFilter:
    """The filter of the lines of a part that may name a cause."""
    if part.kind == "database":
        return LineFilter(DATABASE_PATTERN)
    return build_error_filter(request.outputs, part)


def _read_part(request: DiagnosisRequest, part: LogPart, deployed: dict[str, datetime]) -> Facts:
    collector = FactCollector("logs")
    owner = get_owner_part(part)
    with collector.note_gap(f"the lines of {part.name}", owner):
        try:
            answer = read_lines(
                request.aws,
                LineRequest(
                    part,
                    request.span,
                    build_part_filter(request, part),
                    limit=MAX_LINES_OF_PART,
                    pages=MAX_PAGES_OF_PART,
                ),
            )
        except UsageError:
            if part.is_optional:
                return collector.build_facts()
            raise
        if answer.cut is not None:
            collector.note_reason(f"{part.name}: {answer.cut}", owner, is_failure=False)
        add_line_facts(collector, request, part, answer.lines, deployed.get(owner))
    return collector.build_facts()


def add_line_facts(
    collector: FactCollector,
    request: DiagnosisRequest,
    part: LogPart,
    lines: Sequence[LogLine],
    deployed_at: datetime | None,
) -> None:
    """The facts of a part's error lines: kinds, new shapes, more than before."""
    owner = get_owner_part(part)
    command = f"ops logs errors {part.name}"
    recent = request.at - timedelta(minutes=RECENT_ERROR_MINUTES)
    groups = [group for group in group_by_shape(lines) if _is_recent(group, recent)]
    by_kind: dict[str, list[ShapeGroup]] = defaultdict(list)
    for group in groups:
        kind = find_error_kind(group.last.message if group.last is not None else "")
        if kind is not None:
            by_kind[kind].append(group)
    for kind, members in by_kind.items():
        count = sum(group.count for group in members)
        collector.add(
            f"log.shape.{kind}",
            owner,
            f"{_describe_count(count)} like: {members[0].shape}",
            since=min(g.first.written_at for g in members if g.first is not None),
            value=float(count),
            subject=part.name,
            command=command,
        )
    for group in groups:
        if group.find_novelty(deployed_at, request.span.since) == "yes" and group.first:
            collector.add(
                "log.errors.new",
                owner,
                f"new since the last deployment, {_describe_count(group.count)}: {group.shape}",
                since=group.first.written_at,
                value=float(group.count),
                subject=part.name,
                command=command,
            )
            break
    _add_more(collector, request, owner, lines, command)


def _add_more(
    collector: FactCollector,
    request: DiagnosisRequest,
    owner: str,
    lines: Sequence[LogLine],
    command: str,
) -> None:
    recent = request.at - timedelta(minutes=RECENT_ERROR_MINUTES)
    late = [line for line in lines if line.written_at >= recent]
    minutes_before = max(1.0, (recent - request.span.since).total_seconds() / 60)
    usual = (len(lines) - len(late)) / minutes_before
    rate = len(late) / RECENT_ERROR_MINUTES
    if len(late) >= MORE_LEAST_COUNT and rate >= MORE_RATIO * usual:
        text = f"{_describe_count(len(late))} in {RECENT_ERROR_MINUTES} minutes"
        collector.add(
            "log.errors.more",
            owner,
            f"{text}, before {usual:.1f} a minute",
            since=late[0].written_at,
            value=float(len(late)),
            command=command,
        )


def _is_recent(group: ShapeGroup, recent: datetime) -> bool:
    return group.last is not None and group.last.written_at >= recent


def _describe_count(count: int) -> str:
    return f"{count} error line{'s' if count != 1 else ''}"


def _list_deployment_times(request: DiagnosisRequest) -> dict[str, datetime]:
    """When the last deployment of the hour began, by part."""
    times: dict[str, datetime] = {}
    for event in request.read_changes().events:
        if event.source in ("deployments", "refreshes") and " began" in event.what:
            times[event.part] = event.time
    return times
