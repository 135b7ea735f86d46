"""`ops metrics`: what CloudWatch measured of a part, now, yesterday and last week."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from ops.cli.completion import complete_service_names
from ops.cli.context import load_stack
from ops.cli.durations import build_duration_option, format_typed_duration
from ops.cli.render import Output
from ops.cli.time_span import SinceOption, TimeSpan, UntilOption, parse_time_span
from ops.cli.watch import WatchOption, repeat_look
from ops.core import clock
from ops.core.aws import Aws
from ops.core.console_links import build_dashboard_link
from ops.core.errors import UsageError
from ops.core.metrics import METRIC_DATA_API
from ops.core.times import format_local_and_utc, format_utc
from ops.health.cache import REPLICATION_GROUPS_API
from ops.metrics.chart import can_draw_blocks, draw_chart
from ops.metrics.parts import (
    MetricPart,
    MetricRow,
    get_metric_part,
    list_subjects,
    require_metric,
    select_rows,
)
from ops.metrics.periods import (
    COMPARED_DAYS,
    MAX_DAYS,
    ReadSpan,
    build_read_span,
    choose_period,
    count_settled,
    get_shortest_period,
)
from ops.metrics.series import Summary, Values, read_spans, summarize
from ops.metrics.units import format_change, format_value
from ops.outputs import Outputs

app = typer.Typer(add_completion=False)
_DEFAULT_SPAN = "1h"
MAX_PERIOD_MINUTES = 24 * 60
WHOLE_NAMES = {"count": "total", "rate": "mean", "level": "mean"}


@dataclass(frozen=True)
class _Look:
    """What a look needs: the stack, what is asked of it, and the printer."""

    outputs: Outputs
    aws: Aws
    output: Output
    part: MetricPart
    metric: str | None
    stat: str | None
    period_seconds: int | None
    has_comparison: bool


@dataclass(frozen=True)
class _RowResult:
    """A row: its values, what they come to, and what the same hours came to before, by name."""

    row: MetricRow
    values: Values
    summary: Summary
    before: dict[str, float | None]

    @property
    def whole_name(self) -> str:
        """How `overall` is computed from the values: total, mean or median."""
        if self.row.fact.measure != "gauge":
            return WHOLE_NAMES[self.row.fact.measure]
        return "mean" if self.row.stat == "Average" else "median"


@app.command("metrics")
def show_metrics(
    context: typer.Context,
    part: Annotated[
        str,
        typer.Argument(
            metavar="PART",
            help="load-balancer, services or one of them, fleet, database or a replica, cache, "
            "nat, functions or one of them, or all",
            autocompletion=complete_service_names,
        ),
    ],
    metric: Annotated[
        str | None,
        typer.Argument(metavar="[METRIC]", help="only this one, by its name here or in CloudWatch"),
    ] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    period: Annotated[
        float | None,
        build_duration_option(
            "--period",
            text="the time that each value covers",
            minimum=1,
            maximum=MAX_PERIOD_MINUTES,
            whole=True,
        ),
    ] = None,
    stat: Annotated[
        str | None,
        typer.Option(metavar="STATISTIC", help="Average, Sum, Minimum, Maximum, SampleCount, p95"),
    ] = None,
    compare: Annotated[
        bool,
        typer.Option(
            "--compare/--no-compare", help="compare with the same hours of yesterday and last week"
        ),
    ] = True,
    watch: WatchOption = None,
) -> None:
    """Shows what CloudWatch measured of a part in the last hour, beside yesterday and last week.

    A gap in the chart is no data: not known, and not zero. The newest periods, whose values may
    still come, are in the chart and in `latest` alone.
    """
    outputs, aws, output = load_stack(context, (METRIC_DATA_API, REPLICATION_GROUPS_API))
    metric_part = get_metric_part(outputs, part)
    require_metric(metric_part, metric, stat)
    period_seconds = None if period is None else round(period * 60)
    look = _Look(outputs, aws, output, metric_part, metric, stat, period_seconds, compare)
    _parse_span(look, since, until)
    repeat_look(output, watch, lambda: _show(look, *_parse_span(look, since, until)))


def _parse_span(look: _Look, since: str | None, until: str | None) -> tuple[TimeSpan, ReadSpan]:
    """Raises UsageError if --since, --until and --period do not go together."""
    now = clock.now()
    span = parse_time_span(since, until, now, default=_DEFAULT_SPAN)
    if (now - span.since).days >= MAX_DAYS:
        raise UsageError(
            f"--since must be within {MAX_DAYS} days, as CloudWatch keeps metrics no longer, not "
            f"{format_local_and_utc(span.since)}"
        )
    return span, build_read_span(span, choose_period(span, now, look.period_seconds))


def _show(look: _Look, span: TimeSpan, read_span: ReadSpan) -> None:
    now = clock.now()
    rows = select_rows(
        look.part, list_subjects(look.aws, look.outputs, look.part), look.metric, look.stat
    )
    befores = [
        (name, read_span.move_back(days))
        for name, days in COMPARED_DAYS
        if look.has_comparison
        and get_shortest_period(read_span.move_back(days).since, now) <= read_span.period
    ]
    answers = read_spans(look.aws, rows, [read_span, *(before for _, before in befores)])
    settled = count_settled(read_span, now)
    results = [
        _RowResult(
            row,
            answers[0][row],
            summarize(row, answers[0][row], settled),
            {
                name: summarize(row, answer[row], settled).whole
                for (name, _), answer in zip(befores, answers[1:], strict=True)
            },
        )
        for row in rows
    ]
    link = build_dashboard_link(look.outputs, look.part.dashboard)
    period_text = format_typed_duration(read_span.period, "s")
    look.output.print_note(f"{look.part.name}, {span.describe()}, values of {period_text}")
    if link is not None:
        look.output.print_note(link)
    if look.output.output_format == "json":
        fields = {"part": look.part.name, "console": link, **_build_span_json(read_span, settled)}
        items = [_build_json_item(result, read_span) for result in results]
        look.output.print_json("metrics", fields | {"items": items})
        return
    columns, cells = _build_table(look, results)
    look.output.print_rows("metrics", columns, cells)
    for note in _list_notes(look, results, read_span, settled, {name for name, _ in befores}):
        look.output.print_line(note)


def _build_span_json(span: ReadSpan, settled: int) -> dict[str, object]:
    return {
        "since": format_utc(span.since.timestamp()),
        "until": format_utc(span.until.timestamp()),
        "periodSeconds": span.period,
        "periods": span.count,
        "settledPeriods": settled,
    }


def _build_table(
    look: _Look, results: Sequence[_RowResult]
) -> tuple[list[str], list[dict[str, Any]]]:
    has_subjects = len({result.row.subject for result in results}) > 1
    before_names = [name for name, _ in COMPARED_DAYS] if look.has_comparison else []
    columns = [
        *(["of"] if has_subjects else []),
        *("metric", "stat", "latest", "overall", "low", "high", *before_names, "chart"),
    ]
    has_blocks = can_draw_blocks()
    cells: list[dict[str, Any]] = []
    for result in results:
        unit, summary = result.row.fact.unit, result.summary
        overall = format_value(summary.whole, unit)
        cell = {
            "of": result.row.subject.label,
            "metric": result.row.fact.name,
            "stat": result.row.stat,
            "latest": format_value(summary.latest, unit),
            "overall": overall if summary.whole is None else f"{overall} {result.whole_name}",
            "low": format_value(summary.low, unit),
            "high": format_value(summary.high, unit),
            "chart": draw_chart(result.values, has_blocks=has_blocks),
        }
        for name in before_names:
            cell[name] = format_change(summary.whole, result.before.get(name), unit)
        cells.append(cell)
    return columns, cells


def _list_notes(
    look: _Look,
    results: Sequence[_RowResult],
    span: ReadSpan,
    settled: int,
    compared_names: set[str],
) -> list[str]:
    notes: list[str] = []
    if settled < span.count:
        notes.append(
            f"the last {span.count - settled} of {span.count} periods are in the chart and in "
            "`latest` alone: their values may still come"
        )
    silent_names = dict.fromkeys(
        result.row.fact.name
        for result in results
        if result.row.fact.is_silent_at_zero and None in result.values
    )
    if silent_names:
        notes.append(
            f"no data of {', '.join(silent_names)}: AWS sends these only if there was at least "
            "one, so zero and not reported look the same"
        )
    slow = {result.row.fact.period for result in results if result.row.fact.period > span.period}
    if slow:
        notes.append(
            f"some are measured every {format_typed_duration(max(slow), 's')} only: --period "
            f"{format_typed_duration(max(slow), 's')} leaves no gaps"
        )
    left_out = [name for name, _ in COMPARED_DAYS if look.has_comparison]
    for name in left_out:
        if name not in compared_names:
            notes.append(
                f"{name} has no values of {format_typed_duration(span.period, 's')} any more: "
                "set a longer --period"
            )
    return notes


def _build_json_item(result: _RowResult, span: ReadSpan) -> dict[str, Any]:
    row, summary = result.row, result.summary
    return {
        "of": row.subject.label,
        "metric": row.fact.name,
        "namespace": row.fact.namespace,
        "awsName": row.fact.aws_name,
        "dimensions": dict(row.subject.dimensions),
        "stat": row.stat,
        "unit": row.fact.unit,
        "silentAtZero": row.fact.is_silent_at_zero,
        "latest": summary.latest,
        "overall": summary.whole,
        "overallIs": result.whole_name,
        "low": summary.low,
        "high": summary.high,
        "yesterday": result.before.get("yesterday"),
        "lastWeek": result.before.get("last week"),
        "values": [
            {"time": format_utc(time.timestamp()), "value": value}
            for time, value in zip(span.list_times(), result.values, strict=True)
        ],
    }
