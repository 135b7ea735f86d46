"""`ops usage`: how much of the stack's capacity is used."""

from dataclasses import asdict
from typing import Annotated

import typer

from ops.cli.context import load_stack
from ops.cli.watch import looking_command
from ops.core import clock
from ops.core.errors import FindingsError
from ops.health.console_pages import build_console_pages, find_figure_page
from ops.health.registry import HEALTH_APIS
from ops.usage.capacity import measure_usage, parse_areas
from ops.usage.storage_classes import describe_price

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

    Buckets by storage class, with what that costs a month. Reads only. Exit code 3 if a figure
    could not be read.
    """
    areas = parse_areas(only)
    outputs, aws, output = load_stack(context, HEALTH_APIS)
    figures = measure_usage(outputs, aws, clock.now(), areas)
    pages = build_console_pages(outputs)
    rows = [
        {
            **asdict(figure),
            "console": find_figure_page(outputs, pages, figure.area, figure.subject),
            "usd/month": "" if figure.monthly_usd is None else f"{figure.monthly_usd:.2f}",
        }
        for figure in figures
    ]
    if output.output_format == "json":
        items = [{k: v for k, v in row.items() if k != "usd/month"} for row in rows]
        output.print_json("usage", {"items": items})
    else:
        columns = ["area", "subject", "what", "now", "mean", "peak", "unit", "note"]
        has_costs = any(figure.monthly_usd is not None for figure in figures)
        output.print_rows("usage", [*columns, *(["usd/month"] if has_costs else [])], rows)
        if has_costs:
            output.print_line(f"usd/month: {describe_price()}")
        for page in dict.fromkeys(str(row["console"]) for row in rows if row["console"]):
            output.print_line(page, link=page)
    if unread_count := sum(figure.is_unread for figure in figures):
        raise FindingsError(f"{unread_count} of {len(figures)} figures could not be read")
