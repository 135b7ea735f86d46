"""`ops alarms mute` and `unmute`: alarms that tell nobody for a time, with an end and a reason."""

from typing import Annotated, Literal

import typer

from ops.cli.completion import alarm_names
from ops.cli.execution import DryRun, Expect, How, Yes, carry_out, new_run, target
from ops.core import clock
from ops.core.errors import UsageError


def add(app: typer.Typer) -> None:
    """Adds both commands to the noun."""
    app.command()(mute)
    app.command()(unmute)


def mute(
    context: typer.Context,
    alarm: Annotated[
        list[str] | None,
        typer.Argument(
            help="names, with or without the stack's prefix", autocompletion=alarm_names
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
    dry_run: DryRun = False,
    expect: Expect = None,
    yes: Yes = False,
) -> None:
    """Alarms tell nobody for a time. What scales something is never muted."""
    from ops.alarms import mute as muting
    from ops.alarms.mute_state import has_rules, iso

    if not reason.strip():
        raise UsageError("--reason is not set, may be why these alarms are in the way")
    now = clock.now()
    end = muting.end(now, minutes, until)
    of, output = target(context)
    stack = of.outputs.stack
    found = muting.chosen(
        muting.observed(of.aws, of.outputs),
        f"{stack.project}-{stack.stack}",
        alarm or (),
        severity=severity,
        key=key,
        component=component,
        everything=everything,
    )
    how = by or ("rules" if has_rules(of.aws, of.outputs) else "actions")
    run = new_run("mute")
    length = int(minutes) if minutes else None
    plan = muting.mute(of.outputs, found, now, end, reason, run, how, length)
    if carry_out(plan, of, output, How(dry_run, expect, yes, reason)):
        output.result(
            "alarms-mute", {"alarms": [a.name for a in found], "until": iso(end), "run": run}
        )


def unmute(
    context: typer.Context,
    mutes: Annotated[
        list[str] | None,
        typer.Argument(metavar="[RUN]...", help="which, by the run that muted; else all"),
    ] = None,
    reason: Annotated[str, typer.Option(help="why; stands in the journal and the lock")] = "",
    dry_run: DryRun = False,
    expect: Expect = None,
    yes: Yes = False,
) -> None:
    """What ops has muted tells of itself again, before its end. What others muted stays muted."""
    from ops.alarms import mute as muting
    from ops.alarms import mute_state as muted

    of, output = target(context)
    off = [a.name for a in muting.observed(of.aws, of.outputs) if not a.enabled]
    found = [mute for mute in muted.mutes(of, disabled=off) if mute.run is not None]
    for given in mutes or ():
        if given not in {mute.run for mute in found}:
            known = ", ".join(dict.fromkeys(str(mute.run) for mute in found))
            known = known or "none: ops has muted nothing"
            raise UsageError(f"RUN is {given!r}, may be {known}", "ops alarms list")
    chosen = [mute for mute in found if not mutes or mute.run in mutes]
    run = new_run("unmute")
    if chosen:
        plan = muting.unmute(of.outputs, chosen, run)
        if not carry_out(plan, of, output, How(dry_run, expect, yes, reason)):
            return
    names = sorted({name for mute in chosen for name in mute.names})
    output.result("alarms-unmute", {"alarms": names, "run": run if chosen else None})
