"""`ops recover drill` and `drills`: the monthly test that the database can be restored in time."""

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from ops.cli.context import require_page_path
from ops.cli.durations import build_duration_option
from ops.cli.execution import (
    ExecutionOptions,
    execute_plan,
    load_stack_context,
    mutating_command,
    new_run_id,
)
from ops.cli.render import Output
from ops.core import clock
from ops.core.errors import FindingsError, OpsError, UsageError
from ops.core.journal import Journal
from ops.core.run_context import StackContext
from ops.database import replicas
from ops.database.sql.contents import parse_heartbeat
from ops.recovery.commands.options import (
    InstanceClassOption,
    RestoredViaOption,
    SqlAccessOption,
    resolve_sql_access,
)
from ops.recovery.drill import build_drill_plan
from ops.recovery.drill_history import (
    DEFAULT_RPO_MINUTES,
    DEFAULT_RTO_MINUTES,
    DRILL_COLUMNS,
    DRILL_RUN_KIND,
    DrillRecord,
    describe_regression,
    load_drill_history,
    parse_drill_journal,
    save_drill_record,
)
from ops.recovery.restore_request import (
    RestoreRequest,
    get_restorable_window,
    get_restored_identifier,
    require_instance_quota,
)

app = typer.Typer(add_completion=False)
DrillPageOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="write an HTML page with a chart of all drills")
]


@app.command("drill")
@mutating_command
def run_drill(
    context: typer.Context,
    rto: Annotated[
        float,
        build_duration_option(
            minimum=1,
            maximum=1440,
            default=DEFAULT_RTO_MINUTES,
            text="objective: time until a query is answered",
        ),
    ] = DEFAULT_RTO_MINUTES,
    rpo: Annotated[
        float,
        build_duration_option(
            minimum=1,
            maximum=1440,
            default=DEFAULT_RPO_MINUTES,
            text="objective: time of writes that may be lost",
        ),
    ] = DEFAULT_RPO_MINUTES,
    heartbeat: Annotated[
        str | None,
        typer.Option(metavar="TABLE.COLUMN", help="a timestamp that is written continuously"),
    ] = None,
    size: InstanceClassOption = None,
    sql: SqlAccessOption = None,
    via: RestoredViaOption = None,
    to: DrillPageOption = None,
    *,
    options: ExecutionOptions,
) -> None:
    """Restores the database beside the primary, checks it, measures, and deletes it.

    Exit code 3 if an objective is missed or the drill was slower than earlier ones.
    """
    heartbeat_column = parse_heartbeat(heartbeat)
    require_page_path("--to", to)
    stack_context, output = load_stack_context(context)
    run = new_run_id(DRILL_RUN_KIND)
    source = replicas.get_instance_description(stack_context.aws, stack_context.outputs)
    get_restorable_window(stack_context.aws, stack_context.outputs, source)
    can_query = resolve_sql_access(stack_context.outputs, sql, via)
    if heartbeat_column is not None and not can_query:
        raise UsageError("--heartbeat needs SQL, but the database cannot be reached: set --via")
    name = get_restored_identifier(stack_context.outputs, None, run)
    request = RestoreRequest(name, size, can_query, via, is_permanent=False)
    request = require_instance_quota(
        stack_context.aws, stack_context.outputs, request, source.get("AllocatedStorage")
    )
    plan = build_drill_plan(
        stack_context.outputs, source, request, heartbeat_column, run, clock.now(), rto, rpo
    )
    try:
        if not execute_plan(plan, stack_context, output, options):
            return
    except OpsError:
        with suppress(OpsError):  # what stopped the drill is said, not what keeps it unrecorded
            _record_ended_drill(stack_context, run)
        raise
    report_drill(stack_context, output, run, to)


def _record_ended_drill(stack_context: StackContext, run: str) -> None:
    """Records a drill that was undone, too."""
    journal = Journal(stack_context.get_journal_store(run))
    if journal.end_record is not None:
        save_drill_record(stack_context, parse_drill_journal(journal))


def report_drill(
    stack_context: StackContext, output: Output, run: str, page: Path | None = None
) -> None:
    """Records a drill that is done, prints what it measured, and writes the page.

    Raises FindingsError if it missed an objective or was slower than earlier ones, also if the
    drill was resumed.
    """
    drill_record = save_drill_record(
        stack_context, parse_drill_journal(Journal(stack_context.get_journal_store(run)))
    )
    earlier_drills = [
        earlier_drill
        for earlier_drill in load_drill_history(stack_context)
        if earlier_drill.run != run
    ]
    regression = describe_regression(drill_record, earlier_drills)
    if page is not None:
        _write_page(page, [*earlier_drills, drill_record])
    if output.output_format == "json":
        output.print_json(
            "recover-drill", {**drill_record.model_dump(), "regression": regression or None}
        )
    else:
        output.print_result("recover-drill", drill_record.build_row())
    if drill_record.why or regression:
        raise FindingsError("; ".join([*drill_record.why, *([regression] if regression else [])]))


@app.command(name="drills")
def show_drills(context: typer.Context, to: DrillPageOption = None) -> None:
    """Lists all drills, the newest first, and why they missed their objectives."""
    require_page_path("--to", to)
    stack_context, output = load_stack_context(context)
    records = load_drill_history(stack_context)
    if to is not None:
        if not records:
            raise OpsError("there are no drills yet", "ops recover drill")
        _write_page(to, records)
    if output.output_format == "json":
        output.print_json(
            "recover-drills", {"items": [record.model_dump() for record in reversed(records)]}
        )
        return
    output.print_rows(
        "recover-drills", DRILL_COLUMNS, [record.build_row() for record in reversed(records)]
    )
    for record in reversed(records):
        for reason in record.why:
            output.print_line(f"{record.run}: {reason}")


def _write_page(path: Path, records: list[DrillRecord]) -> None:
    from ops.recovery.drill_page import render_drill_page

    path.write_text(render_drill_page(records), encoding="utf-8")
