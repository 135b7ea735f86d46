"""`ops runs report` and `ops runs note`: a run told to somebody who was not there."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ops.cli.context import written
from ops.cli.execution import target
from ops.core import clock
from ops.core.errors import OpsError, UsageError
from ops.core.journal import Journal, LineTakenError
from ops.core.run import Target

app = typer.Typer(add_completion=False)
Run = Annotated[str, typer.Argument(help="the run's id, from `ops runs list`")]


@app.command("report")
def report(
    context: typer.Context,
    run: Run,
    to: Annotated[
        Path | None, typer.Option(metavar="FILE", help="an HTML page instead of lines")
    ] = None,
) -> None:
    """A run's steps: what became of each, how long it took and usually takes, what was noted."""
    from ops.runs.report import at, page
    from ops.runs.report import report as made_of

    of, output = target(context)
    made = made_of(_carried_out(of, run))
    if to is not None:
        written("--to", to, page(made))
        output.result("run-report", {"run": run, "report": str(to)})
        return
    rows = [
        {
            "step": f"{'undo: ' if line.back else ''}{line.says}",
            "state": line.state,
            "began": at(line.began) if line.began is not None else None,
            "seconds": round(line.took) if line.took is not None else None,
            "usual": line.usual,
            "source": line.source,
        }
        for line in made.lines
    ]
    if output.form == "json":
        whole = {k: v for k, v in asdict(made).items() if k not in ("plan", "lines")}
        output.data("run-report", {**whole, "command": made.plan.command, "items": rows})
        return
    output.line(f"{made.plan.command}, {made.state}; began {at(made.began)}", "bold")
    if made.why_back:
        output.line(f"turned back: {made.why_back}")
    output.rows("run-report", ("step", "state", "began", "seconds", "usual"), rows)
    for note in made.notes:
        output.line(f"note: {note}")


@app.command("note")
def note(
    context: typer.Context,
    run: Run,
    text: Annotated[str, typer.Argument(help="what should be known of it")],
) -> None:
    """Adds a line to the record of a run that has ended or stopped: for whoever reads it later."""
    of, output = target(context)
    of.check_account()
    journal = _carried_out(of, run)
    held = of.lock().held()
    if journal.ended is None and held is not None and held.run == run:
        raise UsageError(f"RUN is {run!r}, which is on its way", f"ops runs resume {run}")
    try:
        journal.write("note", "note", clock.pace().now(), text)
    except LineTakenError as error:
        raise OpsError(f"{run} is being carried on: {error}", f"ops runs show {run}") from None
    output.result("run-note", {"run": run, "note": text})


def _carried_out(of: Target, run: str) -> Journal:
    journal = Journal(of.lines(run))
    if not journal.records or journal.records[0].event != "plan":
        raise UsageError(f"RUN is {run!r}, which has no journal of a plan", "ops runs list")
    return journal
