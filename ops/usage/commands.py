"""`ops usage`: how much of the stack's capacity is used."""

from dataclasses import asdict
from typing import Annotated

import typer

from ops.cli.context import load_stack
from ops.cli.watch import looking_command
from ops.core import clock
from ops.core.errors import FindingsError
from ops.health.registry import HEALTH_APIS
from ops.usage.capacity import measure_usage, parse_areas

app = typer.Typer(add_completion=False)


@app.command(name="usage")
@looking_command
def show_usage(
    context: typer.Context,
    only: Annotated[
        str | None, typer.Option(help="areas, separated by commas: database,buckets")
    ] = None,
) -> None:
    """Shows CPU, memory, connections, storage and bucket sizes: now, and mean and peak of the hour.

    Reads only. Exit code 3 if a figure could not be read.
    """
    areas = parse_areas(only)
    outputs, aws, output = load_stack(context, HEALTH_APIS)
    figures = measure_usage(outputs, aws, clock.now(), areas)
    columns = ("area", "subject", "what", "now", "mean", "peak", "unit", "note")
    output.print_rows("usage", columns, [asdict(figure) for figure in figures])
    if unread_count := sum(figure.is_unread for figure in figures):
        raise FindingsError(f"{unread_count} of {len(figures)} figures could not be read")
