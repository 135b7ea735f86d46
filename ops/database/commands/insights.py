"""`ops db insights`: what the database is busy with, without a way to it."""

from dataclasses import asdict
from typing import Annotated, Any, Final

import typer

from ops.cli.context import load_stack
from ops.cli.time_span import SinceOption, TimeSpan, UntilOption, parse_time_span
from ops.cli.watch import looking_command
from ops.core import clock
from ops.core.errors import OpsError
from ops.database.commands.queries import (
    FullQueryOption,
    ReplicaOption,
    resolve_replica,
    shorten_query,
)
from ops.database.insights import (
    MAX_KEYS,
    STATEMENT_COLUMNS,
    WAIT_LOAD_COLUMNS,
    DatabaseLoad,
    StatementLoad,
    fetch_database_load,
    require_insights,
)
from ops.database.instance import describe_instance

app = typer.Typer(add_completion=False)
DEFAULT_LOAD_SPAN: Final = "60m"
MAX_SHOWN_WAITS: Final = 3  # of one statement


@app.command("insights")
@looking_command
def show_insights(
    context: typer.Context,
    since: SinceOption = None,
    until: UntilOption = None,
    replica: ReplicaOption = None,
    limit: Annotated[
        int, typer.Option(min=1, max=MAX_KEYS, help="maximum number of statements")
    ] = 10,
    full: FullQueryOption = False,
) -> None:
    """Shows the load of the last hour by what sessions wait for and by statement.

    From Performance Insights, so no SQL access is needed. Statements have no literals.
    """
    span = _parse_span(since, until)
    outputs, aws, output = load_stack(context)
    name = resolve_replica(outputs, replica) or outputs.database.identifier
    description = describe_instance(aws, outputs, name)
    if description is None:
        raise OpsError(f"there is no DB instance {name}", "ops db status")
    require_insights(description, span, clock.now().timestamp())
    load = fetch_database_load(aws, outputs, description, span, limit)
    if output.output_format == "json":
        output.print_json("db-insights", {**span.build_json(), **asdict(load)})
        return
    output.print_note(f"load of {name}, {span.describe()}: {_describe_load(load)}")
    waits: list[dict[str, Any]] = [
        {
            "load": f"{wait.load:.2f}",
            "share": _format_share(wait.load, load),
            "type": wait.type,
            "wait": wait.name,
        }
        for wait in load.waits
    ]
    output.print_rows("db-insights-waits", WAIT_LOAD_COLUMNS, waits)
    output.print_rows(
        "db-insights",
        STATEMENT_COLUMNS,
        [_build_row(item, load, full=full) for item in load.statements],
    )


def _parse_span(since: str | None, until: str | None) -> TimeSpan:
    return parse_time_span(since, until, clock.now(), default=DEFAULT_LOAD_SPAN)


def _describe_load(load: DatabaseLoad) -> str:
    if load.average is None or load.maximum is None:
        return "unknown, nothing was measured"
    cpus = "unknown vCPUs" if load.vcpus is None else f"{load.vcpus} vCPUs"
    text = f"{load.average:.2f} sessions on average, {load.maximum:.2f} at most, on {cpus}"
    is_over = load.vcpus is not None and load.maximum > load.vcpus
    return text + ("; more than it has processors: sessions wait" if is_over else "")


def _format_share(part: float, load: DatabaseLoad) -> str:
    whole = sum(wait.load for wait in load.waits)
    return f"{100 * part / whole:.0f} %" if whole else "unknown"


def _build_row(item: StatementLoad, load: DatabaseLoad, *, full: bool) -> dict[str, Any]:
    waits = list(item.waits)[:MAX_SHOWN_WAITS]
    return {
        "load": f"{item.load:.2f}",
        "share": _format_share(item.load, load),
        "waits for": ", ".join(waits),
        "statement": item.statement if full else shorten_query(item.statement),
    }
