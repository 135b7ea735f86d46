"""Instance refreshes: every instance of the fleet anew, a part at a time."""

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any, Final

from ops.core.aws import Aws
from ops.core.errors import OpsError, RefusedError, UsageError
from ops.core.plan import Call, Plan, Step, Wait
from ops.core.stack_plan import build_stack_plan
from ops.fleet import model as fleet
from ops.fleet.model import Fleet
from ops.fleet.refresh_steps import (
    ACTIVE,
    ASSUMED,
    BACK,
    PATIENCE,
    SPARE,
    How,
    Ours,
    batch,
    begin,
    confirm,
    listed,
    stop,
    typical,
)
from ops.outputs import FleetPart, Outputs

WORDS: Final = {"latest": "$Latest", "default": "$Default"}
BAD: Final = ("Failed", "RollbackSuccessful", "RollbackFailed")
COLUMNS: Final = (
    "refresh",
    "status",
    "percent",
    "remaining",
    "version",
    "started",
    "ended",
    "reason",
)


def checkpoints(text: str | None) -> tuple[int, ...]:
    """--checkpoint: percentages that rise; all of the fleet comes last. Raises UsageError."""
    if text is None:
        return ()
    parts = text.split(",")
    numbers = [int(part) for part in parts if part.isascii() and part.isdigit()]
    rising = all(a < b for a, b in pairwise(numbers))
    if len(numbers) < len(parts) or not rising or not 1 <= numbers[0] <= numbers[-1] <= 100:
        raise UsageError(f"--checkpoint is {text!r}, may be percentages that rise, like 20,50")
    return (*numbers, *(() if numbers[-1] == 100 else (100,)))


def agree(least: int | None, most: int | None, of: Fleet) -> None:
    """Raises UsageError where the percentages are further apart than AWS takes."""
    low, high = How(least, most).healthy(of)
    if high - low > 100:
        option = "--max-healthy" if most is not None else "--min-healthy"
        value, may = (high, f"at most {low + 100}") if most is not None else (low, f"{high - 100}")
        raise UsageError(f"{option} is {value}, may be {may}: at most 100 apart")


def version_of(refresh: Mapping[str, Any]) -> str | None:
    """The launch template version that a refresh leads to, where it was told one."""
    desired = refresh.get("DesiredConfiguration") or {}
    template = (desired.get("MixedInstancesPolicy") or {}).get("LaunchTemplate", {})
    found = template.get("LaunchTemplateSpecification") or desired.get("LaunchTemplate") or {}
    return found.get("Version")


def row(refresh: Mapping[str, Any]) -> dict[str, object]:
    """What a person sees of a refresh."""
    back = refresh.get("RollbackDetails") or {}
    return {
        "refresh": refresh["InstanceRefreshId"],
        "status": refresh["Status"],
        "percent": refresh.get("PercentageComplete"),
        "remaining": refresh.get("InstancesToUpdate"),
        "version": version_of(refresh),
        "started": refresh.get("StartTime"),
        "ended": refresh.get("EndTime"),
        "reason": refresh.get("StatusReason") or back.get("RollbackReason"),
    }


def why(aws: Aws, of: FleetPart, earlier: Collection[str]) -> list[str]:
    """Why refreshes failed that are not among the earlier ones, as AWS says it.

    What cannot be read is said, as it is no reason to hide what has happened.
    """
    try:
        found = listed(aws, of)
    except OpsError as error:
        return [f"unknown, {error}"]
    new = [it for it in found if it["InstanceRefreshId"] not in earlier and it["Status"] in BAD]
    return [f"{it['InstanceRefreshId']}: {row(it)['reason'] or 'no reason given'}" for it in new]


def over(aws: Aws, of: FleetPart) -> tuple[str, ...]:
    """The newest refreshes that have ended."""
    found = listed(aws, of)
    return tuple(it["InstanceRefreshId"] for it in found if it["Status"] not in ACTIVE)


def before(aws: Aws, of: Fleet) -> tuple[str, ...]:
    """The newest refreshes that there are. Raises UsageError where one of them is at work."""
    found = listed(aws, of.part)
    now = next((it for it in found if it["Status"] in ACTIVE), None)
    if now is not None:
        raise UsageError(
            f"the instance refresh {now['InstanceRefreshId']} is {now['Status']}, and AWS takes no "
            "second one",
            "ops fleet refresh status",
            "ops fleet refresh cancel",
        )
    return tuple(it["InstanceRefreshId"] for it in found)


def known_as(version: str | None) -> None:
    """Raises UsageError where --template-version is no version."""
    if (
        version is not None
        and version not in WORDS
        and not re.fullmatch("[1-9][0-9]{0,8}", version)
    ):
        raise UsageError(
            f"--template-version is {version!r}, may be a number, or latest or default"
        )


def wanted(aws: Aws, of: Fleet, version: str | None) -> str:
    """The number of the version of --template-version, else of the group's. Raises UsageError."""
    if version is None:
        return fleet.number(aws, of, of.version)
    known_as(version)
    try:
        return fleet.number(aws, of, WORDS.get(version, version))
    except RefusedError as error:
        raise UsageError(
            f"--template-version is {version!r}, which launch template {of.template} has not "
            f"({error})",
            "aws ec2 describe-launch-template-versions --launch-template-id " + of.template,
        ) from None


