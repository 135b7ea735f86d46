"""`ops diagnose`: what is wrong, because of what, and the command that mends it."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Final

import typer

from ops.changes.program import HistoryProgramOption, resolve_history_program
from ops.cli.completion import complete_service_names
from ops.cli.context import require_page_path, write_report
from ops.cli.execution import load_stack_context
from ops.cli.render import Output
from ops.cli.time_span import FORMS_TEXT, TimeSpan, parse_time_span
from ops.cli.watch import WatchOption, repeat_look
from ops.core import clock
from ops.core.errors import FindingsError, UsageError
from ops.core.run_context import StackContext
from ops.core.times import format_local_and_utc
from ops.diagnose.diagnosis import Diagnosis, diagnose
from ops.diagnose.focus import Focus, parse_focus
from ops.diagnose.reader import DiagnosisRequest
from ops.diagnose.report import build_diagnosis_json, format_command, list_report_lines

app = typer.Typer(add_completion=False)
_LOOK_BACK: Final = "1h"
PAST_MINUTES: Final = 10  # a time that is asked about is past if it is longer ago than this


@app.command("diagnose")
def show_diagnosis(
    context: typer.Context,
    alarm: Annotated[
        str | None,
        typer.Argument(
            metavar="[ALARM|SYMPTOM]",
            help="only what explains an alarm, a part, or: slow, errors, down, connect, "
            "deployment, scaling",
            autocompletion=complete_service_names,
        ),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="TIME", help=f"what was wrong then: {FORMS_TEXT}"),
    ] = None,
    program: HistoryProgramOption = None,
    to: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="write an HTML page to this file, with the hour drawn"),
    ] = None,
    share: Annotated[
        bool, typer.Option("--share", help="write it to the timeline of the open incident")
    ] = False,
    watch: WatchOption = None,
) -> None:
    """Says what is wrong, since when, because of what, and the command that mends it.

    Reads alarms, health, metrics, logs, changes and the state of each part at once, and ranks the
    likely causes, each with its evidence and with what would refute it. Changes nothing; --share
    adds to an incident. Exit code 0 if nothing is wrong, 3 if something is, or may be.
    """
    require_page_path("--to", to)
    if watch is not None and (share or to is not None):
        raise UsageError("--watch must be without --share and --to")
    stack_context, output = load_stack_context(context)
    focus = parse_focus(stack_context.outputs, alarm)
    folder = resolve_history_program(program)
    _parse_span(at, clock.now())
    incident = None
    if share:
        from ops.diagnose.share import find_open_incident

        incident = find_open_incident(stack_context)

    def show() -> None:
        now = clock.now()
        span = _parse_span(at, now)
        is_past = now - span.until > timedelta(minutes=PAST_MINUTES)
        request = DiagnosisRequest(stack_context, span, now, is_past, folder)
        diagnosis = diagnose(request).select(focus)
        _print(output, stack_context, diagnosis, focus)
        if to is not None:
            from ops.diagnose.page import render_diagnosis_page

            name = focus.name if focus is not None else None
            write_report("--to", to, render_diagnosis_page(stack_context.outputs, diagnosis, name))
            output.print_note(f"wrote {to}")
        if incident is not None:
            from ops.diagnose.share import share_diagnosis

            share_diagnosis(stack_context, incident, diagnosis, now)
            output.print_note(f"added to {incident}")
        _require_healthy(stack_context, diagnosis)

    repeat_look(output, watch, show)


def _parse_span(at: str | None, now: datetime) -> TimeSpan:
    """The hour before the time that is asked about."""
    try:
        return parse_time_span(None, at, now, default=_LOOK_BACK)
    except UsageError as error:
        raise UsageError(str(error).replace("--until", "--at"), *error.advice) from None


def _print(
    output: Output, context: StackContext, diagnosis: Diagnosis, focus: Focus | None
) -> None:
    name = focus.name if focus is not None else None
    if output.output_format == "json":
        body = build_diagnosis_json(context.outputs, diagnosis)
        output.print_json(
            "diagnosis", {"stack": context.outputs.stack.stack, "about": name, **body}
        )
        return
    about = f", {name} only" if name is not None else ""
    end = "now" if diagnosis.span.is_until_now else format_local_and_utc(diagnosis.span.until)
    output.print_note(f"{context.outputs.stack.stack}, as it is {end}{about}")
    for line in list_report_lines(context.outputs, diagnosis):
        output.print_line(line.text, line.style)


def _require_healthy(context: StackContext, diagnosis: Diagnosis) -> None:
    """Raises FindingsError unless nothing is wrong, and nothing that may be was left unread."""
    if diagnosis.causes:
        count = len(diagnosis.causes)
        commands = dict.fromkeys(format_command(context.outputs, c) for c in diagnosis.causes[:3])
        text = f"{count} likely cause{'s' if count > 1 else ''}"
        raise FindingsError(text, *commands)
    if diagnosis.symptoms:
        raise FindingsError("something is wrong, and no cause was found", "ops health")
    failed = dict.fromkeys(gap.source for gap in diagnosis.gaps if gap.is_failure)
    if failed:
        raise FindingsError(f"not known: {', '.join(failed)} could not be read, or not whole")
