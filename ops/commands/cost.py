"""`ops cost`: what a stack would cost a month, from a preview of it."""

from typing import Any

import typer

from ops import preview, prices
from ops.commands.preview_report import Files
from ops.commands.reading import printing
from ops.errors import OpsError

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="What a stack would cost a month."
)


@app.callback()
def cost() -> None:
    """What a stack would cost a month."""


@app.command()
def estimate(context: typer.Context, files: Files) -> None:
    """The monthly cost by component of what a preview would leave; what depends on use is named.

    Calls nothing. Of what stays as it is only what is in the file counts: write it with
    --show-sames. Exit code 1 where a preview failed.
    """
    from ops.preview_costs import costs

    output = printing(context)
    found = [(one, costs(one)) for one in preview.read(files)]
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
        source = {"region": prices.REGION, "taken": prices.TAKEN, "source": prices.SOURCE}
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
    output.line(f"list prices of {prices.REGION}, {prices.TAKEN}, from {prices.SOURCE}")
