"""`ops runs`: what was carried out, what stopped on its way, and how to go on or back."""

import time
from typing import Annotated

import typer

from ops.cli.context import chosen
from ops.cli.execution import DryRun, Yes, confirmed, runner, target
from ops.cli.render import Output
from ops.core.errors import UsageError
from ops.core.journal import Journal
from ops.core.run import Ground, Target, WallClock
from ops.runs.commands import report as runs_report

app = typer.Typer(no_args_is_help=True, add_completion=False, help="What was carried out.")
app.add_typer(runs_report.app)
Run = Annotated[str, typer.Argument(help="the run's id, from `ops runs list`")]
Longer = Annotated[
    float | None,
    typer.Option(
        "--timeout", min=1, metavar="MINUTES", help="limit of each wait from now on, not the plan's"
    ),
]


@app.command(name="list")
def list_(context: typer.Context, limit: Annotated[int, typer.Option(min=1)] = 20) -> None:
    """The newest runs: when, what, and how they ended."""
    of, output = target(context)
    rows = [_row(of, run) for run in of.runs()]
    rows.sort(key=lambda row: str(row["began"]), reverse=True)
    output.rows("runs", ("run", "began", "command", "state", "by"), rows[:limit])


@app.command("show")
def show(context: typer.Context, run: Run) -> None:
    """Every event of a run, as its journal has it."""
    of, output = _place(context, run)
    journal = _journal(of, run)
    rows: list[dict[str, object]] = [
        {"at": _at(r.at), "event": r.event, "step": r.step, "by": r.writer, "data": r.data}
        for r in journal.records
    ]
    output.rows("run", ("at", "event", "step", "by"), rows)


@app.command("resume")
def resume(context: typer.Context, run: Run, timeout: Longer = None) -> None:
    """Carries a run on that stopped on its way: it looks first, then acts."""
    of, output = _place(context, run)
    clock = WallClock()
    with clock.listening():
        ended = runner(of, clock, patience=timeout).resume(run)
    output.result("run", {"run": run, "state": ended})


@app.command("undo")
def undo(
    context: typer.Context,
    run: Run,
    timeout: Longer = None,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Turns a run back, the last step first. It cannot be turned forward again.

    A run that is done is turned back only while all is as it left it, and once that is agreed to.
    """
    of, output = _place(context, run)
    clock = WallClock()
    carrying = runner(of, clock, patience=timeout)
    engine = carrying.known(run)
    over = engine.journal.ended is not None
    if dry_run:
        output.undoing(run, engine.returning())
        return
    if over and not yes:
        Output("table", err=True).undoing(run, engine.returning())
        confirmed()
    with clock.listening():
        ended = carrying.undo(run)
    output.result("run", {"run": run, "state": ended})


def _place(context: typer.Context, run: str) -> tuple[Ground, Output]:
    """Where a run is recorded: with its stack, or on this machine where there was none yet."""
    from ops.bootstrap.context import RUNS, of_run

    if not run.startswith(RUNS):
        return target(context)
    selection, output = chosen(context)
    return of_run(run, selection.profile), output


def _journal(of: Ground, run: str) -> Journal:
    journal = Journal(of.lines(run))
    if not journal.records:
        raise UsageError(f"RUN is {run!r}, which has no journal", "ops runs list")
    return journal


def _row(of: Target, run: str) -> dict[str, object]:
    journal = _journal(of, run)
    first, ended = journal.records[0], journal.ended
    command, state = "ops lock break", "done"  # a note alone: there was nothing to carry out
    if (plan := journal.plan) is not None:
        command = plan.command
        going = "being undone" if journal.backwards else "unfinished"
        state = str(ended.data) if ended else going
    return {
        "run": run,
        "began": _at(first.at),
        "command": command,
        "state": state,
        "by": first.writer,
    }


def _at(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
