"""`ops alarms mute` and `unmute`: mutes with an end and a reason."""

from typing import Annotated, Literal

import typer

from components.facts.alarm_numbers import Severity
from ops.cli.completion import complete_alarm_names
from ops.cli.context import show_typed_time
from ops.cli.durations import parse_minutes_text
from ops.cli.execution import (
    DetailsOption,
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
    reason: Annotated[str, typer.Option(help="why; shown in `ops alarms list`")] = "",
    minutes: Annotated[
        str | None,
        typer.Option(
            "--for",
            metavar="DURATION",
            help="how long, up to 1d; a plain number is minutes",
            callback=parse_minutes_text,
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="the end, ISO 8601; local time unless it has an offset; instead of --for",
        ),
    ] = None,
    severity: Annotated[Severity | None, typer.Option(help="all alarms of a severity")] = None,
    key: Annotated[
        str | None, typer.Option(help="all alarms of a key in docs/alarms.md, like target-5xx-rate")
    ] = None,
    component: Annotated[
        str | None, typer.Option(help="all alarms of a component, like database")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="all alarms of the stack")] = False,
    by: Annotated[
        Literal["rules", "actions"] | None,
        typer.Option(help="mute rules or disabled actions; default: rules if the region has them"),
    ] = None,
    dry_run: DryRunOption = False,
    expect: ExpectOption = None,
    yes: YesOption = False,
    details: DetailsOption = False,
) -> None:
    """Mutes alarms for a time. Alarms that trigger scaling are never muted."""
    from ops.alarms.mute import build_mute_plan, list_stack_alarms, parse_mute_end, select_alarms
    from ops.alarms.mute_state import format_time, has_mute_rules

    if not reason.strip():
        raise UsageError("--reason must be set: say why these alarms are muted")
    now = clock.now()
    end_time = parse_mute_end(now, minutes, until)
    if until is not None:
        show_typed_time("--until", until, end_time)
    stack_context, output = load_stack_context(context)
    stack = stack_context.outputs.stack
    alarms = select_alarms(
        list_stack_alarms(stack_context.aws, stack_context.outputs),
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
    plan = build_mute_plan(
        stack_context.outputs, alarms, now, end_time, reason, run, method, length_minutes
    )
    if execute_plan(
        plan, stack_context, output, ExecutionOptions(dry_run, expect, yes, reason, details=details)
    ):
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
        typer.Argument(metavar="[RUN]...", help="runs whose mutes to end; default: all"),
    ] = None,
    reason: Annotated[str, typer.Option(help="why; recorded in the journal and the lock")] = "",
    dry_run: DryRunOption = False,
    expect: ExpectOption = None,
    yes: YesOption = False,
    details: DetailsOption = False,
) -> None:
    """Ends mutes of ops early. Mutes that others created stay."""
    from ops.alarms.mute import build_unmute_plan, list_stack_alarms
    from ops.alarms.mute_state import list_mutes

    stack_context, output = load_stack_context(context)
    disabled_alarms = [
        stack_alarm.name
        for stack_alarm in list_stack_alarms(stack_context.aws, stack_context.outputs)
        if not stack_alarm.has_enabled_actions
    ]
    ops_mutes = [
        mute
        for mute in list_mutes(stack_context, disabled_alarms=disabled_alarms)
        if mute.run is not None
    ]
    for run_id in mutes or ():
        if run_id not in {mute.run for mute in ops_mutes}:
            known_runs = ", ".join(dict.fromkeys(str(mute.run) for mute in ops_mutes))
            raise UsageError(
                f"RUN must be {known_runs}, not {run_id!r}"
                if known_runs
                else f"RUN is {run_id!r}, but ops has muted nothing",
                "ops alarms list",
            )
    selected_mutes = [mute for mute in ops_mutes if not mutes or mute.run in mutes]
    run = new_run_id("unmute")
    if selected_mutes:
        plan = build_unmute_plan(stack_context.outputs, selected_mutes, run)
        if not execute_plan(
            plan,
            stack_context,
            output,
            ExecutionOptions(dry_run, expect, yes, reason, details=details),
        ):
            return
    names = sorted({name for mute in selected_mutes for name in mute.alarm_names})
    output.print_result("alarms-unmute", {"alarms": names, "run": run if selected_mutes else None})
