"""`ops cost`: what a stack costs a month."""

import typer

from ops.cost.commands.estimate import estimate_cost
from ops.cost.commands.unused import show_unused

app = typer.Typer(no_args_is_help=True, add_completion=False, help="What a stack costs a month.")
app.command("estimate")(estimate_cost)
app.command("unused")(show_unused)


@app.callback()
def declare_cost_group() -> None:
    """What a stack costs a month."""
