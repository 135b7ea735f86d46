"""`ops check`: checklists with results."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from ops.checks.model import ChecklistResult
from ops.checks.report import (
    ChecklistReport,
    describe_todo_count,
    format_since,
    list_advice,
    list_trend_lines,
)
from ops.checks.table import (
    ACCOUNT_ITEM,
    CHECKLISTS,
    evaluate_checklist,
    list_checklist_apis,
    parse_item_selection,
)
from ops.cli.context import load_stack, require_page_path, write_report
from ops.cli.durations import build_duration_option
from ops.cli.render import Output
from ops.core import clock
from ops.core.check_record import DAILY
from ops.core.checks import HEALTH_STATES
from ops.core.errors import FindingsError, OpsError, UsageError
from ops.health.registry import HEALTH_APIS

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Checklists with results: exit code 3 if something fails or is unknown.",
)
DEFAULT_LOOKBACK_MINUTES = 15.0  # minutes
PERIODIC_CHECKLISTS = DAILY  # those that come again: they are kept and compared
ITEM_COLUMNS = ("state", "item", "evidence", "command", "to do")
PERIODIC_COLUMNS = ("state", "item", "since", "evidence", "command", "to do")
ItemsOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--only", metavar="ITEM", help="items by key, with commas: storage-trend,drill"),
]
PageOption: TypeAlias = Annotated[
    Path | None,
    typer.Option("--to", "--html", metavar="FILE", help="write an HTML page to this file"),
]
RecordOption: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--record", help="keep the result in the operations bucket, for later ones to compare"
    ),
]


def run_checklist(
    context: typer.Context,
    name: str,
    minutes: float = DEFAULT_LOOKBACK_MINUTES,
    *,
    only: str | None = None,
    to: Path | None = None,
    is_recorded: bool = False,
) -> None:
    """Runs a checklist and prints its results. Raises FindingsError unless all are ok."""
    keys = parse_item_selection(name, only)
    require_page_path("--html or --to", to)
    if keys and is_recorded:
        raise UsageError("--record keeps the result of a whole list, so it must be without --only")
    # The cut models of `ops health` are cached (ops/core/service_models.py): ask for the same ones.
    is_cut = set(list_checklist_apis(name)) <= set(HEALTH_APIS) and not is_recorded
    outputs, aws, output = load_stack(context, HEALTH_APIS if is_cut else ())
    now = clock.now()
    results = evaluate_checklist(
        name, outputs, aws, now, minutes * 60, keys, is_recorded=is_recorded
    )
    results.sort(key=lambda result: HEALTH_STATES.index(result.state))
    trend = address = None
    if name in PERIODIC_CHECKLISTS:
        from ops.checks.history import compare_with_history
        from ops.checks.model import ChecklistFacts, build_read_sender
        from ops.checks.records import build_check_record, read_check_history, save_check_record

        sender = build_read_sender(aws, outputs.stack.region)
        history = read_check_history(name, ChecklistFacts(outputs, now), sender)
        trend = compare_with_history(results, history, now)
        if is_recorded and _is_account_known(results):
            record = build_check_record(name, outputs, now, results)
            address = save_check_record(aws, outputs, record)
    report = ChecklistReport(name, outputs, now, tuple(results), trend, address)
    if to is not None:
        from ops.checks.page import render_checklist_page

        write_report("--to", to, render_checklist_page(report))
        output.print_note(f"wrote {to}")
    _print_report(output, report)
    if is_recorded and address is None:
        raise OpsError("not recorded: the credentials are not the stack's account for sure")
    _require_ok(output, report)


def _is_account_known(results: list[ChecklistResult]) -> bool:
    """True if the credentials are of the stack's account: else nothing is kept in its name."""
    return all(result.state == "ok" for result in results if result.item == ACCOUNT_ITEM)


def _print_report(output: Output, report: ChecklistReport) -> None:
    if output.output_format == "json":
        output.print_json("check", report.build_json())
        return
    columns = ITEM_COLUMNS if report.trend is None else PERIODIC_COLUMNS
    rows = [
        {
            **asdict(result),
            "since": format_since(report.get_item_trend(result)),
            "to do": result.todo,
        }
        for result in report.results
    ]
    output.print_rows("check", columns, rows)
    for line in list_trend_lines(report):
        output.print_line(line)
    output.print_line(describe_todo_count(report))
    if report.address is not None:
        output.print_line(f"recorded as {report.address}")


def _require_ok(output: Output, report: ChecklistReport) -> None:
    counts = report.counts
    if counts["failing"] or counts["unknown"]:
        summary = f"{counts['failing']} failing, {counts['unknown']} unknown, {counts['ok']} ok"
        raise FindingsError(summary, *list_advice(report.results))
    output.print_line(f"all {counts['ok']} ok")


def _add_periodic_command(name: str) -> None:
    """Adds the command of a checklist that comes again."""

    @app.command(name, help=f"{CHECKLISTS[name].capitalize()}.")
    def check_periodically(
        context: typer.Context,
        only: ItemsOption = None,
        to: PageOption = None,
        record: RecordOption = False,
    ) -> None:
        run_checklist(context, name, only=only, to=to, is_recorded=record)


for _name in PERIODIC_CHECKLISTS:
    _add_periodic_command(_name)


@app.command(name="pre-deploy", help=f"{CHECKLISTS['pre-deploy'].capitalize()}. Reads only.")
def check_pre_deploy(
    context: typer.Context, only: ItemsOption = None, to: PageOption = None
) -> None:
    """The lock, deployments, alarms, what can be restored, limits."""
    run_checklist(context, "pre-deploy", only=only, to=to)


@app.command(name="post-deploy", help=f"{CHECKLISTS['post-deploy'].capitalize()}. Reads only.")
def check_post_deploy(
    context: typer.Context,
    since: Annotated[
        float,
        build_duration_option(
            minimum=1, maximum=1440, default=DEFAULT_LOOKBACK_MINUTES, text="how long ago it was"
        ),
    ] = DEFAULT_LOOKBACK_MINUTES,
    only: ItemsOption = None,
    to: PageOption = None,
) -> None:
    """Services, targets, alarms and errors since."""
    run_checklist(context, "post-deploy", since, only=only, to=to)
