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
from ops.fleet.model import FleetState
from ops.outputs import Outputs

RUN_SHELL_SCRIPT_DOCUMENT: Final = "AWS-RunShellScript"
MAX_COMMAND_INSTANCES: Final = (
    50  # instances by id in one command. Source: API reference, SendCommand
)
GROUP_TAG_KEY: Final = "tag:aws:autoscaling:groupName"
# Seconds until an instance must have taken the command. Source: API reference, its least.
DELIVERY_TIMEOUT_SECONDS: Final = 60
CLOCK_SKEW: Final = timedelta(
    minutes=1
)  # by which this machine's clock may be ahead: an assumption
COMMAND_MARGIN_SECONDS: Final = 300  # seconds beyond what the command itself may take
INSTANCE_ID_PATTERN: Final = re.compile(r"i-([0-9a-f]{8}|[0-9a-f]{17})")
MAX_CONCURRENCY_PATTERN: Final = re.compile(r"[1-9][0-9]{0,6}|[1-9][0-9]?%|100%")
MAX_ERRORS_PATTERN: Final = re.compile(r"[1-9][0-9]{0,6}|0|[0-9]%|[1-9][0-9]%|100%")
ENDED_COMMAND_STATUSES: Final = ("Success", "Cancelled", "Failed", "TimedOut")


@dataclass(frozen=True)
class RunCommandOptions:
    """How a command is sent. `concurrency` and `errors` are numbers or percentages.

    `seconds` is how long it may take on an instance.
    """

    max_concurrency: str = "50"
    max_errors: str = "0"
    timeout_seconds: int = 600


def validate_run_command_options(options: RunCommandOptions) -> RunCommandOptions:
    """Raises UsageError where a number is none."""
    for option, value, pattern, requirement in (
        (
            "--max-concurrency",
            options.max_concurrency,
            MAX_CONCURRENCY_PATTERN,
            "1 and more, or 1% to 100%",
        ),
        ("--max-errors", options.max_errors, MAX_ERRORS_PATTERN, "0 and more, or 0% to 100%"),
    ):
        if pattern.fullmatch(value) is None:
            raise UsageError(f"{option} is {value!r}, must be {requirement}")
    return options


def build_script(words: Sequence[str]) -> str:
    """COMMAND as a shell runs it: one word is a script, several are a command's words."""
    text = words[0] if len(words) == 1 else shlex.join(words)
    if not text.strip():
        raise UsageError(f"COMMAND is {text!r}, must be a command, like: -- df -h")
    return text


def require_instance_choice(names: Sequence[str], *, all_instances: bool) -> None:
    """Raises UsageError where it is not said for which instances, or said wrong."""
    for name in names:
        if INSTANCE_ID_PATTERN.fullmatch(name) is None:
            raise UsageError(
                f"--instance is {name!r}, must be an instance's id", "ops fleet instances"
            )
    if bool(names) == all_instances:
        problem = "both are set" if names else "neither is set"
        raise UsageError(
            f"--instance or --all: {problem}, must be one of them", "ops fleet instances"
        )
    if len(names) > MAX_COMMAND_INSTANCES:
        raise UsageError(
            f"--instance is given {len(names)} times, must be {MAX_COMMAND_INSTANCES} "
            "times, or --all"
        )


def select_instances(fleet_state: FleetState, names: Sequence[str]) -> list[str]:
    """The instances that are meant, all that are in service where none is named."""
    serving_ids = [
        i["InstanceId"] for i in fleet_state.instances if i["LifecycleState"] == "InService"
    ]
    for name in names:
        if name not in serving_ids:
            raise UsageError(
                f"--instance is {name!r}, which is not in service in the fleet",
                "ops fleet instances",
            )
    if not serving_ids:
        raise OpsError("no instance of the fleet is in service", "ops fleet instances")
    return sorted(set(names) or serving_ids)


