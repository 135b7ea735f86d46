"""`ops cost estimate`: what a stack would cost per month, from a preview."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import typer
from botocore.exceptions import ClientError

from ops.cli.context import get_selection
from ops.cli.selection import Selection
from ops.core.errors import OpsError, UsageError
from ops.preview.changes import Preview, read_previews
from ops.preview.commands import PreviewFiles
from ops.prices.price_table import DEFAULT_PRICE_TABLE, PriceTable


def estimate_cost(
    context: typer.Context,
    files: PreviewFiles,
    prices: Annotated[
        Literal["table", "aws"],
        typer.Option(help="the built-in price table, or AWS's Price List for --region"),
    ] = "table",
) -> None:
    """Estimates the monthly cost per component after a preview, and lists what depends on usage.

    Calls AWS only with `--prices aws` (pricing:GetProducts); if that fails, it uses the built-in
    table. Unchanged resources count only if the preview was written with --show-sames. Exit code 1
    if a preview failed.
    """
    from ops.preview.costs import compare_costs

    selection, output = get_selection(context)
    previews = read_previews(files)
    price_table, fallback_reason = (
        (DEFAULT_PRICE_TABLE, "") if prices == "table" else _load_price_table(selection, previews)
    )
    comparisons = [
        (stack_preview, compare_costs(stack_preview, price_table)) for stack_preview in previews
    ]
    failed_stacks = [
        stack_preview.stack for stack_preview, _ in comparisons if stack_preview.errors
    ]
    if failed_stacks:
        raise OpsError(f"the preview of {', '.join(failed_stacks)} failed and is incomplete")
    rows: list[dict[str, Any]] = [
        {"stack": stack_preview.stack, "component": name, "monthly": round(new, 2)}
        for stack_preview, comparison in comparisons
        for name, (_, new) in comparison.component_totals.items()
    ]
    usage = [
        {"stack": stack_preview.stack, "component": component, "what": description, "rate": rate}
        for stack_preview, comparison in comparisons
        for component, description, rate in comparison.usage_rates
    ]
    if output.output_format == "json":
        totals = {
            stack_preview.stack: round(comparison.totals[1], 2)
            for stack_preview, comparison in comparisons
        }
        omitted_counts = {
            stack_preview.stack: stack_preview.omitted_count for stack_preview, _ in comparisons
        }
        source = {
            "region": price_table.region,
            "taken": price_table.taken,
            "source": price_table.source,
            "notes": list(price_table.notes),
            "why": fallback_reason or None,
        }
        body = {
            "items": rows,
            "usage": usage,
            "monthly": totals,
            "unchangedNotInFile": omitted_counts,
        }
        output.print_json("cost-estimate", {**body, "prices": source})
        return
    shown_rows = [{**row, "monthly": f"{row['monthly']:.2f}"} for row in rows if row["monthly"]]
    output.print_rows("cost-estimate", ("stack", "component", "monthly"), shown_rows)
    for stack_preview, comparison in comparisons:
        output.print_line(
            f"{stack_preview.stack}: {comparison.totals[1]:.2f} $ per month, plus usage",
            "bold",
        )
        if stack_preview.omitted_count:
            output.print_line(
                f"{stack_preview.omitted_count} unchanged resources of {stack_preview.stack} "
                "are not in the file and not counted; run the preview with --show-sames"
            )
    if usage:
        output.print_rows("cost-usage", ("stack", "component", "what", "rate"), usage)
    if fallback_reason:
        output.print_line(f"AWS's Price List was not used: {fallback_reason}")
    output.print_line(
        f"list prices of {price_table.region}, {price_table.taken}, from {price_table.source}"
    )
    for note in price_table.notes:
        output.print_line(note)


def _load_price_table(selection: Selection, previews: Sequence[Preview]) -> tuple[PriceTable, str]:
    """Returns AWS's current prices, or the built-in table with the reason.

    Raises UsageError if --region is not set.
    """
    from ops.core import clock
    from ops.core.aws import Aws
    from ops.preview.costs import list_price_classes
    from ops.prices.price_list import PRICE_LIST_REGION, fetch_price_table

    if selection.region is None:
        raise UsageError("--region is not set; give the region whose prices to use")
    aws = Aws(PRICE_LIST_REGION, selection.profile)
    try:
        return fetch_price_table(
            aws, selection.region, list_price_classes(previews), clock.now()
        ), ""
    except (OpsError, ClientError) as error:
        return DEFAULT_PRICE_TABLE, str(error)
