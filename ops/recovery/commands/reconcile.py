"""`ops recover reconcile`: Pulumi's state after a promotion by rename."""

from pathlib import Path
from typing import Annotated

import typer

from ops.cli.context import load_stack
from ops.core.aws import Aws
from ops.core.errors import FindingsError, UsageError
from ops.database import replicas
from ops.outputs import Outputs
from ops.recovery import reconcile as reconciling
from ops.state.backup import write_state

app = typer.Typer(add_completion=False)
PulumiFileOption = Annotated[Path | None, typer.Option(metavar="FILE")]


@app.command("reconcile")
def reconcile_state(
    context: typer.Context,
    state: Annotated[
        Path | None, typer.Option(metavar="FILE", help="of `pulumi stack export`")
    ] = None,
    to: Annotated[
        Path | None, typer.Option(metavar="FILE", help="where the state goes, for `stack import`")
    ] = None,
    preview: Annotated[
        Path | None, typer.Option(metavar="FILE", help="of `pulumi preview --json`: what it loses")
    ] = None,
) -> None:
    """What brings Pulumi's state and the renamed instances together again.

    Alone it prints the commands. With --state and --to it writes the state that knows the new
    instance; with --preview it looks whether anything would be replaced: exit code 3 where so.
    """
    if (state is None) is not (to is None):
        raise UsageError("--state and --to go together: the state that is read, and where it goes")
    outputs, aws, output = load_stack(context)
    if preview is not None:
        losses = reconciling.list_preview_losses(
            reconciling.read_pulumi_file("--preview", preview), "--preview", preview
        )
        output.print_rows("recover-preview", ("op", "urn"), losses)
        if losses:
            raise FindingsError(f"the preview deletes or replaces {len(losses)} resources")
        output.print_line("the preview deletes and replaces nothing")
    elif state is not None and to is not None:
        if to.exists():
            raise UsageError(f"--to is {str(to)!r}, which is there already: it is not overwritten")
        resource_id = get_primary_resource_id(aws, outputs)
        exported_state = reconciling.read_pulumi_file("--state", state)
        updated_state, is_changed = reconciling.replace_resource_id(
            exported_state, outputs, resource_id, "--state", state
        )
        write_state(to, updated_state, "--to")
        output.print_result(
            "recover-reconcile",
            {
                "instance": outputs.database.identifier,
                "resource": resource_id,
                "state": "put anew" if is_changed else "knew it already",
                "file": str(to),
            },
        )
    else:
        rows = [
            {"step": number, "line": line}
            for number, line in enumerate(
                reconciling.list_reconcile_commands(
                    outputs, reconciling.build_primary_urn(outputs)
                ),
                1,
            )
        ]
        output.print_rows("recover-reconcile", ("step", "line"), rows)
        output.print_line(
            f"{outputs.database.identifier} is {get_primary_resource_id(aws, outputs)} now"
        )


def get_primary_resource_id(aws: Aws, outputs: Outputs) -> str:
    """Which instance has the primary's name: its resource id, which no rename changes."""
    return str(replicas.get_instance_description(aws, outputs)["DbiResourceId"])
