"""`ops usage`: what of the stack's capacity is used."""

from dataclasses import asdict
from typing import Annotated

import typer

from ops.cli.context import opened
from ops.core import clock
from ops.core.errors import FindingsError
from ops.health.registry import APIS
from ops.usage.capacity import areas, usage

app = typer.Typer(add_completion=False)


@app.command(name="usage")
def show(
    context: typer.Context,
    only: Annotated[
        str | None, typer.Option(help="areas to look at, with commas: database,buckets")
    ] = None,
) -> None:
    """CPU, memory, connections, storage and bucket sizes: now, and the last hour's mean and peak.

    Reads only. Exit code 3 where a figure could not be read.
    """
    wanted = areas(only)
    outputs, aws, output = opened(context, APIS)
    found = usage(outputs, aws, clock.now(), wanted)
    columns = ("area", "subject", "what", "now", "mean", "peak", "unit", "note")
    output.rows("usage", columns, [asdict(one) for one in found])
    if unread := sum(one.unread for one in found):
        raise FindingsError(f"{unread} of {len(found)} figures could not be read")
