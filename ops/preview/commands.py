"""`ops preview-report`: a Pulumi preview as a pull request comment."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.cli.context import get_output, write_report
from ops.core.errors import FindingsError, OpsError
from ops.preview.changes import read_previews

if TYPE_CHECKING:
    from ops.preview.page import PreviewAssessment

app = typer.Typer(add_completion=False)
PreviewFiles = Annotated[
    list[Path],
    typer.Argument(metavar="FILE...", help="output of `pulumi preview --json`, one per stack"),
]


@app.command(name="preview-report")
def report_preview(
    context: typer.Context,
    files: PreviewFiles,
    to: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="write the comment to this file; default: stdout"),
    ] = None,
    allow_data_loss: Annotated[
        bool, typer.Option("--allow-data-loss", help="exit 0 even if data would be lost")
    ] = False,
) -> None:
    """Reports in Markdown what would be lost, interrupted and changed, and the monthly cost.

    Calls nothing. Exit code 3 if something that holds data would be deleted or replaced, 1 if a
    preview failed.
    """
    from ops.preview.dangers import has_data_loss
    from ops.preview.page import assess_previews, render_preview_page

    output = get_output(context)
    assessments = assess_previews(read_previews(files))
    text = render_preview_page(assessments, allowed=allow_data_loss)
    if to is not None:
        write_report("--to", to, text)
    if output.output_format == "json":
        output.print_json(
            "preview-report", {"stacks": [_build_report(assessment) for assessment in assessments]}
        )
    elif to is None:
        typer.echo(text, nl=False)
    _require_acceptable(
        assessments,
        allow_data_loss,
        any(has_data_loss(assessment.dangers) for assessment in assessments),
    )


def _require_acceptable(
    assessments: Sequence["PreviewAssessment"], allowed: bool, has_loss: bool
) -> None:
    """Raises OpsError if a preview failed, FindingsError if losing data is not allowed."""
    failed_stacks = [
        assessment.preview.stack for assessment in assessments if assessment.preview.errors
    ]
    if failed_stacks:
        raise OpsError(f"the preview of {', '.join(failed_stacks)} failed")
    if has_loss and not allowed:
        change_count = sum(
            1
            for assessment in assessments
            for danger in assessment.dangers
            if danger.kind == "data"
        )
        raise FindingsError(
            f"{change_count} change{'s' * (change_count > 1)} would lose data; "
            "to accept that, use --allow-data-loss"
        )


def _build_report(assessment: "PreviewAssessment") -> dict[str, Any]:
    stack_preview = assessment.preview
    return {
        "stack": stack_preview.stack,
        "failed": list(stack_preview.errors),
        "counts": stack_preview.counts,
        "unchangedNotInFile": stack_preview.omitted_count,
        "dangers": [
            {
                "kind": danger.kind,
                "act": danger.change.kind,
                "type": danger.change.type,
                "name": danger.change.name,
                "component": danger.change.component,
                "urn": danger.change.urn,
                "what": danger.description,
                "downtime": danger.downtime,
                "source": danger.source,
            }
            for danger in assessment.dangers
        ],
        "changes": [
            {
                "act": change.kind,
                "type": change.type,
                "name": change.name,
                "component": change.component,
                "urn": change.urn,
                "changes": change.format_properties(),
                "forcedBy": list(change.replace_reasons),
            }
            for change in stack_preview.changes
            if change.kind != "same"
        ],
        "monthly": {
            name: {"before": round(old, 2), "after": round(new, 2)}
            for name, (old, new) in assessment.costs.component_totals.items()
        },
        "usage": [
            {"component": component, "what": description, "rate": rate}
            for component, description, rate in assessment.costs.usage_rates
        ],
    }
