"""`ops recover reconcile`: fixes Pulumi's state after a promotion by rename."""

from pathlib import Path
from typing import Annotated

import typer

from ops.cli.context import load_stack
from ops.core.aws import Aws
from ops.core.errors import FindingsError, UsageError
from ops.database import replicas
from ops.outputs import Outputs
from ops.recovery.reconcile import (
    build_primary_urn,
    list_preview_losses,
    list_reconcile_commands,
    read_pulumi_file,
    replace_resource_id,
)
from ops.state.backup import write_state

app = typer.Typer(add_completion=False)
PulumiFileOption = Annotated[Path | None, typer.Option(metavar="FILE")]


@app.command("reconcile")
def reconcile_state(
    context: typer.Context,
    state: Annotated[
        Path | None, typer.Option(metavar="FILE", help="file of `pulumi stack export`")
    ] = None,
    to: Annotated[
        Path | None, typer.Option(metavar="FILE", help="file to write, for `pulumi stack import`")
    ] = None,
    preview: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="file of `pulumi preview --json` to check for losses"),
    ] = None,
) -> None:
    """Fixes Pulumi's state after instances were renamed.

    Without options, prints the commands. With --state and --to, writes a state with the new
    instance. With --preview, checks that nothing is replaced: exit code 3 if it is.
    """
    if (state is None) is not (to is None):
        raise UsageError(
            "--state and --to must be set together: the state to read and the file to write"
        )
    outputs, aws, output = load_stack(context)
    if preview is not None:
        losses = list_preview_losses(read_pulumi_file("--preview", preview), "--preview", preview)
        output.print_rows("recover-preview", ("op", "urn"), losses)
        if losses:
            raise FindingsError(f"the preview deletes or replaces {len(losses)} resources")
        output.print_line("the preview deletes and replaces nothing")
    elif state is not None and to is not None:
        if to.exists():
            raise UsageError(f"--to must be a new file, not {str(to)!r}, which exists already")
        resource_id = get_primary_resource_id(aws, outputs)
        exported_state = read_pulumi_file("--state", state)
        updated_state, is_changed = replace_resource_id(
            exported_state, outputs, resource_id, "--state", state
        )
        write_state(to, updated_state, "--to")
        output.print_result(
            "recover-reconcile",
            {
                "instance": outputs.database.identifier,
                "resource": resource_id,
                "state": "updated" if is_changed else "unchanged",
                "file": str(to),
            },
        )
    else:
        rows = [
            {"step": number, "line": line}
            for number, line in enumerate(
                list_reconcile_commands(outputs, build_primary_urn(outputs)),
                1,
            )
        ]
        output.print_rows("recover-reconcile", ("step", "line"), rows)
        output.print_line(
            f"{outputs.database.identifier} now has the resource id "
            f"{get_primary_resource_id(aws, outputs)}"
        )


def get_primary_resource_id(aws: Aws, outputs: Outputs) -> str:
    """Returns the resource id of the instance that has the primary's name."""
    return str(replicas.get_instance_description(aws, outputs)["DbiResourceId"])
