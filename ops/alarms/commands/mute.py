"""`ops alarms mute` and `unmute`: alarms that tell nobody for a time, with an end and a reason."""

from typing import Annotated, Literal

import typer

from ops.cli.completion import complete_alarm_names
from ops.cli.execution import (
    DryRunOption,
    ExecutionOptions,
    ExpectOption,
    YesOption,
    execute_plan,
    load_stack_context,
    new_run_id,
)
from ops.core import clock
from ops.core.errors import UsageError


def add_mute_commands(app: typer.Typer) -> None:
    """Adds both commands to the noun."""
    app.command()(mute)
    app.command()(unmute)


def mute(
    context: typer.Context,
    alarm: Annotated[
        list[str] | None,
        typer.Argument(
            help="names, with or without the stack's prefix", autocompletion=complete_alarm_names
        ),
    ] = None,
    reason: Annotated[str, typer.Option(help="why; everybody sees it in `ops alarms list`")] = "",
    minutes: Annotated[
        str | None, typer.Option("--for", metavar="MINUTES", help="how long, up to a day")
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="instead of --for; ISO 8601, UTC")
    ] = None,
    severity: Annotated[
        Literal["P0", "P1", "P2"] | None, typer.Option(help="all of a severity")
    ] = None,
    key: Annotated[
        str | None, typer.Option(help="all of a key of docs/alarms.md, like target-5xx-rate")
    ] = None,
    component: Annotated[str | None, typer.Option(help="all of a component, like database")] = None,
    everything: Annotated[bool, typer.Option("--all", help="all alarms of the stack")] = False,
    by: Annotated[
        Literal["rules", "actions"] | None,
        typer.Option(help="mute rules, or actions disabled; else rules where the region has them"),
    ] = None,
    dry_run: DryRunOption = False,
    expect: ExpectOption = None,
    yes: YesOption = False,
) -> None:
    """Alarms tell nobody for a time. What scales something is never muted."""
    from ops.alarms import mute as muting
    from ops.alarms.mute_state import format_time, has_mute_rules

    if not reason.strip():
        raise UsageError("--reason is not set, must be why these alarms are in the way")
    now = clock.now()
    end_time = muting.parse_mute_end(now, minutes, until)
    stack_context, output = load_stack_context(context)
    stack = stack_context.outputs.stack
    alarms = muting.select_alarms(
        muting.list_stack_alarms(stack_context.aws, stack_context.outputs),
        f"{stack.project}-{stack.stack}",
        alarm or (),
        severity=severity,
        key=key,
        component=component,
        everything=everything,
    )
    method = by or (
        "rules" if has_mute_rules(stack_context.aws, stack_context.outputs) else "actions"
    )
    run = new_run_id("mute")
    length_minutes = int(minutes) if minutes else None
    plan = muting.build_mute_plan(
        stack_context.outputs, alarms, now, end_time, reason, run, method, length_minutes
    )
    if execute_plan(plan, stack_context, output, ExecutionOptions(dry_run, expect, yes, reason)):
        output.print_result(
            "alarms-mute",
            {
                "alarms": [stack_alarm.name for stack_alarm in alarms],
                "until": format_time(end_time),
                "run": run,
            },
        )


def unmute(
    context: typer.Context,
    mutes: Annotated[
        list[str] | None,
        typer.Argument(metavar="[RUN]...", help="which, by the run that muted; else all"),
    ] = None,
    reason: Annotated[str, typer.Option(help="why; stands in the journal and the lock")] = "",
    dry_run: DryRunOption = False,
    expect: ExpectOption = None,
    yes: YesOption = False,
) -> None:
    """What ops has muted tells of itself again, before its end. What others muted stays muted."""
    from ops.alarms import mute as muting
    from ops.alarms import mute_state as muted

    stack_context, output = load_stack_context(context)
    disabled_alarms = [
        stack_alarm.name
        for stack_alarm in muting.list_stack_alarms(stack_context.aws, stack_context.outputs)
        if not stack_alarm.has_enabled_actions
    ]
    ops_mutes = [
        mute
        for mute in muted.list_mutes(stack_context, disabled_alarms=disabled_alarms)
        if mute.run is not None
    ]
    for run_id in mutes or ():
        if run_id not in {mute.run for mute in ops_mutes}:
            known_runs = ", ".join(dict.fromkeys(str(mute.run) for mute in ops_mutes))
            known_runs = known_runs or "none: ops has muted nothing"
            raise UsageError(f"RUN is {run_id!r}, must be {known_runs}", "ops alarms list")
    selected_mutes = [mute for mute in ops_mutes if not mutes or mute.run in mutes]
    run = new_run_id("unmute")
    if selected_mutes:
        plan = muting.build_unmute_plan(stack_context.outputs, selected_mutes, run)
        if not execute_plan(
            plan, stack_context, output, ExecutionOptions(dry_run, expect, yes, reason)
        ):
            return
    names = sorted({name for mute in selected_mutes for name in mute.alarm_names})
    output.print_result("alarms-unmute", {"alarms": names, "run": run if selected_mutes else None})
