"""`ops quotas`: what the account may have of what the stack needs, and requests for more."""

from dataclasses import asdict
from typing import Annotated

import typer

from ops.cli.context import load_stack, share_output
from ops.cli.execution import (
    ExecutionOptions,
    execute_plan,
    load_stack_context,
    mutating_command,
    new_run_id,
)
from ops.cli.watch import WatchOption, looking_command, repeat_look
from ops.core import clock
from ops.core.check_runner import mark_unknown_in_wrong_account, run_checks, send_read
from ops.core.checks import CheckFacts, CheckFinding, CheckRoutine, HealthCheck
from ops.core.counts import format_amount
from ops.core.errors import FindingsError, UsageError
from ops.core.stack_scope import list_stack_regions
from ops.findings.model import ResourceFinding
from ops.health.registry import list_view_calls, select_health_checks
from ops.quotas.check import QUOTAS_AREA, QuotaFigure, judge_figures, measure_quotas
from ops.quotas.check_records import CHECKS
from ops.quotas.request import (
    build_request_plan,
    get_quota,
    list_quota_requests,
    list_region_requests,
    read_limit,
    resolve_region,
)
from ops.quotas.table import QUOTAS

app = typer.Typer(add_completion=False)
QUOTA_COLUMNS = (
    "state",
    "quota",
    "region",
    "used",
    "limit",
    "left",
    "most",
    "code",
    "measured",
    "evidence",
    "command",
)
REQUEST_COLUMNS = ("created", "region", "code", "quota", "value", "status")


@app.callback(invoke_without_command=True)
def show_quotas(context: typer.Context, watch: WatchOption = None) -> None:
    """Shows each quota: use, limit, what is left, and what the stack would need at its most.

    Reads only. Exit code 3 if 80 % of one are used, the stack's most does not fit, or one is
    unknown, unless it is waived.
    """
    if context.invoked_subcommand is not None:
        return
    repeat_look(share_output(context), watch, lambda: _show_figures(context))


def _show_figures(context: typer.Context) -> None:
    outputs, aws, output = load_stack(context, list_view_calls("quotas"))
    figures: list[QuotaFigure] = []

    def read_figures(facts: CheckFacts) -> CheckRoutine:
        figures.extend((yield from measure_quotas(facts, QUOTAS)))
        return (yield from judge_figures(facts, figures))

    checks = [
        *(check for check in select_health_checks("health") if check.area == "account"),
        HealthCheck(QUOTAS_AREA, "quotas", read_figures, CHECKS[0].calls),
    ]
    facts = CheckFacts(outputs, clock.now())
    findings = mark_unknown_in_wrong_account(
        run_checks(checks, facts, lambda read: send_read(aws, read, outputs.stack.region))
    )
    rows = [_build_row(figure, findings) for figure in _sort_figures(figures)]
    if output.output_format == "json":
        items = [asdict(finding) for finding in findings if finding.area != "account"]
        output.print_json("quotas", {"items": rows, "findings": items})
    else:
        output.print_rows("quotas", QUOTA_COLUMNS, rows)
    open_count, unknown_count = (
        sum(finding.state == state for finding in findings) for state in ("failing", "unknown")
    )
    if open_count or unknown_count:
        advice = dict.fromkeys(f.command for f in findings if f.command and f.state != "ok")
        raise FindingsError(f"{open_count} open, {unknown_count} unknown", *advice)
    output.print_line(f"all {len(figures)} have room for the stack")


def _sort_figures(figures: list[QuotaFigure]) -> list[QuotaFigure]:
    def get_rank(figure: QuotaFigure) -> tuple[int, float]:
        needed = figure.used if figure.most is None else figure.most
        share = needed / figure.limit if figure.limit and needed is not None else 0
        return ("failing", "unknown", "ok").index(figure.state), -share

    return sorted(figures, key=get_rank)


def _build_row(figure: QuotaFigure, findings: list[CheckFinding]) -> dict[str, object]:
    subject = f"{figure.quota.name} in {figure.region}"
    finding = next((f for f in findings if f.subject == subject), None)
    state = figure.state if finding is None else finding.state
    return {
        "state": "open" if state == "failing" else state,
        "quota": figure.quota.name,
        "region": figure.region,
        "used": _simplify_amount(figure.used),
        "limit": _simplify_amount(figure.limit),
        "left": _simplify_amount(figure.distance),
        "most": _simplify_amount(figure.most),
        "code": figure.quota.code,
        "measured": figure.quota.measure.description,
        "evidence": figure.describe() if finding is None else finding.evidence,
        "command": finding.command if finding is not None else "",
        "id": finding.id if isinstance(finding, ResourceFinding) else "",
    }


def _simplify_amount(amount: float | None) -> float | None:
    return int(amount) if amount is not None and float(amount).is_integer() else amount


@app.command()
@looking_command
def requests(context: typer.Context) -> None:
    """Lists requests for more of a quota, in both regions, the newest first, with AWS's answer."""
    outputs, aws, output = load_stack(context)
    stack = outputs.stack
    rows = [
        {
            "created": str(request["Created"]),
            "region": region,
            "code": request["QuotaCode"],
            "quota": request.get("QuotaName", ""),
            "value": request["DesiredValue"],
            "status": request["Status"],
        }
        for region in list_stack_regions(stack)
        for request in list_region_requests(aws, region)
    ]
    rows.sort(key=lambda row: str(row["created"]), reverse=True)
    output.print_rows("quotas-requests", REQUEST_COLUMNS, rows)


@app.command()
@mutating_command(timeout=None)
def request(
    context: typer.Context,
    code: Annotated[str, typer.Argument(help="the quota's code, as `ops quotas` has it")],
    value: Annotated[float, typer.Option(help="how much to ask for; more than applies now")],
    options: ExecutionOptions,
    region: Annotated[
        str | None,
        typer.Option(
            "--in", metavar="REGION", help="the stack's region (default) or its recovery region"
        ),
    ] = None,
) -> None:
    """Asks AWS for more of a quota. Nothing takes it back; AWS may say no, or take days."""
    quota = get_quota(code)
    if not 0 < value <= 10**10:  # API reference, RequestServiceQuotaIncrease: DesiredValue
        raise UsageError(
            f"--value must be more than 0 and at most 10000000000, not {format_amount(value)}"
        )
    stack_context, output = load_stack_context(context)
    place = resolve_region(stack_context.outputs, region)
    aws = stack_context.aws
    run = new_run_id("quota")
    plan = build_request_plan(
        stack_context.outputs,
        quota,
        read_limit(aws, quota, place),
        list_quota_requests(aws, quota, place),
        value,
        place,
        run,
        options.reason,
    )
    if execute_plan(plan, stack_context, output, options):
        newest = max(
            (
                item
                for item in list_quota_requests(aws, quota, place)
                if float(item["DesiredValue"]) == value
            ),
            key=lambda item: str(item["Created"]),
        )
        body = {"code": code, "region": place, "value": value, "status": newest["Status"]}
        output.print_result("quotas-request", {**body, "request": newest["Id"], "run": run})
