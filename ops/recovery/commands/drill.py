"""`ops recover drill` and `drills`: the monthly proof that the database can be restored in time."""

from pathlib import Path
from typing import Annotated

import typer

from ops.cli.execution import (
    ExecutionOptions,
    execute_plan,
    load_stack_context,
    mutating_command,
    new_run_id,
)
from ops.core import clock
from ops.core.errors import FindingsError, OpsError, UsageError
from ops.core.journal import Journal
from ops.database import replicas
from ops.database.sql.contents import parse_heartbeat
from ops.recovery import drill as drilling
from ops.recovery import drill_history as drills
from ops.recovery import restore as restoring
from ops.recovery.commands.options import Ask, Size, Via, asked_of
from ops.recovery.restore import Wanted

app = typer.Typer(add_completion=False)
Page = Annotated[
    Path | None, typer.Option(metavar="FILE", help="an HTML page with a chart of all drills")
]


@app.command("drill")
@mutating_command
def drill(
    context: typer.Context,
    rto: Annotated[
        float, typer.Option(min=1, max=1440, metavar="MINUTES", help="until a query is answered")
    ] = drills.RTO,
    rpo: Annotated[
        float, typer.Option(min=1, max=1440, metavar="MINUTES", help="of writes that may be lost")
    ] = drills.RPO,
    heartbeat: Annotated[
        str | None, typer.Option(metavar="TABLE.COLUMN", help="times that are written all the time")
    ] = None,
    size: Size = None,
    sql: Ask = None,
    via: Via = None,
    to: Page = None,
    *,
    how: ExecutionOptions,
) -> None:
    """Restores the database beside itself, looks at it, measures, and deletes it again.

    Exit code 3 where an objective is missed, or it was slower than those before.
    """
    beats = parse_heartbeat(heartbeat)
    _writable(to)
    of, output = load_stack_context(context)
    run = new_run_id(drills.RUN)
    source = replicas.get_instance_description(of.aws, of.outputs)
    restoring.window(of.aws, of.outputs, source)
    asked = asked_of(of.outputs, sql, via)
    if beats is not None and not asked:
        raise UsageError("--heartbeat is set, and there is no way to the database: see --via")
    name = restoring.named(of.outputs, None, run)
    wanted = Wanted(name, size, asked, via, lasts=False)
    restoring.room(of.aws, of.outputs, wanted)
    plan = drilling.drill(of.outputs, source, wanted, beats, run, clock.now(), rto, rpo)
    try:
        if not execute_plan(plan, of, output, how):
            return
    except OpsError as error:
        if (
            Journal(of.get_journal_store(run)).end_record is not None
        ):  # undone: that is a result too
            drills.record(of, drills.of_journal(Journal(of.get_journal_store(run))))
        raise error
    made = drills.record(of, drills.of_journal(Journal(of.get_journal_store(run))))
    before = [one for one in drills.history(of) if one.run != run]
    slower = drills.regression(made, before)
    if to is not None:
        _write(to, [*before, made])
    if output.output_format == "json":
        output.print_json("recover-drill", {**made.model_dump(), "regression": slower or None})
    else:
        output.print_result("recover-drill", made.row())
    if made.why or slower:
        raise FindingsError("; ".join([*made.why, *([slower] if slower else [])]))


@app.command(name="drills")
def drills_(context: typer.Context, to: Page = None) -> None:
    """All drills, the newest first, and what kept each from its objectives."""
    _writable(to)
    of, output = load_stack_context(context)
    found = drills.history(of)
    if to is not None:
        if not found:
            raise OpsError("there has been no drill yet", "ops recover drill")
        _write(to, found)
    if output.output_format == "json":
        output.print_json(
            "recover-drills", {"items": [one.model_dump() for one in reversed(found)]}
        )
        return
    output.print_rows("recover-drills", drills.COLUMNS, [one.row() for one in reversed(found)])
    for one in reversed(found):
        for why in one.why:
            output.print_line(f"{one.run}: {why}")


def _writable(to: Path | None) -> None:
    """Raises UsageError where there is no folder for the page: not only after an hour."""
    if to is not None and (to.is_dir() or not to.absolute().parent.is_dir()):
        raise UsageError(f"--to is {str(to)!r}, may be a file in a folder that is there")


def _write(to: Path, found: list[drills.Drill]) -> None:
    from ops.recovery.drill_page import page

    to.write_text(page(found), encoding="utf-8")
