"""`ops cost`: what a stack would cost a month, from a preview of it."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import typer
from botocore.exceptions import ClientError

from ops.cli.context import chosen
from ops.cli.selection import Selection
from ops.core.errors import OpsError, UsageError
from ops.cost.prices import TABLE, Prices
from ops.preview import changes as preview
from ops.preview.commands import Files

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="What a stack would cost a month."
)


@app.callback()
def cost() -> None:
    """What a stack would cost a month."""


@app.command("estimate")
def estimate(
    context: typer.Context,
    files: Files,
    prices: Annotated[
        Literal["table", "aws"],
        typer.Option(help="the dated table, or AWS's Price List for the region of --region"),
    ] = "table",
) -> None:
    """The monthly cost by component of what a preview would leave; what depends on use is named.

    Calls nothing, with `--prices aws` the Price List (pricing:GetProducts), and takes the table
    where that does not answer. Of what stays as it is only what is in the file counts: write it
    with --show-sames. Exit code 1 where a preview failed.
    """
    from ops.preview.costs import costs

    selection, output = chosen(context)
    previews = preview.read(files)
    at, why = (TABLE, "") if prices == "table" else _listed(selection, previews)
    found = [(one, costs(one, at)) for one in previews]
    failed = [one.stack for one, _ in found if one.errors]
    if failed:
        raise OpsError(f"the preview of {', '.join(failed)} failed, and is not all of it")
    rows: list[dict[str, Any]] = [
        {"stack": one.stack, "component": name, "monthly": round(new, 2)}
        for one, of in found
        for name, (_, new) in of.components.items()
    ]
    usage = [
        {"stack": one.stack, "component": component, "what": what, "rate": rate}
        for one, of in found
        for component, what, rate in of.usage
    ]
    if output.form == "json":
        totals = {one.stack: round(of.fixed[1], 2) for one, of in found}
        missing = {one.stack: one.left_out for one, _ in found}
        source = {
            "region": at.region,
            "taken": at.taken,
            "source": at.source,
            "notes": list(at.notes),
            "why": why or None,
        }
        body = {"items": rows, "usage": usage, "monthly": totals, "unchangedNotInFile": missing}
        output.data("cost-estimate", {**body, "prices": source})
        return
    shown = [{**row, "monthly": f"{row['monthly']:.2f}"} for row in rows if row["monthly"]]
    output.rows("cost-estimate", ("stack", "component", "monthly"), shown)
    for one, of in found:
        output.line(f"{one.stack}: {of.fixed[1]:.2f} $ a month, and what depends on use", "bold")
        if one.left_out:
            output.line(
                f"{one.left_out} unchanged resources of {one.stack} are not in the file, and not "
                "in the figures: write it with --show-sames"
            )
    if usage:
        output.rows("cost-usage", ("stack", "component", "what", "rate"), usage)
    if why:
        output.line(f"the Price List was not asked, or did not answer: {why}")
    output.line(f"list prices of {at.region}, {at.taken}, from {at.source}")
    for note in at.notes:
        output.line(note)


def _listed(selection: Selection, previews: Sequence[preview.Preview]) -> tuple[Prices, str]:
    """What AWS says by now; the table, and why, where it says nothing. Raises UsageError."""
    from ops.core import clock
    from ops.core.aws import Aws
    from ops.cost import price_list
    from ops.preview.costs import classes

    if selection.region is None:
        raise UsageError("--region is not set, may be the region whose prices are meant")
    aws = Aws(price_list.WHERE, selection.profile)
    try:
        return price_list.read(aws, selection.region, classes(previews), clock.now()), ""
    except (OpsError, ClientError) as error:
        return TABLE, str(error)
