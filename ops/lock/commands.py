"""`ops lock`: who changes the stack now."""

import time
from typing import Annotated

import typer
from pydantic import TypeAdapter

from ops.cli.execution import Yes, confirmed, new_run, target
from ops.cli.render import Output
from ops.core import clock
from ops.core.errors import UsageError
from ops.core.journal import Journal
from ops.core.plan import State

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Who changes the stack now.")
COLUMNS = ("holder", "run", "reason", "since", "until")


@app.command("show")
def show(context: typer.Context) -> None:
    """Who holds the lock, why, since when and until when."""
    of, output = target(context)
    held = of.lock().held()
    output.rows("lock", COLUMNS, [_row(held.model_dump())] if held else [])


@app.command(name="break")
def break_(
    context: typer.Context,
    reason: Annotated[str, typer.Option(help="why; goes into the record")],
    yes: Yes = False,
) -> None:
    """Takes the lock from whoever holds it. Recorded as a run of its own.

    A run that is at work with it stops before its next change; what AWS is at goes on.
    """
    if not reason.strip():
        raise UsageError("--reason is empty, may be why the lock is broken")
    of, output = target(context)
    held = of.lock().held()
    if held is None:
        if output.form == "json":
            output.data("lock-break", {"broken": None, "holder": None, "run": None})
        output.line("nobody holds the lock")
        return
    of.check_account()
    if not yes:
        Output("table", err=True).rows("lock", COLUMNS, [_row(held.model_dump())])
        confirmed()
    run = new_run("lock-break")
    journal = Journal(of.lines(run))

    def noted(**said: object) -> None:
        data = {**said, "lock": held.model_dump(), "reason": reason}
        journal.write("note", "lock", clock.pace().now(), TypeAdapter(State).validate_python(data))

    noted(breaks=held.run)  # before it is done: a lock is never broken without a record
    if not of.lock().break_(held):
        noted(broken=None)
        raise UsageError("the lock changed hands meanwhile, and is not broken", "ops lock show")
    noted(broken=held.run)
    output.result("lock-break", {"broken": held.run, "holder": held.holder, "run": run})


def _row(held: dict[str, object]) -> dict[str, object]:
    times = {k: _at(float(str(held[k]))) for k in ("since", "until")}
    return held | times


def _at(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