def start(
    aws: Aws,
    outputs: Outputs,
    of: Fleet,
    run: str,
    *,
    version: str,
    how: How,
    wait: bool = True,
) -> Plan:
    """Every instance is a new one, of this version of the launch template.

    Undone: what is at work is stopped, and those of another version are replaced by the version of
    before. Where the version is the same there is nothing to go back to.
    """
    known = before(aws, of)
    now = fleet.number(aws, of, of.version)
    returns = how.returns and version != now and not of.version.startswith("$")
    ours = Ours(of, version, replace(how, returns=returns), known)
    undo: tuple[Step, ...] = (stop("stop", ours),)
    if version != now:
        old = Ours(of, now, How(how.least, how.most, skip=True, bakes=BACK), known)
        undo = (*undo, begin("back", old, f"put the fleet back on version {now}"))
    says = f"replace the instances of the fleet by new ones of version {version}"
    steps = (
        begin("refresh", ours, says, wait=wait, undo=undo),
        *((confirm("confirm", of, version),) if wait else ()),
    )
    notes = [
        f"launch template {of.template}: version {now} -> {version}",
        said(of, how),
        f"where it fails AWS {'goes' if returns else 'does not go'} back by itself",
    ]
    if version == now:
        notes.append("of the same version there is nothing to go back to: what is new stays")
    return build_stack_plan(outputs, run, "fleet refresh start", *steps, notes=notes)


def said(of: Fleet, how: How) -> str:
    """How many at a time, in words."""
    least, most = how.healthy(of)
    words = (
        f"{len(of.instances)} instances, {batch(of, how)} at a time, between {least} and {most} "
        "percent of them healthy"
    )
    if how.checkpoints:
        points = ", ".join(f"{point}" for point in how.checkpoints if point < 100)
        words += f", a pause of {how.delay // 60} min at {points} percent"
    return words


def cancel(aws: Aws, outputs: Outputs, of: Fleet, run: str) -> Plan:
    """The refresh or rollback at work is stopped. What it has replaced stays."""
    now = _at_work(aws, of)
    step = _end(
        of,
        now,
        "cancel_instance_refresh",
        "Cancelled",
        "Cancelling",
        ("Successful", "Failed", "RollbackSuccessful", "RollbackFailed"),
    )
    notes = (_where(now), "what is replaced so far stays, and so does the group's own version")
    return build_stack_plan(outputs, run, "fleet refresh cancel", step, notes=notes)


def rollback(aws: Aws, outputs: Outputs, of: Fleet, run: str) -> Plan:
    """The refresh at work is taken back: what it has replaced is replaced by what was before."""
    now = _at_work(aws, of)
    id_, leads = now["InstanceRefreshId"], version_of(now)
    problem = None
    if now["Status"] in ("RollbackInProgress", "Cancelling"):
        problem = f"is {now['Status']} already"
    elif leads is None:
        problem = "was started without a desired configuration: AWS does not know what was before"
    elif of.version.startswith("$"):
        problem = f"began from {of.version}, which is no version that AWS could go back to"
    elif leads == of.version:
        problem = f"leads to version {leads}, which the fleet had before it"
    if problem is not None:
        raise UsageError(
            f"the instance refresh {id_} {problem}",
            "ops fleet refresh cancel",
            "ops runs list",
        )
    step = _end(
        of,
        now,
        "rollback_instance_refresh",
        "RollbackSuccessful",
        "RollbackInProgress",
        ("Successful", "Failed", "Cancelled", "RollbackFailed"),
    )
    notes = (
        _where(now),
        f"launch template: back to version {of.version}",
        f"new instances run the image that {of.part.image_parameter} names, now as before",
    )
    return build_stack_plan(outputs, run, "fleet refresh rollback", step, notes=notes)


def _where(refresh: Mapping[str, Any]) -> str:
    return (
        f"{refresh['InstanceRefreshId']} is {refresh['Status']}, "
        f"{refresh.get('PercentageComplete', 0)} percent"
    )


def _at_work(aws: Aws, of: Fleet) -> Mapping[str, Any]:
    """The refresh at work. Raises UsageError where there is none."""
    found = listed(aws, of.part)
    for it in found:
        if it["Status"] in ACTIVE:
            return it
    last = f"the last one is {found[0]['Status']}" if found else "there was none in six weeks"
    raise UsageError(
        f"no instance refresh is at work, {last}",
        "ops fleet refresh status",
        "ops fleet refresh start --template-version NUMBER",
    )


def _end(
    of: Fleet, now: Mapping[str, Any], operation: str, met: str, begun: str, failed: tuple[str, ...]
) -> Step:
    """Ends the refresh at work in one of its ways."""
    status = "InstanceRefreshes[0].Status"
    group = of.part.group
    within = typical(of, How()) + PATIENCE + SPARE
    return Step(
        name=operation.split("_")[0],
        description=f"{operation.split('_')[0]} the instance refresh {now['InstanceRefreshId']}",
        action=Call(api=f"autoscaling.{operation}", params={"AutoScalingGroupName": group}),
        goal=Wait(
            read=Call(
                api="autoscaling.describe_instance_refreshes",
                params={
                    "AutoScalingGroupName": group,
                    "InstanceRefreshIds": [now["InstanceRefreshId"]],
                },
            ),
            met={status: met},
            begun={status: begun},
            failed={status: list(failed)},
            every=30,
            within=within,
            typical=typical(of, How()) / 2,
            source=ASSUMED,
        ),
    )
