"""`ops db kill|kill-idle|vacuum`: what is done to the database by SQL."""

from typing import Annotated

import typer

from ops.cli.execution import How, carry_out, changing, new_run, target
from ops.core.plan import Plan
from ops.database.commands.queries import Replica, Via, cut, replica_of
from ops.database.sql import sessions
from ops.database.sql import vacuum as vacuuming
from ops.database.sql.connection import VARIABLE, Database

app = typer.Typer(add_completion=False)


def through(via: str | None, plan: Plan) -> Plan:
    """The plan, with what a resume needs: which way one went stands in no plan."""
    if via is None:
        return plan
    note = f"resumed, it goes the same way with {VARIABLE}={via}"
    return plan.model_copy(update={"notes": (*plan.notes, note)})


@app.command("kill")
@changing
def kill(
    context: typer.Context,
    pid: Annotated[int, typer.Argument(metavar="PID", min=1, help="from `ops db activity`")],
    terminate: Annotated[
        bool, typer.Option("--terminate", help="end the whole session, not only its query")
    ] = False,
    replica: Replica = None,
    via: Via = None,
    *,
    how: How,
) -> None:
    """Cancels a session's query, or ends the session: the one that was looked at, and no other."""
    of, output = target(context)
    name = replica_of(of.outputs, replica)
    on = Database(of.outputs, of.aws, via)
    session = sessions.one(on, name, pid)
    run = new_run("kill")
    plan = through(via, sessions.kill(of.outputs, session, name, run, terminate=terminate))
    output.line(f"{session.pid}: {cut(session.query)}")
    if carry_out(plan, of, output, how, on):
        what = "ended" if terminate else "cancelled"
        output.result("db-kill", {"pid": pid, "user": session.user, "state": what, "run": run})


@app.command(name="kill-idle")
@changing
def kill_idle(
    context: typer.Context,
    older_than: Annotated[
        float, typer.Option(min=0, metavar="MINUTES", help="only those idle for longer")
    ] = 30,
    in_transaction: Annotated[
        bool, typer.Option("--in-transaction", help="only those that keep a transaction open")
    ] = False,
    user: Annotated[str | None, typer.Option(help="only this user's")] = None,
    application: Annotated[str | None, typer.Option(help="only this application's")] = None,
    replica: Replica = None,
    via: Via = None,
    *,
    how: How,
) -> None:
    """Ends sessions that are idle for long; one that begins to work meanwhile is left alone."""
    of, output = target(context)
    name = replica_of(of.outputs, replica)
    on = Database(of.outputs, of.aws, via)
    found = sessions.idle(
        on, name, older_than * 60, within=in_transaction, user=user, application=application
    )
    run = new_run("kill-idle") if found else None
    if found and run:
        plan = through(via, sessions.kill_idle(of.outputs, found, name, run))
        if not carry_out(plan, of, output, how, on):
            return
    left = sessions.left(on, name, found) if found else set()
    ended = [each.pid for each in found if each.pid not in left]
    output.result("db-kill-idle", {"ended": ended, "at_work_again": sorted(left), "run": run})


@app.command("vacuum")
@changing
def vacuum(
    context: typer.Context,
    tables: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TABLE]...", help="else those that need it most, ten at most"),
    ] = None,
    analyze: Annotated[bool, typer.Option("--analyze", help="make statistics anew too")] = False,
    freeze: Annotated[
        bool, typer.Option("--freeze", help="let transaction ids be used again")
    ] = False,
    full: Annotated[
        bool, typer.Option("--full", help="give space back; locks the table all the while")
    ] = False,
    via: Via = None,
    *,
    how: How,
) -> None:
    """Vacuums tables, proved by PostgreSQL's own count of it."""
    of, output = target(context)
    on = Database(of.outputs, of.aws, via)
    found = vacuuming.chosen(vacuuming.tables(on), tables or ())
    run = new_run("vacuum") if found else None
    if found and run:
        plan = vacuuming.vacuum(of.outputs, found, run, analyze=analyze, freeze=freeze, full=full)
        plan = through(via, plan)
        how = how.grave(full)
        if not carry_out(plan, of, output, how, on):
            return
    output.result("db-vacuum", {"vacuumed": [table.full_name for table in found], "run": run})
