"""`ops check`: checklists with results."""

from dataclasses import asdict
from typing import Annotated

import typer

from ops.checks.table import LISTS, apis, check
from ops.cli.context import load_stack
from ops.core import clock
from ops.core.checks import STATES
from ops.core.errors import FindingsError
from ops.health.registry import APIS

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Checklists with results: exit code 3 where something fails or is unknown.",
)
SINCE = 15.0  # minutes


def shown(context: typer.Context, name: str, minutes: float = SINCE) -> None:
    """Looks at a list and prints what it comes to. Raises FindingsError where not all is well."""
    # The cut models of `ops health` are cached (ops/core/service_models.py): ask for the same ones.
    kept = APIS if set(apis(name)) <= set(APIS) else ()
    outputs, aws, output = load_stack(context, kept)
    results = check(name, outputs, aws, clock.now(), minutes * 60)
    results.sort(key=lambda result: STATES.index(result.state))
    counts: dict[str, int] = {state: sum(r.state == state for r in results) for state in STATES}
    if output.output_format == "json":
        state = next((s for s in STATES if counts[s]), "unknown")
        body = {"list": name, "state": state, **counts, "items": [asdict(r) for r in results]}
        output.print_json("check", body)
    else:
        columns = ("state", "item", "evidence", "command")
        output.print_rows("check", columns, [asdict(r) for r in results])
    if counts["failing"] or counts["unknown"]:
        said = f"{counts['failing']} failing, {counts['unknown']} unknown, {counts['ok']} ok"
        helps = dict.fromkeys(r.command for r in results if r.command and r.state != "ok")
        raise FindingsError(said, *helps)
    output.print_line(f"all {counts['ok']} ok")


@app.command("daily", help=f"{LISTS['daily'].capitalize()}. Reads only.")
def daily(context: typer.Context) -> None:
    """Health, the night's backups, alarms, errors."""
    shown(context, "daily")


@app.command("weekly", help=f"{LISTS['weekly'].capitalize()}. Reads only.")
def weekly(context: typer.Context) -> None:
    """The daily list, and trends, maintenance, certificates, backups elsewhere."""
    shown(context, "weekly")


@app.command("monthly", help=f"{LISTS['monthly'].capitalize()}. Reads only.")
def monthly(context: typer.Context) -> None:
    """The weekly list, and drills, the password, old snapshots, roles."""
    shown(context, "monthly")


@app.command(name="pre-deploy", help=f"{LISTS['pre-deploy'].capitalize()}. Reads only.")
def pre_deploy(context: typer.Context) -> None:
    """The lock, deployments, alarms, what can be restored, limits."""
    shown(context, "pre-deploy")


@app.command(name="post-deploy", help=f"{LISTS['post-deploy'].capitalize()}. Reads only.")
def post_deploy(
    context: typer.Context,
    since: Annotated[
        float, typer.Option(min=1, max=1440, metavar="MINUTES", help="how long ago it was")
    ] = SINCE,
) -> None:
    """Services, targets, alarms and errors since."""
    shown(context, "post-deploy", since)
