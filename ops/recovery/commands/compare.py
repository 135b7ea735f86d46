"""`ops recover compare`: a restored instance beside its source."""

from dataclasses import asdict
from typing import Annotated

import typer

from ops.cli.context import opened
from ops.core.errors import FindingsError
from ops.database import replicas
from ops.recovery import comparison as comparing

app = typer.Typer(add_completion=False)


@app.command()
def compare(
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
    from ops.database.sql.connection import Database, given, reached
    from ops.database.sql.contents import beat, newest, of

    beats = beat(heartbeat)
    for option, said in (("--via", via), ("--restored-via", restored_via)):
        if said is not None:
            given(option, said)
    outputs, aws, output = opened(context)
    pair = [replicas.described(aws, outputs, name) for name in (source, restored)]
    found = comparing.settings(*pair)
    asked = bool(via or restored_via) or reached(outputs) if sql is None else sql
    if asked:
        ways = {restored: restored_via}
        if source != outputs.database.identifier:
            ways[source] = via
        on = Database(outputs, aws, via, reading=True, apart=ways)
        found += comparing.contents(of(on, source), of(on, restored))
        if beats is not None:
            found += comparing.beats(
                beats, *(newest(on, name, beats) for name in (source, restored))
            )
    output.rows("recover-compare", comparing.COLUMNS, [asdict(one) for one in found])
    if not asked:
        output.line("settings alone were compared: there is no way to the databases from here")
    if found:
        raise FindingsError(f"{restored} is not as {source}: {len(found)} differences")
    output.line(f"{restored} is as {source}")
