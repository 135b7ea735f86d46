"""`ops cost`: what a stack costs a month."""

import typer

from ops.cost.commands.commitments import show_commitments
from ops.cost.commands.estimate import estimate_cost
from ops.cost.commands.forecast import forecast_costs
from ops.cost.commands.report import report_costs
from ops.cost.commands.rightsizing import show_rightsizing
from ops.cost.commands.unused import show_unused
from ops.cost.commands.unusual import show_unusual_costs

app = typer.Typer(no_args_is_help=True, add_completion=False, help="What a stack costs a month.")
app.command("estimate")(estimate_cost)
app.command("report")(report_costs)
app.command("forecast")(forecast_costs)
app.command("commitments")(show_commitments)
app.command("rightsizing")(show_rightsizing)
app.command("unused")(show_unused)
app.command("unusual")(show_unusual_costs)


@app.callback()
def declare_cost_group() -> None:
    """What a stack costs a month."""
