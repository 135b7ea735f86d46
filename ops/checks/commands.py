"""`ops check`: checklists with results."""

from dataclasses import asdict
from typing import Annotated

import typer

from ops.checks.table import CHECKLISTS, evaluate_checklist, list_checklist_apis
from ops.cli.context import load_stack
from ops.cli.durations import build_duration_option
from ops.core import clock
from ops.core.checks import HEALTH_STATES
from ops.core.errors import FindingsError
from ops.health.registry import HEALTH_APIS

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Checklists with results: exit code 3 if something fails or is unknown.",
)
DEFAULT_LOOKBACK_MINUTES = 15.0  # minutes


def run_checklist(
    context: typer.Context, name: str, minutes: float = DEFAULT_LOOKBACK_MINUTES
) -> None:
    """Runs a checklist and prints its results. Raises FindingsError unless all are ok."""
    # The cut models of `ops health` are cached (ops/core/service_models.py): ask for the same ones.
    model_apis = HEALTH_APIS if set(list_checklist_apis(name)) <= set(HEALTH_APIS) else ()
    outputs, aws, output = load_stack(context, model_apis)
    results = evaluate_checklist(name, outputs, aws, clock.now(), minutes * 60)
    results.sort(key=lambda result: HEALTH_STATES.index(result.state))
    counts: dict[str, int] = {
        state: sum(r.state == state for r in results) for state in HEALTH_STATES
    }
    if output.output_format == "json":
        state = next((s for s in HEALTH_STATES if counts[s]), "unknown")
        body = {"list": name, "state": state, **counts, "items": [asdict(r) for r in results]}
        output.print_json("check", body)
    else:
        columns = ("state", "item", "evidence", "command")
        output.print_rows("check", columns, [asdict(r) for r in results])
    if counts["failing"] or counts["unknown"]:
        summary = f"{counts['failing']} failing, {counts['unknown']} unknown, {counts['ok']} ok"
        advice = dict.fromkeys(r.command for r in results if r.command and r.state != "ok")
        raise FindingsError(summary, *advice)
    output.print_line(f"all {counts['ok']} ok")


@app.command("daily", help=f"{CHECKLISTS['daily'].capitalize()}. Reads only.")
def check_daily(context: typer.Context) -> None:
    """Health, the night's backups, alarms, errors."""
    run_checklist(context, "daily")


@app.command("weekly", help=f"{CHECKLISTS['weekly'].capitalize()}. Reads only.")
def check_weekly(context: typer.Context) -> None:
    """The daily list, and trends, maintenance, certificates, backups elsewhere."""
    run_checklist(context, "weekly")


@app.command("monthly", help=f"{CHECKLISTS['monthly'].capitalize()}. Reads only.")
def check_monthly(context: typer.Context) -> None:
    """The weekly list, and drills, the password, old snapshots, roles."""
    run_checklist(context, "monthly")


@app.command(name="pre-deploy", help=f"{CHECKLISTS['pre-deploy'].capitalize()}. Reads only.")
def check_pre_deploy(context: typer.Context) -> None:
    """The lock, deployments, alarms, what can be restored, limits."""
    run_checklist(context, "pre-deploy")


@app.command(name="post-deploy", help=f"{CHECKLISTS['post-deploy'].capitalize()}. Reads only.")
def check_post_deploy(
    context: typer.Context,
    since: Annotated[
        float,
        build_duration_option(
            minimum=1, maximum=1440, default=DEFAULT_LOOKBACK_MINUTES, text="how long ago it was"
        ),
    ] = DEFAULT_LOOKBACK_MINUTES,
) -> None:
    """Services, targets, alarms and errors since."""
    run_checklist(context, "post-deploy", since)
