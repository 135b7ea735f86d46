"""`ops runs`: past and unfinished runs, resume and undo."""

import time
from typing import Annotated

import typer

from ops.cli.context import get_selection
from ops.cli.execution import (
    DryRunOption,
    YesOption,
    ask_confirmation,
    build_runner,
    load_stack_context,
)
from ops.cli.render import Output
from ops.core.errors import UsageError
from ops.core.journal import Journal
from ops.core.run import RunContext, StackContext, WallClock
from ops.runs.commands.report import app as report_app

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Past and unfinished runs.")
app.add_typer(report_app)
RunArgument = Annotated[str, typer.Argument(help="the run's id, from `ops runs list`")]
WaitLimitOption = Annotated[
    float | None,
    typer.Option(
        "--timeout",
        min=1,
        metavar="MINUTES",
        help="limit of each wait from now on; default: the plan's own",
    ),
]


@app.command(name="list")
def list_runs(context: typer.Context, limit: Annotated[int, typer.Option(min=1)] = 20) -> None:
    """Lists the newest runs: start, command, state and who ran them."""
    stack_context, output = load_stack_context(context)
    rows = [_build_row(stack_context, run) for run in stack_context.list_runs()]
    rows.sort(key=lambda row: str(row["began"]), reverse=True)
    output.print_rows("runs", ("run", "began", "command", "state", "by"), rows[:limit])


@app.command("show")
def show_run(context: typer.Context, run: RunArgument) -> None:
    """Shows every event in a run's journal."""
    run_context, output = _load_run_context(context, run)
    journal = _get_journal(run_context, run)
    rows: list[dict[str, object]] = [
        {
            "at": _format_timestamp(record.timestamp),
            "event": record.event,
            "step": record.step,
            "by": record.writer,
            "data": record.data,
        }
        for record in journal.records
    ]
    output.print_rows("run", ("at", "event", "step", "by"), rows)


@app.command("resume")
def resume_run(context: typer.Context, run: RunArgument, timeout: WaitLimitOption = None) -> None:
    """Resumes an unfinished run: checks what is done, then does the rest."""
    run_context, output = _load_run_context(context, run)
    clock = WallClock()
    with clock.handle_interrupts():
        outcome = build_runner(run_context, clock, wait_limit_minutes=timeout).resume(run)
    output.print_result("run", {"run": run, "state": outcome})


@app.command("undo")
def undo_run(
    context: typer.Context,
    run: RunArgument,
    timeout: WaitLimitOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
) -> None:
    """Undoes a run, last step first. An undone run cannot be resumed.

    A completed run can be undone only while everything is as it left it; it asks first.
    """
    run_context, output = _load_run_context(context, run)
    clock = WallClock()
    plan_runner = build_runner(run_context, clock, wait_limit_minutes=timeout)
    engine = plan_runner.get_engine(run)
    has_ended = engine.journal.end_record is not None
    if dry_run:
        output.print_undo(run, engine.list_undo_steps())
        return
    if has_ended and not yes:
        Output("table", to_stderr=True).print_undo(run, engine.list_undo_steps())
        ask_confirmation()
    with clock.handle_interrupts():
        outcome = plan_runner.undo(run)
    output.print_result("run", {"run": run, "state": outcome})


def _load_run_context(context: typer.Context, run: str) -> tuple[RunContext, Output]:
    """Loads the context that has the run's journal: the stack, or this machine for a bootstrap."""
    from ops.bootstrap.context import LOCAL_RUN_PREFIXES, load_account_context

    if not run.startswith(LOCAL_RUN_PREFIXES):
        return load_stack_context(context)
    selection, output = get_selection(context)
    return load_account_context(run, selection.profile), output


def _get_journal(run_context: RunContext, run: str) -> Journal:
    journal = Journal(run_context.get_journal_store(run))
    if not journal.records:
        raise UsageError(f"RUN is {run!r}, but no run has that id", "ops runs list")
    return journal


def _build_row(stack_context: StackContext, run: str) -> dict[str, object]:
    journal = _get_journal(stack_context, run)
    first_record, end_record = journal.records[0], journal.end_record
    command, state = "ops lock break", "done"  # a note alone: there is no plan
    if (plan := journal.plan) is not None:
        command = plan.command
        running_state = "being undone" if journal.is_undoing else "unfinished"
        state = str(end_record.data) if end_record else running_state
    return {
        "run": run,
        "began": _format_timestamp(first_record.timestamp),
        "command": command,
        "state": state,
        "by": first_record.writer,
    }


def _format_timestamp(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
