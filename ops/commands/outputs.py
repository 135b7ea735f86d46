"""`ops outputs`: what operations know of the stack."""

import typer

from ops.commands.reading import opened

app = typer.Typer(no_args_is_help=True, add_completion=False, help="The stack's outputs.")


@app.command()
def show(context: typer.Context) -> None:
    """Every part of the contract, as JSON."""
    outputs, _, output = opened(context)
    output.data("outputs", {"outputs": outputs.model_dump(mode="json", by_alias=True)})
