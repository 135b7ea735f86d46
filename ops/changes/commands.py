"""`ops changes`: one timeline of what changed in the stack, and who did it."""

from typing import Annotated, Any, cast

import typer

from ops.changes.model import SourceName, Timeline, list_change_parts
from ops.changes.program import HistoryProgramOption, resolve_history_program
from ops.changes.timeline import SOURCE_NAMES, read_timeline
from ops.cli.completion import complete_service_names
from ops.cli.execution import load_stack_context
from ops.cli.time_span import SinceOption, TimeSpan, UntilOption, parse_time_span
from ops.cli.watch import WatchOption, repeat_look
from ops.core import clock
from ops.core.errors import FindingsError, UsageError
from ops.core.parts import find_part
from ops.core.times import format_local_second
from ops.outputs import Outputs

app = typer.Typer(add_completion=False)
_DEFAULT_SPAN = "1d"
COLUMNS = ("time", "source", "part", "by", "outcome", "what")


@app.command("changes")
def show_changes(
    context: typer.Context,
    since: SinceOption = None,
    until: UntilOption = None,
    by: Annotated[
        str | None,
        typer.Option(metavar="USER", help="only by users whose name contains this, in any case"),
    ] = None,
    part: Annotated[
        str | None,
        typer.Option(
            metavar="PART",
            help="only of this part: database, network, a service, ...",
            autocompletion=complete_service_names,
        ),
    ] = None,
    only: Annotated[
        str | None,
        typer.Option(
            metavar="SOURCES", help=f"only of these, separated by commas: {', '.join(SOURCE_NAMES)}"
        ),
    ] = None,
    program: HistoryProgramOption = None,
    watch: WatchOption = None,
) -> None:
    """Shows what changed in the stack in the last day, and who did it, the newest at the end.

    From runs of ops, Pulumi, ECS, Auto Scaling, RDS, secrets, alarms and CloudTrail, whose events
    are up to 15 minutes late. Exit code 3 if a source could not be read; it is named at the end.
    """
    stack_context, output = load_stack_context(context)
    names = _parse_sources(only)
    part = _parse_part(stack_context.outputs, part)
    if by is not None and not by.strip():
        raise UsageError(f"--by must be a part of a name, not {by!r}")
    folder = resolve_history_program(program)
    parse_time_span(since, until, clock.now(), default=_DEFAULT_SPAN)

    def show() -> None:
        span = parse_time_span(since, until, clock.now(), default=_DEFAULT_SPAN)
        timeline = read_timeline(stack_context, span, clock.now(), names=names, program=folder)
        selected = timeline.select(actor=by, part=part)
        if output.output_format == "json":
            output.print_json("changes", _build_json(span, selected))
        else:
            output.print_note(span.describe())
            if selected.events or not timeline.failed_sources:
                output.print_rows("changes", COLUMNS, map(_build_row, selected.events))
            else:
                output.print_line("no changes in what could be read: others are unknown", "yellow")
            if by is not None and "cloudtrail" not in timeline.sources:
                output.print_line("who did what is known by CloudTrail and runs alone")
            for gap in timeline.gaps:
                output.print_line(f"{gap.source}: {gap.reason}", "yellow" if gap.is_failure else "")
        if timeline.failed_sources:
            raise FindingsError(
                f"{len(timeline.failed_sources)} of {len(timeline.sources)} sources could not be "
                f"read, or not whole: {', '.join(timeline.failed_sources)}"
            )

    repeat_look(output, watch, show)


def _parse_sources(text: str | None) -> tuple[SourceName, ...]:
    if text is None:
        return SOURCE_NAMES
    words = [word.strip() for word in text.split(",")]
    if not words or not set(words) <= set(SOURCE_NAMES):
        raise UsageError(f"--only must be some of {', '.join(SOURCE_NAMES)}, not {text!r}")
    return cast(tuple[SourceName, ...], tuple(words))


def _parse_part(outputs: Outputs, text: str | None) -> str | None:
    """The part that --part names. Raises UsageError with those that there are."""
    parts = list_change_parts(outputs)
    if text is None or (part := find_part(parts, text)) is not None:
        return None if text is None else part
    raise UsageError(f"--part must be one of {', '.join(parts)}, not {text!r}")


def _build_row(event: Any) -> dict[str, object]:
    return {
        "time": format_local_second(event.time),
        "source": event.source,
        "part": event.part,
        "by": event.actor,
        "outcome": event.outcome,
        "what": event.what,
    }


def _build_json(span: TimeSpan, timeline: Timeline) -> dict[str, object]:
    return {
        **span.build_json(),
        "sources": list(timeline.sources),
        "notRead": [
            {"source": gap.source, "reason": gap.reason, "failed": gap.is_failure}
            for gap in timeline.gaps
        ],
        "items": [event.build_json() for event in timeline.events],
    }
