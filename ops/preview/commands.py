"""`ops preview-report`: what a preview of Pulumi would do, as the comment of a pull request."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.cli.context import printing, written
from ops.core.errors import FindingsError, OpsError
from ops.preview import changes as preview

if TYPE_CHECKING:
    from ops.preview.page import Seen

app = typer.Typer(add_completion=False)
Files = Annotated[
    list[Path], typer.Argument(metavar="FILE...", help="of `pulumi preview --json`, one a stack")
]


@app.command(name="preview-report")
def report(
    context: typer.Context,
    files: Files,
    to: Annotated[
        Path | None, typer.Option(metavar="FILE", help="where the comment goes, else to stdout")
    ] = None,
    allow_data_loss: Annotated[
        bool, typer.Option("--allow-data-loss", help="exit code 0 though data would be lost")
    ] = False,
) -> None:
    """What would be lost, interrupted and changed, and its monthly cost, in Markdown.

    Calls nothing. Exit code 3 where something that holds data would be deleted or replaced, 1
    where a preview failed.
    """
    from ops.preview import page as preview_page
    from ops.preview.dangers import loses_data

    output = printing(context)
    seen = preview_page.seen(preview.read(files))
    text = preview_page.page(seen, allowed=allow_data_loss)
    if to is not None:
        written("--to", to, text)
    if output.form == "json":
        output.data("preview-report", {"stacks": [_plain(one) for one in seen]})
    elif to is None:
        typer.echo(text, nl=False)
    _judged(seen, allow_data_loss, any(loses_data(one.dangers) for one in seen))


def _judged(seen: Sequence["Seen"], allowed: bool, loses: bool) -> None:
    """How it ends. A failed preview has not seen everything, so it comes before what it has."""
    failed = [one.preview.stack for one in seen if one.preview.errors]
    if failed:
        raise OpsError(f"the preview of {', '.join(failed)} failed")
    if loses and not allowed:
        many = sum(1 for one in seen for danger in one.dangers if danger.kind == "data")
        raise FindingsError(
            f"data would be lost by {many} change{'s' * (many > 1)}; --allow-data-loss agrees to it"
        )


def _plain(one: "Seen") -> dict[str, Any]:
    of = one.preview
    return {
        "stack": of.stack,
        "failed": list(of.errors),
        "counts": of.counts,
        "unchangedNotInFile": of.left_out,
        "dangers": [
            {
                "kind": danger.kind,
                "act": danger.change.act,
                "type": danger.change.type,
                "name": danger.change.name,
                "component": danger.change.component,
                "urn": danger.change.urn,
                "what": danger.what,
                "downtime": danger.downtime,
                "source": danger.source,
            }
            for danger in one.dangers
        ],
        "changes": [
            {
                "act": change.act,
                "type": change.type,
                "name": change.name,
                "component": change.component,
                "urn": change.urn,
                "changes": change.said(),
                "forcedBy": list(change.because),
            }
            for change in of.changes
            if change.act != "same"
        ],
        "monthly": {
            name: {"before": round(old, 2), "after": round(new, 2)}
            for name, (old, new) in one.costs.components.items()
        },
        "usage": [
            {"component": component, "what": what, "rate": rate}
            for component, what, rate in one.costs.usage
        ],
    }
