"""`ops logs`: the lines of the stack's parts, shown, searched, grouped and queried."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import typer

from ops.cli.context import load_stack
from ops.cli.time_span import SinceOption, TimeSpan, UntilOption
from ops.cli.watch import WatchOption, looking_command, repeat_look
from ops.core.errors import UsageError
from ops.core.times import format_local_and_utc, format_local_second
from ops.logs.commands.follow import follow_lines
from ops.logs.commands.options import (
    DeploymentOption,
    FieldOption,
    LimitOption,
    LogLook,
    PartArgument,
    PatternOption,
    ShapesOption,
    TaskOption,
    TextArgument,
    build_part_filter,
    open_look,
)
from ops.logs.commands.query import query_logs
from ops.logs.deployments import find_deployment_time
from ops.logs.errors import build_error_filter, read_trace
from ops.logs.lines import LogLine
from ops.logs.parts import build_console_link, list_log_parts
from ops.logs.patterns import LineFilter
from ops.logs.shapes import ShapeGroup, group_by_shape

app = typer.Typer(no_args_is_help=True, add_completion=False, help="The logs of the stack.")
app.command("query")(query_logs)
PART_COLUMNS = ("part", "source", "console")
GROUP_COLUMNS = ("count", "first", "last", "sources", "shape", "example")
ERROR_COLUMNS = ("count", "new", "first", "last", "sources", "shape", "example")
EXAMPLE_CHARACTERS = 300


@app.command("list")
@looking_command
def list_parts(context: typer.Context) -> None:
    """Lists the parts of the stack that write logs, where, and the console's page of each."""
    outputs, _, output = load_stack(context)
    rows = [
        {"part": part.name, "source": part.place, "console": build_console_link(outputs, part)}
        for part in list_log_parts(outputs).values()
    ]
    output.print_rows("logs-parts", PART_COLUMNS, rows)


@app.command("tail")
def tail_logs(
    context: typer.Context,
    part: PartArgument,
    text: TextArgument = None,
    since: SinceOption = None,
    until: UntilOption = None,
    field: FieldOption = None,
    pattern: PatternOption = None,
    task: TaskOption = None,
    deployment: DeploymentOption = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="then show lines as they come, until Ctrl-C")
    ] = False,
    poll: Annotated[
        bool, typer.Option("--poll", help="follow by reading every 5 s instead of by Live Tail")
    ] = False,
    limit: LimitOption = 100,
    watch: WatchOption = None,
) -> None:
    """Shows the newest lines of a part, as they are: of the last 10 minutes, of 1 with --follow.

    Live Tail is paid by the minute; the price is said when it begins.
    """
    if poll and not follow:
        raise UsageError("--poll must be with --follow")
    if follow and (until is not None or watch is not None):
        raise UsageError("--follow must be without --until and --watch: it has no end")
    look = open_look(context, part, task, deployment)
    line_filter = build_part_filter(look.part, text or (), field or (), pattern)
    look.parse_span(since, until, "10m")
    if follow:
        follow_lines(look, line_filter, since, is_polled=poll)
        return
    repeat_look(
        look.output, watch, lambda: _show_lines(look, line_filter, since, until, "10m", limit)
    )


@app.command("search")
def search_logs(
    context: typer.Context,
    part: PartArgument,
    text: TextArgument = None,
    since: SinceOption = None,
    until: UntilOption = None,
    field: FieldOption = None,
    pattern: PatternOption = None,
    task: TaskOption = None,
    deployment: DeploymentOption = None,
    limit: LimitOption = 1000,
    watch: WatchOption = None,
) -> None:
    """Shows the lines of the last hour that have a text, a field's value or match a pattern."""
    if not (text or field or pattern):
        raise UsageError("TEXT, --field or --pattern must be set: `ops logs tail` shows every line")
    look = open_look(context, part, task, deployment)
    line_filter = build_part_filter(look.part, text or (), field or (), pattern)
    look.parse_span(since, until, "1h")
    repeat_look(
        look.output, watch, lambda: _show_lines(look, line_filter, since, until, "1h", limit)
    )


