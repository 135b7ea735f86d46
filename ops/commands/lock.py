"""`ops lock`: who changes the stack now."""

import time
from typing import Annotated

import typer

from ops import clock
from ops.commands.common import new_run, target
from ops.errors import UsageError
from ops.journal import Journal

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Who changes the stack now.")
COLUMNS = ("holder", "run", "reason", "since", "until")


@app.command()
def show(context: typer.Context) -> None:
    """Who holds the lock, why, since when and until when."""
    of, output = target(context)
    held = of.lock().held()
    output.rows("lock", COLUMNS, [_row(held.model_dump())] if held else [])


@app.command(name="break")
def break_(
    context: typer.Context,
    reason: Annotated[str, typer.Option(help="why; goes into the record")],
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
) -> None:
    """Takes the lock from whoever holds it. Recorded as a run of its own."""
    of, output = target(context)
    held = of.lock().held()
    if held is None:
        output.line("nobody holds the lock")
        return
    of.check_account()
    output.rows("lock", COLUMNS, [_row(held.model_dump())])
    if not yes:
        typer.confirm(
            "a run that is still at work would go on; break its lock?", abort=True, err=True
        )
    broken = of.lock().break_()
    if broken is None:
        raise UsageError("the lock changed hands meanwhile", "ops lock show")
    journal = Journal(of.lines(new_run("lock-break")))
    said = {"broken": broken.model_dump(), "reason": reason}
    journal.write("note", "lock", clock.pace().now(), said)
    output.line(f"the lock of {broken.run} is broken")


def _row(held: dict[str, object]) -> dict[str, object]:
    times = {k: _at(float(str(held[k]))) for k in ("since", "until")}
    return held | times


def _at(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
