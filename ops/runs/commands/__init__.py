"""`ops runs`: what was carried out, what stopped on its way, and how to go on or back."""

import time
from pathlib import Path
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
from ops.recovery.rebuild import resolve_program_folder
from ops.runs.commands import report as runs_report

app = typer.Typer(no_args_is_help=True, add_completion=False, help="What was carried out.")
app.add_typer(runs_report.app)
RunArgument = Annotated[str, typer.Argument(help="the run's id, from `ops runs list`")]
WaitLimitOption = Annotated[
    float | None,
    typer.Option(
        "--timeout", min=1, metavar="MINUTES", help="limit of each wait from now on, not the plan's"
    ),
]
RunProgramOption = Annotated[
    Path | None,
    typer.Option(
        "--program",
        metavar="FOLDER",
        help="the stack's program, if the run deploys it; else the current folder",
    ),
]


@app.command(name="list")
def list_runs(context: typer.Context, limit: Annotated[int, typer.Option(min=1)] = 20) -> None:
    """The newest runs: when, what, and how they ended."""
    stack_context, output = load_stack_context(context)
    rows = [_build_row(stack_context, run) for run in stack_context.list_runs()]
    rows.sort(key=lambda row: str(row["began"]), reverse=True)
    output.print_rows("runs", ("run", "began", "command", "state", "by"), rows[:limit])


@app.command("show")
def show_run(context: typer.Context, run: RunArgument) -> None:
    """Every event of a run, as its journal has it."""
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
def resume_run(
    context: typer.Context,
    run: RunArgument,
    timeout: WaitLimitOption = None,
    program: RunProgramOption = None,
) -> None:
    """Carries a run on that stopped on its way: it looks first, then acts."""
    run_context, output = _load_run_context(context, run)
    clock = WallClock()
    runner = build_runner(
        run_context, clock, wait_limit_minutes=timeout, program=_resolve_program(program)
    )
    with clock.handle_interrupts():
        outcome = runner.resume(run)
    output.print_result("run", {"run": run, "state": outcome})


@app.command("undo")
def undo_run(
    context: typer.Context,
    run: RunArgument,
    timeout: WaitLimitOption = None,
    program: RunProgramOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
) -> None:
    """Turns a run back, the last step first. It cannot be turned forward again.

    A run that is done is turned back only while all is as it left it, and once that is agreed to.
    """
    run_context, output = _load_run_context(context, run)
    clock = WallClock()
    plan_runner = build_runner(
        run_context, clock, wait_limit_minutes=timeout, program=_resolve_program(program)
    )
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


def _resolve_program(program: Path | None) -> Path | None:
    """The program's folder; the current one if it holds a program. Raises UsageError."""
    if program is None:
        return Path.cwd() if Path("Pulumi.yaml").is_file() else None
    return resolve_program_folder(program)


def _load_run_context(context: typer.Context, run: str) -> tuple[RunContext, Output]:
    """Where a run is recorded: with its stack, or on this machine where there was none yet."""
    from ops.bootstrap.context import LOCAL_RUN_PREFIXES, load_account_context

    if not run.startswith(LOCAL_RUN_PREFIXES):
        return load_stack_context(context)
    selection, output = get_selection(context)
    return load_account_context(run, selection.profile), output


def _get_journal(run_context: RunContext, run: str) -> Journal:
    journal = Journal(run_context.get_journal_store(run))
    if not journal.records:
        raise UsageError(f"RUN is {run!r}, which has no journal", "ops runs list")
    return journal


def _build_row(stack_context: StackContext, run: str) -> dict[str, object]:
    journal = _get_journal(stack_context, run)
    first_record, end_record = journal.records[0], journal.end_record
    command, state = "ops lock break", "done"  # a note alone: there was nothing to carry out
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
