"""`ops runs`: past and unfinished runs, resume and undo."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from ops.cli.context import get_selection
from ops.cli.durations import build_duration_option
from ops.cli.execution import (
    CHANGE_PANEL,
    DetailsOption,
    DryRunOption,
    ExpectOption,
    YesOption,
    build_runner,
    confirm_continuation,
    load_stack_context,
)
from ops.cli.render import Output, format_duration
from ops.cli.watch import looking_command
from ops.core.continuation import Continuation, build_continuation
from ops.core.errors import UsageError
from ops.core.journal import Journal, JournalUnreadableError
from ops.core.plan import Plan
from ops.core.plan_kind import PlanKind
from ops.core.run import WallClock
from ops.core.run_context import RunContext, StackContext
from ops.core.times import format_utc
from ops.recovery.rebuild import resolve_program_folder
from ops.runs.commands import report as runs_report

app = typer.Typer(no_args_is_help=True, add_completion=False, help="What was carried out.")
app.add_typer(runs_report.app)
DRILL_KIND: Final[PlanKind] = "recover drill"  # whose end says whether its objectives are met
RUN_COLUMNS = ("run", "began", "ended", "took", "command", "state", "by", "reason")
RunArgument = Annotated[str, typer.Argument(help="the run's id, from `ops runs list`")]
WaitLimitOption = Annotated[
    float | None,
    build_duration_option(
        "--timeout",
        minimum=1,
        text="limit of each wait from now on; default: the plan's own",
        panel=CHANGE_PANEL,
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
@looking_command
def list_runs(context: typer.Context, limit: Annotated[int, typer.Option(min=1)] = 20) -> None:
    """The newest runs: when, what, by whom and why, and how they ended."""
    stack_context, output = load_stack_context(context)
    rows = [_build_row(stack_context, run) for run in stack_context.list_runs()]
    rows.sort(key=lambda row: str(row["began"]), reverse=True)
    output.print_rows("runs", RUN_COLUMNS, rows[:limit])


@app.command("show")
@looking_command
def show_run(context: typer.Context, run: RunArgument) -> None:
    """Shows every event in a run's journal."""
    run_context, output = _load_run_context(context, run)
    journal = _get_journal(run_context, run)
    rows: list[dict[str, object]] = [
        {
            "at": format_utc(record.timestamp),
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
    dry_run: DryRunOption = False,
    expect: ExpectOption = None,
    yes: YesOption = False,
    details: DetailsOption = False,
) -> None:
    """Carries a run on that stopped on its way, once what is left of it is agreed to.

    It looks first, then acts. Exit code 2 if the run was undone, 3 if it is a drill that missed its
    objectives.
    """
    options = _RunOptions(timeout, program, dry_run, expect, yes, details)
    _continue_run(context, run, options, undo=False)


@app.command("undo")
def undo_run(
    context: typer.Context,
    run: RunArgument,
    timeout: WaitLimitOption = None,
    program: RunProgramOption = None,
    dry_run: DryRunOption = False,
    expect: ExpectOption = None,
    yes: YesOption = False,
    details: DetailsOption = False,
) -> None:
    """Undoes a run, the last step first, once that is agreed to. It cannot go forward again.

    A finished run is undone only while everything is as it left it. A database that services use is
    never deleted.
    """
    options = _RunOptions(timeout, program, dry_run, expect, yes, details)
    _continue_run(context, run, options, undo=True)


@dataclass(frozen=True)
class _RunOptions:
    timeout: float | None
    program: Path | None
    dry_run: bool
    expect: str | None
    yes: bool
    details: bool


def _continue_run(context: typer.Context, run: str, options: _RunOptions, *, undo: bool) -> None:
    """Shows what is left, has it agreed to, and carries it out."""
    from ops.runs.verification import require_deletions_allowed, require_trusted_plan

    run_context, output = _load_run_context(context, run)
    clock = WallClock()
    runner = build_runner(
        run_context,
        clock,
        wait_limit_minutes=options.timeout,
        program=_resolve_program(options.program),
    )
    engine = runner.get_engine(run)
    require_trusted_plan(engine.plan, run_context)
    continuation = build_continuation(engine, undo=undo)
    is_over = engine.journal.end_record is not None and not (undo and continuation.steps)
    if options.dry_run:
        output.print_continuation(continuation, details=options.details)
        return
    if not is_over:
        require_deletions_allowed(continuation, run_context)
        shown = Output("table", to_stderr=True) if output.output_format == "json" else output
        confirm_continuation(
            continuation,
            shown,
            yes=options.yes,
            expect=options.expect,
            protect=run_context.protect,
            details=options.details,
        )
    with clock.handle_interrupts():
        if undo:
            runner.undo(run, continuation)
            output.print_result("run", _build_undo_result(run, continuation))
            return
        with _explain_failure(run_context, engine.plan):
            state = runner.resume(run, continuation)
    if engine.plan.kind == DRILL_KIND and isinstance(run_context, StackContext):
        from ops.recovery.commands.drill import report_drill

        report_drill(run_context, output, run)
        return
    output.print_result("run", {"run": run, "state": state})


def _explain_failure(run_context: RunContext, plan: Plan) -> AbstractContextManager[None]:
    """Adds to the error of a run of a stack why tasks of its services stopped."""
    if not isinstance(run_context, StackContext):
        return nullcontext()
    from ops.services.command_task import RUN_KIND
    from ops.services.scale_failure import explain_failed_services

    if plan.kind == RUN_KIND:
        from ops.services.commands.run import explain_command_failure

        return explain_command_failure(run_context, plan)
    return explain_failed_services(run_context.aws, run_context.outputs, plan)


def _build_undo_result(run: str, continuation: Continuation) -> dict[str, object]:
    """What was undone, and what stays because nothing undoes it."""
    state = "stopped, nothing was undone"
    if continuation.steps or not continuation.kept:
        state = "undone"
    stays = {"stays": continuation.kept} if continuation.kept else {}
    return {"run": run, "state": state, **stays}


def _resolve_program(program: Path | None) -> Path | None:
    """The program's folder; the current one if it holds a program. Raises UsageError."""
    if program is None:
        return Path.cwd() if Path("Pulumi.yaml").is_file() else None
    return resolve_program_folder(program)


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
    """A run on a line; one whose journal cannot be read is named, and stops nobody."""
    try:
        journal = _get_journal(stack_context, run)
        plan = journal.plan
    except JournalUnreadableError as error:
        return {"run": run, "began": "-", "state": f"unreadable: {error}"}
    first_record, end_record = journal.records[0], journal.end_record
    command, state = "ops lock break", "done"  # a note alone: there was nothing to carry out
    if plan is not None:
        command = plan.command
        running_state = "being undone" if journal.is_undoing else "unfinished"
        state = str(end_record.data) if end_record else running_state
    return {
        "run": run,
        "began": format_utc(first_record.timestamp),
        "ended": format_utc(end_record.timestamp) if end_record else None,
        "took": format_duration(end_record.timestamp - first_record.timestamp)
        if end_record
        else None,
        "command": command,
        "state": state,
        "by": plan.started_by or None if plan else None,
        "reason": plan.reason or None if plan else None,
    }
