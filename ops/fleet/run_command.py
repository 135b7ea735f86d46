"""A command on instances of the fleet, by Systems Manager's Run Command."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from ops.core.aws import Aws
from ops.core.errors import OpsError, UsageError
from ops.core.plan import Call, JsonObject, Plan, StartTime, Step, Wait
from ops.core.stack_plan import build_stack_plan
from ops.fleet import model as fleet
from ops.fleet.model import Fleet
from ops.outputs import Outputs

DOCUMENT: Final = "AWS-RunShellScript"
MOST: Final = 50  # instances by id in one command. Source: API reference, SendCommand
GROUP_TAG: Final = "tag:aws:autoscaling:groupName"
# Seconds until an instance must have taken the command. Source: API reference, its least.
DELIVERY: Final = 60
SKEW: Final = timedelta(minutes=1)  # by which this machine's clock may be ahead: an assumption
SPARE: Final = 300  # seconds beyond what the command itself may take
INSTANCE: Final = re.compile(r"i-([0-9a-f]{8}|[0-9a-f]{17})")
CONCURRENCY: Final = re.compile(r"[1-9][0-9]{0,6}|[1-9][0-9]?%|100%")
ERRORS: Final = re.compile(r"[1-9][0-9]{0,6}|0|[0-9]%|[1-9][0-9]%|100%")
OVER: Final = ("Success", "Cancelled", "Failed", "TimedOut")


@dataclass(frozen=True)
class How:
    """How a command is sent. `concurrency` and `errors` are numbers or percentages.

    `seconds` is how long it may take on an instance.
    """

    concurrency: str = "50"
    errors: str = "0"
    seconds: int = 600


def checked(how: How) -> How:
    """Raises UsageError where a number is none."""
    for option, value, pattern, may in (
        ("--max-concurrency", how.concurrency, CONCURRENCY, "1 and more, or 1% to 100%"),
        ("--max-errors", how.errors, ERRORS, "0 and more, or 0% to 100%"),
    ):
        if pattern.fullmatch(value) is None:
            raise UsageError(f"{option} is {value!r}, may be {may}")
    return how


def script(words: Sequence[str]) -> str:
    """COMMAND as a shell runs it: one word is a script, several are a command's words."""
    text = words[0] if len(words) == 1 else shlex.join(words)
    if not text.strip():
        raise UsageError(f"COMMAND is {text!r}, may be a command, like: -- df -h")
    return text


def asked(names: Sequence[str], *, all_of: bool) -> None:
    """Raises UsageError where it is not said for which instances, or said wrong."""
    for name in names:
        if INSTANCE.fullmatch(name) is None:
            raise UsageError(
                f"--instance is {name!r}, may be an instance's id", "ops fleet instances"
            )
    if bool(names) == all_of:
        given = "both are set" if names else "neither is set"
        raise UsageError(f"--instance or --all: {given}, may be one of them", "ops fleet instances")
    if len(names) > MOST:
        raise UsageError(f"--instance is given {len(names)} times, may be {MOST} times, or --all")


def chosen(of: Fleet, names: Sequence[str]) -> list[str]:
    """The instances that are meant, all that are in service where none is named."""
    serve = [i["InstanceId"] for i in of.instances if i["LifecycleState"] == "InService"]
    for name in names:
        if name not in serve:
            raise UsageError(
                f"--instance is {name!r}, which is not in service in the fleet",
                "ops fleet instances",
            )
    if not serve:
        raise OpsError("no instance of the fleet is in service", "ops fleet instances")
    return sorted(set(names) or serve)


