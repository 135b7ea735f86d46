"""`ops db upgrade`."""

from typing import Annotated

import typer

from ops.cli.execution import How, carry_out, changing, new_run, target
from ops.database import instance as database
from ops.database import parameters
from ops.database import upgrade as upgrading

app = typer.Typer(add_completion=False)


@app.command("upgrade")
@changing
def upgrade(
    context: typer.Context,
    version: Annotated[
        str | None, typer.Argument(metavar="VERSION", help="like 16.11, or 17; else what there is")
    ] = None,
    *,
    how: How,
) -> None:
    """Another version of PostgreSQL, a snapshot first; without VERSION, which ones there are."""
    of, output = target(context)
    found = database.primary(of.aws, of.outputs)
    known = upgrading.targets(of.aws, of.outputs, found)
    if version is None:
        output.rows("db-versions", upgrading.COLUMNS, [one.row() for one in known])
        output.line(f"{found.identifier} has {found.version}")
        return
    to = upgrading.chosen(found, known, version)
    replicas = [database.member(of.aws, of.outputs, name) for name in found.replicas]
    own = parameters.listed(of.aws, of.outputs, str(found.group), own=True) if to.major else []
    run = new_run("upgrade")
    plan = upgrading.upgrade(of.outputs, found, replicas, to, own, run)
    how = how.grave()
    if carry_out(plan, of, output, how):
        after = database.primary(of.aws, of.outputs)
        body = {"from": found.version, "to": after.version, "snapshot": f"{found.identifier}-{run}"}
        output.result("db-upgrade", {**body, "run": run})
