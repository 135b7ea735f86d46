"""`ops service maintenance`: the page that everybody sees instead of the services."""

import typer

from ops import maintenance
from ops.commands.common import DryRun, Expect, How, Reason, Yes, carry_out, new_run, target

app = typer.Typer(no_args_is_help=True, add_completion=False, help="The maintenance page.")


@app.command()
def on(
    context: typer.Context,
    dry_run: DryRun = False,
    expect: Expect = None,
    yes: Yes = False,
    reason: Reason = "",
) -> None:
    """Shows the maintenance page to everybody, instead of every service."""
    _turn(context, How(dry_run, expect, yes, reason, destructive=True), on=True)


@app.command()
def off(
    context: typer.Context,
    dry_run: DryRun = False,
    expect: Expect = None,
    yes: Yes = False,
    reason: Reason = "",
) -> None:
    """Lets the services answer again."""
    _turn(context, How(dry_run, expect, yes, reason), on=False)


def _turn(context: typer.Context, how: How, *, on: bool) -> None:
    of, output = target(context)
    run = new_run("maintenance")
    if carry_out(maintenance.turn(of.outputs, run, on=on), of, output, how):
        output.result("service-maintenance", {"page": "on" if on else "off", "run": run})