@app.command("errors")
def show_errors(
    context: typer.Context,
    part: PartArgument,
    since: SinceOption = None,
    until: UntilOption = None,
    task: TaskOption = None,
    deployment: DeploymentOption = None,
    limit: LimitOption = 10_000,
    shapes: ShapesOption = 20,
    trace: Annotated[
        bool, typer.Option("--trace", help="show the newest of each group with its stack trace")
    ] = False,
    watch: WatchOption = None,
) -> None:
    """Groups the errors of the last hour by their shape: count, times, an example, new or not.

    New is what was not there before the last deployment; it is unknown if no line before that is
    in the time that is looked at.
    """
    look = open_look(context, part, task, deployment)
    line_filter = build_error_filter(look.outputs, look.part)

    def show() -> None:
        span = look.parse_span(since, until, "1h")
        request = look.build_request(span, line_filter, limit)
        deployed_at = find_deployment_time(look.aws, look.outputs, look.part)
        look.show_header(span)
        answer = look.read(request)
        read_since = span.since if answer.cut is None else _get_first_time(answer.lines, span)
        groups = group_by_shape(answer.lines)
        examples = {
            group.shape: read_trace(look.aws, request, group.last)
            for group in groups[:shapes]
            if trace and group.last is not None and look.part.group is not None
        }
        rows = [
            _build_group_row(group, look.output.output_format == "json", examples)
            | {"new": group.find_novelty(deployed_at, read_since)}
            for group in groups[:shapes]
        ]
        extra = {"deployedAt": deployed_at.isoformat() if deployed_at else None}
        _print_groups(
            look, "logs-errors", ERROR_COLUMNS, rows, look.build_json(span, answer) | extra
        )
        if deployed_at is not None:
            look.output.print_line(f"last deployment: {format_local_and_utc(deployed_at)}")
        for example in examples.values():
            look.output.print_text(f"\n{example.format_text()}")
        _show_hidden_groups(look, groups[shapes:])
        look.show_cut(answer)

    repeat_look(look.output, watch, show)


@app.command("top")
def show_top_messages(
    context: typer.Context,
    part: PartArgument,
    text: TextArgument = None,
    since: SinceOption = None,
    until: UntilOption = None,
    field: FieldOption = None,
    pattern: PatternOption = None,
    task: TaskOption = None,
    deployment: DeploymentOption = None,
    limit: LimitOption = 20_000,
    shapes: ShapesOption = 20,
    watch: WatchOption = None,
) -> None:
    """Groups all lines of the last 10 minutes by their shape, the most frequent first."""
    look = open_look(context, part, task, deployment)
    line_filter = build_part_filter(look.part, text or (), field or (), pattern)

    def show() -> None:
        span = look.parse_span(since, until, "10m")
        request = look.build_request(span, line_filter, limit)
        look.show_header(span)
        answer = look.read(request)
        groups = group_by_shape(answer.lines)
        is_json = look.output.output_format == "json"
        rows = [_build_group_row(group, is_json, {}) for group in groups[:shapes]]
        _print_groups(look, "logs-top", GROUP_COLUMNS, rows, look.build_json(span, answer))
        _show_hidden_groups(look, groups[shapes:])
        look.show_cut(answer)

    repeat_look(look.output, watch, show)


def _show_lines(
    look: LogLook,
    line_filter: LineFilter,
    since: str | None,
    until: str | None,
    default: str,
    limit: int,
) -> None:
    span = look.parse_span(since, until, default)
    request = look.build_request(span, line_filter, limit)
    look.show_header(span)
    answer = look.read(request)
    if look.output.output_format == "json":
        items = [line.build_row() for line in answer.lines]
        look.output.print_json("logs-lines", look.build_json(span, answer) | {"items": items})
    for line in answer.lines:
        look.output.print_text(line.format_text())
    if not answer.lines:
        look.output.print_line("no lines")
    look.show_cut(answer)


def _print_groups(
    look: LogLook,
    kind: str,
    columns: Sequence[str],
    rows: list[dict[str, Any]],
    fields: dict[str, object],
) -> None:
    if look.output.output_format == "json":
        look.output.print_json(kind, fields | {"items": rows})
    else:
        look.output.print_rows(kind, columns, rows)


def _build_group_row(
    group: ShapeGroup, is_json: bool, examples: dict[str, LogLine]
) -> dict[str, Any]:
    """A group. JSON has the whole example and times in UTC, a table a line and local times."""
    first, last = group.first, group.last
    assert first is not None
    assert last is not None
    row: dict[str, Any] = {"count": group.count, "sources": len(group.streams)}
    row["shape"] = group.shape
    example = examples.get(group.shape, last)
    if is_json:
        times = {"first": first.build_row()["time"], "last": last.build_row()["time"]}
        return row | times | {"example": example.message.rstrip("\n"), "stream": last.stream}
    for name, line in (("first", first), ("last", last)):
        row[name] = format_local_second(line.written_at)
    return row | {"example": example.message.strip().split("\n")[0][:EXAMPLE_CHARACTERS]}


def _show_hidden_groups(look: LogLook, groups: Sequence[ShapeGroup]) -> None:
    if groups:
        line_count = sum(group.count for group in groups)
        look.output.print_line(f"{len(groups)} more groups of {line_count} lines: --shapes")


def _get_first_time(lines: Iterable[LogLine], span: TimeSpan) -> Any:
    return min((line.written_at for line in lines), default=span.until)
