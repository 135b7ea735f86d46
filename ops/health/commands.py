"""`ops health`: how the stack is."""

from dataclasses import asdict
from typing import Annotated

import typer

from ops.cli.context import load_stack
from ops.core import clock
from ops.core.checks import HEALTH_STATES
from ops.core.errors import FindingsError
from ops.health.registry import HEALTH_APIS, check_health, parse_health_areas

app = typer.Typer(add_completion=False)


@app.command(name="health")
def show_health(
    context: typer.Context,
    only: Annotated[
        str | None, typer.Option(help="areas to look at, with commas: database,services")
    ] = None,
) -> None:
    """How the stack is: what is failing or unknown first, and the command that helps.

    Reads only. Exit code 0 where all is well, 3 where something fails or is unknown.
    """
    health_areas = parse_health_areas(only)
    outputs, aws, output = load_stack(context, HEALTH_APIS)
    findings = check_health(outputs, aws, clock.now(), health_areas)
    findings.sort(key=lambda finding: HEALTH_STATES.index(finding.state))
    counts: dict[str, int] = {
        state: sum(f.state == state for f in findings) for state in HEALTH_STATES
    }
    if output.output_format == "json":
        state = next(s for s in HEALTH_STATES if counts[s])
        output.print_json(
            "health", {"state": state, **counts, "items": [asdict(f) for f in findings]}
        )
    else:
        columns = ("state", "area", "subject", "evidence", "command")
        output.print_rows("health", columns, [asdict(f) for f in findings])
    if counts["failing"] or counts["unknown"]:
        summary = f"{counts['failing']} failing, {counts['unknown']} unknown, {counts['ok']} ok"
        advice = dict.fromkeys(f.command for f in findings if f.command and f.state != "ok")
        raise FindingsError(summary, *advice)
    output.print_line(f"all {counts['ok']} ok")
