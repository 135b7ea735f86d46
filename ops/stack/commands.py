"""`ops outputs`: what operations know of the stack."""

from typing import Annotated

import typer

from ops.cli.context import load_stack
from ops.core.errors import UsageError

app = typer.Typer(no_args_is_help=True, add_completion=False, help="The stack's outputs.")


@app.command("show")
def show_outputs(
    context: typer.Context,
    path: Annotated[
        str | None,
        typer.Argument(metavar="[PATH]", help="one value: registry.repositories.backend"),
    ] = None,
) -> None:
    """Every part of the contract as JSON, or one value of it as text."""
    outputs, _, output = load_stack(context)
    body = outputs.model_dump(mode="json", by_alias=True)
    if path is None:
        output.print_json("outputs", {"outputs": body})
        return
    value = _find_value(body, path)
    if output.output_format == "json":
        output.print_json("output", {"path": path, "value": value})
    else:
        typer.echo(value)


def _find_value(body: object, path: str) -> str | int | float | bool:
    """The value at a path. Raises UsageError where there is none, or it is not a single one."""
    import jmespath
    from jmespath.exceptions import JMESPathError

    try:
        value = jmespath.search(path, body)
    except JMESPathError:
        value = None
    if not isinstance(value, str | int | float):
        raise UsageError(f"PATH is {path!r}, must be that of one value in `ops outputs show`")
    return value
