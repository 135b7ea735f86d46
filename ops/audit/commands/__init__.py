"""`ops audit`: what is open, unprotected or not watched, and the findings that are waived."""

from typing import Annotated

import typer

from ops.audit.commands.may import ask_may
from ops.audit.commands.used import show_used
from ops.audit.waiver_plan import (
    build_unwaive_plan,
    build_waive_plan,
    get_waivable_finding,
    parse_finding_id,
    parse_waiver_end,
    require_waived,
    require_waiver_reason,
)
from ops.cli.context import share_output
from ops.cli.execution import (
    ExecutionOptions,
    execute_plan,
    load_stack_context,
    mutating_command,
    new_run_id,
)
from ops.cli.watch import WatchOption, looking_command, repeat_look
from ops.core import clock
from ops.core.errors import UsageError
from ops.findings.view import parse_view_keys, show_view

app = typer.Typer(add_completion=False, invoke_without_command=True)
app.command("may")(looking_command(ask_may))
app.command("used")(looking_command(show_used))


@app.callback()
@mutating_command
def show_audit(
    context: typer.Context,
    only: Annotated[
        str | None,
        typer.Option(metavar="KEY,...", help="keys of checks, with commas"),
    ] = None,
    waive: Annotated[
        str | None,
        typer.Option(metavar="ID", help="live with a finding of any look at upkeep for a while"),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="end of --waive: a date, or 30d; `now` ends it"),
    ] = None,
    unwaive: Annotated[
        str | None, typer.Option(metavar="ID", help="end the waiver of a finding now")
    ] = None,
    watch: WatchOption = None,
    *,
    options: ExecutionOptions,
) -> None:
    """What is open, unprotected or not watched: each with its control and what mends it.

    Reads AWS as it is, whatever was planned. Exit code 3 while something is open or unknown. With
    --waive a finding is lived with until a day, for a reason that is recorded; it counts as ok
    until then. Waiving again replaces the waiver.
    """
    if context.invoked_subcommand is not None:
        return
    if waive is None and unwaive is None:
        for name, value in (("--until", until), ("--expect", options.expect)):
            if value is not None:
                raise UsageError(f"{name} is set, so --waive or --unwaive must be set too")
        keys = parse_view_keys("audit", only)
        repeat_look(share_output(context), watch, lambda: show_view(context, "audit", keys))
        return
    if waive is not None and unwaive is not None:
        raise UsageError("--waive and --unwaive are set, but must not be both")
    if only is not None or watch is not None:
        name = "--only" if watch is None else "--watch"
        raise UsageError(f"{name} is set, so --waive and --unwaive must not be")
    _change_waiver(context, waive, until, unwaive, options)


def _change_waiver(
    context: typer.Context,
    waive: str | None,
    until: str | None,
    unwaive: str | None,
    options: ExecutionOptions,
) -> None:
    now = clock.now()
    end = None
    if unwaive is not None:
        if until is not None:
            raise UsageError("--until is set, so --unwaive must not be: it ends the waiver now")
        finding_id = parse_finding_id("--unwaive", unwaive)
    else:
        finding_id = parse_finding_id("--waive", waive or "")
        end = parse_waiver_end(until, now)
    if end is not None:
        require_waiver_reason(options.reason)
    stack_context, output = load_stack_context(context)
    run = new_run_id("waiver")
    outputs = stack_context.outputs
    if end is None:
        waiver = require_waived(stack_context, finding_id, now)
        plan = build_unwaive_plan(outputs, waiver, options.reason, run)
    else:
        finding = get_waivable_finding(stack_context, finding_id)
        plan = build_waive_plan(outputs, finding, end, options.reason, run)
    if execute_plan(plan, stack_context, output, options):
        state = "open" if end is None else f"waived until {end:%Y-%m-%d}"
        output.print_result("audit-waiver", {"finding": finding_id, "state": state, "run": run})
