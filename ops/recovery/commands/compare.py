"""`ops recover compare`: compares a restored instance with its source."""

from dataclasses import asdict
from typing import Annotated

import typer

from ops.cli.context import load_stack
from ops.core.errors import FindingsError
from ops.database import replicas
from ops.recovery.comparison import (
    RESTORE_DIFFERENCE_COLUMNS,
    compare_contents,
    compare_heartbeats,
    compare_settings,
    describe_comparison,
)

app = typer.Typer(add_completion=False)


@app.command("compare")
def compare_restored_instance(
    context: typer.Context,
    source: Annotated[str, typer.Argument(help="an instance, usually the primary")],
    restored: Annotated[str, typer.Argument(help="the instance to compare with it")],
    sql: Annotated[
        bool | None,
        typer.Option(
            "--sql/--no-sql", help="compare tables and rows; default: if the primary can be reached"
        ),
    ] = None,
    heartbeat: Annotated[
        str | None,
        typer.Option(metavar="TABLE.COLUMN", help="a timestamp that is written continuously"),
    ] = None,
    via: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="local end of a tunnel to the source")
    ] = None,
    restored_via: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="local end of a tunnel to the restored instance"),
    ] = None,
) -> None:
    """Compares settings and, with SQL, tables, row counts and the newest heartbeat.

    Counting rows reads every table; one that is locked is named with its holder. Exit code 3 if
    anything differs or could not be compared.
    """
    from ops.database.sql.connection import (
        DatabaseClient,
        is_database_reachable,
        parse_database_address,
    )
    from ops.database.sql.contents import (
        fetch_newest_heartbeat_or_reason,
        fetch_table_contents,
        parse_heartbeat,
    )

    heartbeat_column = parse_heartbeat(heartbeat)
    for option, address in (("--via", via), ("--restored-via", restored_via)):
        if address is not None:
            parse_database_address(option, address)
    outputs, aws, output = load_stack(context)
    instances = [
        replicas.get_instance_description(aws, outputs, name) for name in (source, restored)
    ]
    differences = compare_settings(*instances)
    has_sql_access = (
        bool(via or restored_via) or is_database_reachable(outputs) if sql is None else sql
    )
    if has_sql_access:
        addresses = {restored: restored_via}
        if source != outputs.database.identifier:
            addresses[source] = via
        database_client = DatabaseClient(
            outputs, aws, via, read_only=True, other_instances=addresses
        )
        differences += compare_contents(
            fetch_table_contents(database_client, source),
            fetch_table_contents(database_client, restored),
        )
        if heartbeat_column is not None:
            differences += compare_heartbeats(
                heartbeat_column,
                *(
                    fetch_newest_heartbeat_or_reason(database_client, name, heartbeat_column)
                    for name in (source, restored)
                ),
            )
    output.print_rows(
        "recover-compare",
        RESTORE_DIFFERENCE_COLUMNS,
        [asdict(difference) for difference in differences],
    )
    if not has_sql_access:
        output.print_line(
            "only settings were compared: SQL is off or cannot reach the databases from here"
        )
    if finding := describe_comparison(source, restored, differences):
        raise FindingsError(finding)
    output.print_line(f"{restored} matches {source}")
