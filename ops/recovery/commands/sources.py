"""`ops recover sources`: everything that the database can be restored from."""

import typer

from ops.cli.context import load_stack
from ops.cli.watch import looking_command
from ops.core.errors import CredentialsError, OpsError
from ops.core.stack_scope import list_stack_regions
from ops.recovery.sources import SOURCE_COLUMNS, build_source_row, list_backup_sources

app = typer.Typer(add_completion=False)


@app.command("sources")
@looking_command
def show_backup_sources(context: typer.Context) -> None:
    """Lists every backup that the database can be restored from, the newest data first.

    Also once the database is gone, and in the recovery region. Reads only. Exit code 1 if a
    region cannot be read: its backups are unknown then.
    """
    outputs, aws, output = load_stack(context)
    sources, unknown_regions = [], []
    for region in list_stack_regions(outputs.stack):
        try:
            sources += [(region, source) for source in list_backup_sources(aws, outputs, region)]
        except CredentialsError:
            raise
        except OpsError as error:
            unknown_regions.append(f"which backups {region} has is unknown: {error}")
    sources.sort(key=lambda item: item[1].latest_datetime, reverse=True)
    rows = [build_source_row(outputs, region, source) for region, source in sources]
    output.print_rows("recover-sources", SOURCE_COLUMNS, rows)
    if unknown_regions:
        raise OpsError("; ".join(unknown_regions))
