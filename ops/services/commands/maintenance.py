"""`ops service maintenance`: the page that everybody sees instead of the services."""

import typer

from ops.cli.execution import How, carry_out, changing, new_run, target
from ops.services import maintenance_page as maintenance

app = typer.Typer(no_args_is_help=True, add_completion=False, help="The maintenance page.")


@app.command()
@changing(timeout=None)
def on(
    context: typer.Context,
    *,
    how: How,
) -> None:
    """Shows the maintenance page to everybody, instead of every service."""
    _turn(context, how.grave(), on=True)


@app.command()
@changing(timeout=None)
def off(
    context: typer.Context,
    *,
    how: How,
) -> None:
    """Lets the services answer again."""
    _turn(context, how, on=False)


def _turn(context: typer.Context, how: How, *, on: bool) -> None:
    of, output = target(context)
    run = new_run("maintenance")
    if carry_out(maintenance.turn(of.outputs, run, on=on), of, output, how):
        output.result("service-maintenance", {"page": "on" if on else "off", "run": run})
