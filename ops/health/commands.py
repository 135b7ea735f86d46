"""`ops health`: how the stack is."""

from dataclasses import asdict
from typing import Annotated

import typer

from ops.cli.context import load_stack
from ops.core import clock
from ops.core.checks import STATES
from ops.core.errors import FindingsError
from ops.health.registry import APIS, areas, health

app = typer.Typer(add_completion=False)


@app.command(name="health")
def show(
    context: typer.Context,
    only: Annotated[
        str | None, typer.Option(help="areas to look at, with commas: database,services")
    ] = None,
) -> None:
    """How the stack is: what is failing or unknown first, and the command that helps.

    Reads only. Exit code 0 where all is well, 3 where something fails or is unknown.
    """
    wanted = areas(only)
    outputs, aws, output = load_stack(context, APIS)
    findings = health(outputs, aws, clock.now(), wanted)
    findings.sort(key=lambda finding: STATES.index(finding.state))
    counts: dict[str, int] = {state: sum(f.state == state for f in findings) for state in STATES}
    if output.output_format == "json":
        state = next(s for s in STATES if counts[s])
        output.print_json(
            "health", {"state": state, **counts, "items": [asdict(f) for f in findings]}
        )
    else:
        columns = ("state", "area", "subject", "evidence", "command")
        output.print_rows("health", columns, [asdict(f) for f in findings])
    if counts["failing"] or counts["unknown"]:
        said = f"{counts['failing']} failing, {counts['unknown']} unknown, {counts['ok']} ok"
        helps = dict.fromkeys(f.command for f in findings if f.command and f.state != "ok")
        raise FindingsError(said, *helps)
    output.print_line(f"all {counts['ok']} ok")
