"""`ops runs report` and `ops runs note`: a run's steps, times and notes."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ops.cli.context import write_report
from ops.cli.execution import load_stack_context
from ops.cli.watch import looking_command
from ops.core import clock
from ops.core.errors import OpsError, UsageError
from ops.core.journal import Journal, LineTakenError
from ops.core.run_context import StackContext

app = typer.Typer(add_completion=False)
RunArgument = Annotated[str, typer.Argument(help="the run's id, from `ops runs list`")]


@app.command("report")
@looking_command
def report_run(
    context: typer.Context,
    run: RunArgument,
    to: Annotated[
        Path | None, typer.Option(metavar="FILE", help="write an HTML page to this file")
    ] = None,
) -> None:
    """Reports a run's steps: state, time taken, usual time, and the notes."""
    from ops.runs.report import build_run_report, format_timestamp, render_run_page

    stack_context, output = load_stack_context(context)
    run_report = build_run_report(_get_journal(stack_context, run))
    if to is not None:
        write_report("--to", to, render_run_page(run_report))
        output.print_result("run-report", {"run": run, "report": str(to)})
        return
    rows = [
        {
            "step": f"{'undo: ' if line.back else ''}{line.says}",
            "state": line.state,
            "began": format_timestamp(line.began) if line.began is not None else None,
            "seconds": round(line.took) if line.took is not None else None,
            "usual": line.usual,
            "source": line.source,
        }
        for line in run_report.lines
    ]
    if output.output_format == "json":
        report_fields = {k: v for k, v in asdict(run_report).items() if k not in ("plan", "lines")}
        output.print_json(
            "run-report", {**report_fields, "command": run_report.plan.command, "items": rows}
        )
        return
    output.print_line(
        f"{run_report.plan.command}, {run_report.state}; began "
        f"{format_timestamp(run_report.began)}",
        "bold",
    )
    if run_report.why_back:
        output.print_line(f"undone because: {run_report.why_back}")
    output.print_rows("run-report", ("step", "state", "began", "seconds", "usual"), rows)
    for note in run_report.notes:
        output.print_line(f"note: {note}")


@app.command("note")
def add_run_note(
    context: typer.Context,
    run: RunArgument,
    text: Annotated[str, typer.Argument(help="the note")],
) -> None:
    """Adds a note to the journal of a run that has ended or stopped."""
    stack_context, output = load_stack_context(context)
    stack_context.check_account()
    journal = _get_journal(stack_context, run)
    lock_record = stack_context.lock().find_record()
    if journal.end_record is None and lock_record is not None and lock_record.run == run:
        raise UsageError(f"RUN is {run!r}, which is still in progress", f"ops runs resume {run}")
    try:
        journal.write_record("note", "note", clock.get_clock_rate().now(), text)
    except LineTakenError as error:
        raise OpsError(
            f"{run} has been resumed by another process: {error}", f"ops runs show {run}"
        ) from None
    output.print_result("run-note", {"run": run, "note": text})


def _get_journal(stack_context: StackContext, run: str) -> Journal:
    journal = Journal(stack_context.get_journal_store(run))
    if not journal.records or journal.records[0].event != "plan":
        raise UsageError(f"RUN is {run!r}, but no run with a plan has that id", "ops runs list")
    return journal
