"""`ops db parameters`."""

from typing import Annotated

import typer

from ops.cli.execution import How, carry_out, changing, new_run, target
from ops.database import instance as database
from ops.database import parameters

app = typer.Typer(add_completion=False)


@app.command(name="parameters")
@changing
def parameters_(
    context: typer.Context,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="change it; repeatable")
    ] = None,
    all_: Annotated[
        bool, typer.Option("--all", help="those that are left to the default as well")
    ] = False,
    *,
    how: How,
) -> None:
    """What the stack's parameter group sets, and whether a reboot is pending; or a change of it."""
    wanted = parameters.asked(set_ or ())
    of, output = target(context)
    found = database.primary(of.aws, of.outputs)
    group = str(found.group)
    if wanted:
        known = parameters.listed(of.aws, of.outputs, group)
        run = new_run("parameters")
        plan = parameters.change(of.outputs, found, parameters.chosen(known, wanted), run)
        if not carry_out(plan, of, output, how):
            return
        found = database.primary(of.aws, of.outputs)
        body = {"group": group, "set": dict(wanted), "state": found.group_status, "run": run}
        output.result("db-parameters-set", body)
    else:
        rows = [one.row() for one in parameters.listed(of.aws, of.outputs, group, own=not all_)]
        if output.form == "json":
            state = {"group": group, "state": found.group_status}
            output.data("db-parameters", {**state, "items": rows})
            return
        output.rows("db-parameters", parameters.COLUMNS, rows)
        output.line(f"{group} is {found.group_status} on {found.identifier}")
    if found.group_status == "pending-reboot":
        output.line("what waits takes effect at `ops db reboot`")