def run(
    outputs: Outputs,
    of: Fleet,
    ids: Sequence[str],
    text: str,
    run_id: str,
    now: datetime,
    *,
    how: How,
) -> Plan:
    """The command has come to its end on each of these instances, well or not.

    What it has done there is not undone. The command carries the run's id as its comment, so that
    it is found again and not sent twice.
    """
    if len(ids) <= MOST:
        where: JsonObject = {"InstanceIds": list(ids)}
    else:  # by what they have in common
        where = {"Targets": [{"Key": GROUP_TAG, "Values": [of.part.group]}]}
    waves = _waves(how.concurrency, len(ids))
    path = f"Commands[?Comment=='{run_id}'] | [0]"
    step = Step(
        name="send",
        description=f"run it on {len(ids)} instances",
        action=Call(
            api="ssm.send_command",
            params={
                "DocumentName": DOCUMENT,
                "Comment": run_id,
                "Parameters": {"commands": [text], "executionTimeout": [str(how.seconds)]},
                "MaxConcurrency": how.concurrency,
                "MaxErrors": how.errors,
                "TimeoutSeconds": DELIVERY,
                **where,
            },
        ),
        goal=Wait(
            read=Call(
                api="ssm.list_commands",
                params={
                    "Filters": [
                        {"key": "InvokedAfter", "value": "${SINCE}"},
                        {"key": "DocumentName", "value": DOCUMENT},
                    ]
                },
            ),
            met={f"contains(`{list_of(OVER)}`, {path}.Status)": True},
            begun={f"{path}.Comment": run_id},
            every=5,
            within=waves * (how.seconds + DELIVERY) + SPARE,
        ),
    )
    notes = (
        f"command: {text}",
        f"on {', '.join(ids)}" if len(ids) <= MOST else f"on all {len(ids)} instances",
        f"{how.concurrency} at a time, no more are sent it once more than {how.errors} have failed",
        "what the command does is not undone",
    )
    return build_stack_plan(outputs, run_id, "fleet run", step, notes=notes).with_times(
        now, SINCE=StartTime(offset=-SKEW.total_seconds())
    )


def invoked_after(now: datetime) -> str:
    """From when on a command that was sent now is looked for, with a margin for skewed clocks."""
    return (now - SKEW).strftime("%Y-%m-%dT%H:%M:%SZ")


def list_of(words: Sequence[str]) -> str:
    """Words as JSON."""
    return "[" + ", ".join(f'"{word}"' for word in words) + "]"


def _waves(concurrency: str, count: int) -> int:
    """How often, one after another, the command is sent to as many as may run it at once."""
    number = int(concurrency.removesuffix("%"))
    at_once = -(-count * number // 100) if concurrency.endswith("%") else number
    return -(-count // max(at_once, 1))


def results(aws: Aws, run_id: str, since: str) -> list[dict[str, object]]:
    """What came of the run's command on each instance, with what it said."""
    filters = [
        {"key": "InvokedAfter", "value": since},
        {"key": "DocumentName", "value": DOCUMENT},
    ]
    listed = fleet.items(aws, "ssm.list_commands", "Commands", {"Filters": filters})
    sent = next((it["CommandId"] for it in listed if it.get("Comment") == run_id), None)
    if sent is None:
        raise OpsError(f"there is no command of run {run_id}", f"ops runs show {run_id}")
    invocations = fleet.items(
        aws, "ssm.list_command_invocations", "CommandInvocations", {"CommandId": sent}
    )
    return sorted(
        (_result(aws, sent, it) for it in invocations), key=lambda row: str(row["instance"])
    )


def _result(aws: Aws, command: str, invocation: dict[str, Any]) -> dict[str, object]:
    """One instance's: the list of invocations cuts the output short, so each is asked for."""
    found = fleet.ask(
        aws,
        Call(
            api="ssm.get_command_invocation",
            params={"CommandId": command, "InstanceId": invocation["InstanceId"]},
        ),
    )
    return {
        "instance": invocation["InstanceId"],
        "status": found["StatusDetails"],
        "code": found.get("ResponseCode"),
        "output": found.get("StandardOutputContent") or "",
        "errors": found.get("StandardErrorContent") or "",
    }
