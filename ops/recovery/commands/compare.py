"""`ops recover compare`: a restored instance beside its source."""

from dataclasses import asdict
from typing import Annotated

import typer

from ops.cli.context import load_stack
from ops.core.errors import FindingsError
from ops.database import replicas
from ops.recovery import comparison as comparing

app = typer.Typer(add_completion=False)


@app.command("compare")
def compare_restored_instance(
    context: typer.Context,
    source: Annotated[str, typer.Argument(help="an instance, mostly the primary")],
    restored: Annotated[str, typer.Argument(help="the instance to be compared with it")],
    sql: Annotated[
        bool | None,
        typer.Option(
            "--sql/--no-sql", help="tables and rows too; else where the primary answers from here"
        ),
    ] = None,
    heartbeat: Annotated[
        str | None, typer.Option(metavar="TABLE.COLUMN", help="times that are written all the time")
    ] = None,
    via: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="the way to the source")
    ] = None,
    restored_via: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="the way to the restored one")
    ] = None,
) -> None:
    """Settings, and given access tables, rows and the newest heartbeat. Exit code 3 where any of
    them differs. Rows are counted one by one, which reads every table."""
    from ops.database.sql.connection import (
        DatabaseClient,
        is_database_reachable,
        parse_database_address,
    )
    from ops.database.sql.contents import (
        fetch_newest_heartbeat,
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
    differences = comparing.compare_settings(*instances)
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
        differences += comparing.compare_contents(
            fetch_table_contents(database_client, source),
            fetch_table_contents(database_client, restored),
        )
        if heartbeat_column is not None:
            differences += comparing.compare_heartbeats(
                heartbeat_column,
                *(
                    fetch_newest_heartbeat(database_client, name, heartbeat_column)
                    for name in (source, restored)
                ),
            )
    output.print_rows(
        "recover-compare",
        comparing.RESTORE_DIFFERENCE_COLUMNS,
        [asdict(difference) for difference in differences],
    )
    if not has_sql_access:
        output.print_line(
            "settings alone were compared: there is no way to the databases from here"
        )
    if differences:
        raise FindingsError(f"{restored} is not as {source}: {len(differences)} differences")
    output.print_line(f"{restored} is as {source}")