def build_run_command_plan(
    outputs: Outputs,
    fleet_state: FleetState,
    instance_ids: Sequence[str],
    script_text: str,
    run_id: str,
    now: datetime,
    *,
    options: RunCommandOptions,
) -> Plan:
    """The command has come to its end on each of these instances, well or not.

    What it has done there is not undone. The command carries the run's id as its comment, so that
    it is found again and not sent twice.
    """
    if len(instance_ids) <= MAX_COMMAND_INSTANCES:
        target_params: JsonObject = {"InstanceIds": list(instance_ids)}
    else:  # by what they have in common
        target_params = {"Targets": [{"Key": GROUP_TAG_KEY, "Values": [fleet_state.part.group]}]}
    waves = _count_waves(options.max_concurrency, len(instance_ids))
    command_path = f"Commands[?Comment=='{run_id}'] | [0]"
    ended_statuses = format_json_list(ENDED_COMMAND_STATUSES)
    step = Step(
        name="send",
        description=f"run it on {len(instance_ids)} instances",
        action=Call(
            api="ssm.send_command",
            params={
                "DocumentName": RUN_SHELL_SCRIPT_DOCUMENT,
                "Comment": run_id,
                "Parameters": {
                    "commands": [script_text],
                    "executionTimeout": [str(options.timeout_seconds)],
                },
                "MaxConcurrency": options.max_concurrency,
                "MaxErrors": options.max_errors,
                "TimeoutSeconds": DELIVERY_TIMEOUT_SECONDS,
                **target_params,
            },
        ),
        goal=Wait(
            read=Call(
                api="ssm.list_commands",
                params={
                    "Filters": [
                        {"key": "InvokedAfter", "value": "${SINCE}"},
                        {"key": "DocumentName", "value": RUN_SHELL_SCRIPT_DOCUMENT},
                    ]
                },
            ),
            met={f"contains(`{ended_statuses}`, {command_path}.Status)": True},
            begun={f"{command_path}.Comment": run_id},
            every=5,
            within=waves * (options.timeout_seconds + DELIVERY_TIMEOUT_SECONDS)
            + COMMAND_MARGIN_SECONDS,
        ),
    )
    notes = (
        f"command: {script_text}",
        f"on {', '.join(instance_ids)}"
        if len(instance_ids) <= MAX_COMMAND_INSTANCES
        else f"on all {len(instance_ids)} instances",
        f"{options.max_concurrency} at a time, no more are sent it once more than "
        f"{options.max_errors} have failed",
        "what the command does is not undone",
    )
    return build_stack_plan(outputs, run_id, "fleet run", step, notes=notes).with_times(
        now, SINCE=StartTime(offset=-CLOCK_SKEW.total_seconds())
    )


def invoked_after(now: datetime) -> str:
    """From when on a command that was sent now is looked for, with a margin for skewed clocks."""
    return (now - CLOCK_SKEW).strftime("%Y-%m-%dT%H:%M:%SZ")


def format_json_list(words: Sequence[str]) -> str:
    """Words as JSON."""
    return "[" + ", ".join(f'"{word}"' for word in words) + "]"


def _count_waves(concurrency: str, count: int) -> int:
    """How often, one after another, the command is sent to as many as may run it at once."""
    number = int(concurrency.removesuffix("%"))
    wave_size = -(-count * number // 100) if concurrency.endswith("%") else number
    return -(-count // max(wave_size, 1))


def list_command_results(aws: Aws, run_id: str, since: str) -> list[dict[str, object]]:
    """What came of the run's command on each instance, with what it said."""
    filters = [
        {"key": "InvokedAfter", "value": since},
        {"key": "DocumentName", "value": RUN_SHELL_SCRIPT_DOCUMENT},
    ]
    commands = fleet.list_read_items(aws, "ssm.list_commands", "Commands", {"Filters": filters})
    command_id = next(
        (item["CommandId"] for item in commands if item.get("Comment") == run_id), None
    )
    if command_id is None:
        raise OpsError(f"there is no command of run {run_id}", f"ops runs show {run_id}")
    invocations = fleet.list_read_items(
        aws, "ssm.list_command_invocations", "CommandInvocations", {"CommandId": command_id}
    )
    return sorted(
        (_get_command_result(aws, command_id, item) for item in invocations),
        key=lambda row: str(row["instance"]),
    )


def _get_command_result(aws: Aws, command_id: str, invocation: dict[str, Any]) -> dict[str, object]:
    """One instance's: the list of invocations cuts the output short, so each is asked for."""
    result = fleet.send_read_call(
        aws,
        Call(
            api="ssm.get_command_invocation",
            params={"CommandId": command_id, "InstanceId": invocation["InstanceId"]},
        ),
    )
    return {
        "instance": invocation["InstanceId"],
        "status": result["StatusDetails"],
        "code": result.get("ResponseCode"),
        "output": result.get("StandardOutputContent") or "",
        "errors": result.get("StandardErrorContent") or "",
    }
