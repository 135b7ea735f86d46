"""A shell command on instances of the fleet, by Systems Manager Run Command."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from ops.core.aws import Aws
from ops.core.errors import OpsError, UsageError
from ops.core.plan import Call, JsonObject, Plan, Step, Wait
from ops.core.stack_plan import NO_COST, build_stack_plan
from ops.core.start_time import StartTime
from ops.fleet.model import FleetState, list_read_items, send_read_call
from ops.outputs import Outputs

RUN_SHELL_SCRIPT_DOCUMENT: Final = "AWS-RunShellScript"
MAX_COMMAND_INSTANCES: Final = 50  # instance ids per command. Source: API reference, SendCommand
GROUP_TAG_KEY: Final = "tag:aws:autoscaling:groupName"
# Seconds for an instance to accept the command: the minimum. Source: API reference, SendCommand.
DELIVERY_TIMEOUT_SECONDS: Final = 60
CLOCK_SKEW: Final = timedelta(minutes=1)  # how far this machine's clock may be ahead: an assumption
COMMAND_MARGIN_SECONDS: Final = 300  # seconds on top of the command's own timeout
INSTANCE_ID_PATTERN: Final = re.compile(r"i-([0-9a-f]{8}|[0-9a-f]{17})")
MAX_CONCURRENCY_PATTERN: Final = re.compile(r"[1-9][0-9]{0,6}|[1-9][0-9]?%|100%")
MAX_ERRORS_PATTERN: Final = re.compile(r"[1-9][0-9]{0,6}|0|[0-9]%|[1-9][0-9]%|100%")
ENDED_COMMAND_STATUSES: Final = ("Success", "Cancelled", "Failed", "TimedOut")


@dataclass(frozen=True)
class RunCommandOptions:
    """How a command is sent. Concurrency and errors are numbers or percentages.

    `timeout_seconds` is the limit on one instance.
    """

    max_concurrency: str = "50"
    max_errors: str = "0"
    timeout_seconds: int = 600


def validate_run_command_options(options: RunCommandOptions) -> RunCommandOptions:
    """Returns the options. Raises UsageError if a number is malformed."""
    for option, value, pattern, requirement in (
        (
            "--max-concurrency",
            options.max_concurrency,
            MAX_CONCURRENCY_PATTERN,
            "a number from 1, or 1% to 100%",
        ),
        ("--max-errors", options.max_errors, MAX_ERRORS_PATTERN, "a number from 0, or 0% to 100%"),
    ):
        if pattern.fullmatch(value) is None:
            raise UsageError(f"{option} must be {requirement}, not {value!r}")
    return options


def build_script(words: Sequence[str]) -> str:
    """Builds the shell script: one word is a script, several are a command and its arguments."""
    text = words[0] if len(words) == 1 else shlex.join(words)
    if not text.strip():
        raise UsageError(f"COMMAND must be a command, like -- df -h, not {text!r}")
    return text


def require_instance_choice(names: Sequence[str], *, all_instances: bool) -> None:
    """Raises UsageError unless exactly one of --instance and --all is given, with valid ids."""
    for name in names:
        if INSTANCE_ID_PATTERN.fullmatch(name) is None:
            raise UsageError(
                f"--instance must be an instance id, not {name!r}", "ops fleet instances"
            )
    if bool(names) == all_instances:
        problem = "both are given" if names else "neither is given"
        raise UsageError(
            f"give exactly one of --instance and --all; {problem}", "ops fleet instances"
        )
    if len(names) > MAX_COMMAND_INSTANCES:
        raise UsageError(
            f"--instance may be given {MAX_COMMAND_INSTANCES} times, not {len(names)}; "
            "use --all for every instance"
        )


def select_instances(fleet_state: FleetState, names: Sequence[str]) -> list[str]:
    """Returns the named instances, or all that are in service.

    Raises UsageError if a named one is not in service, OpsError if no instance is.
    """
    serving_ids = [
        i["InstanceId"] for i in fleet_state.instances if i["LifecycleState"] == "InService"
    ]
    for name in names:
        if name not in serving_ids:
            raise UsageError(
                f"--instance is {name!r}, but the fleet has no such instance in service",
                "ops fleet instances",
            )
    if not serving_ids:
        raise OpsError("the fleet has no instance in service", "ops fleet instances")
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
    """Builds the plan that runs a script on instances and waits until it ends, failed or not.

    The command's comment is the run's id, by which a resume finds it. There is no undo.
    """
    step = build_send_step(
        run_id, fleet_state.part.group, instance_ids, script_text, options, "run the command on"
    )
    notes = (
        f"command: {script_text}",
        f"on {', '.join(instance_ids)}"
        if len(instance_ids) <= MAX_COMMAND_INSTANCES
        else f"on all {len(instance_ids)} instances",
        f"{options.max_concurrency} at a time; stops sending after more than "
        f"{options.max_errors} failures",
        "an undo does not revert what the command did",
    )
    return build_stack_plan(
        outputs,
        run_id,
        "fleet run",
        step,
        changes=["what the command changes on these instances"],
        losses=(),
        cost=NO_COST,
        notes=notes,
    ).with_times(now, SINCE=StartTime(offset=-CLOCK_SKEW.total_seconds()))


@dataclass(frozen=True)
class SentCommand:
    """A command of a run. By its comment, which is its own, a resume finds it."""

    document: str
    comment: str

    @property
    def path(self) -> str:
        """JMESPath to it in ListCommands."""
        return f"Commands[?Comment=='{self.comment}'] | [0]"

    @property
    def list_call(self) -> Call:
        """Lists the document's commands since the plan's start."""
        return Call(
            api="ssm.list_commands",
            params={
                "Filters": [
                    {"key": "InvokedAfter", "value": "${SINCE}"},
                    {"key": "DocumentName", "value": self.document},
                ]
            },
        )

    @property
    def is_ended(self) -> JsonObject:
        """The condition that it has ended everywhere, failed or not."""
        ended_statuses = format_json_list(ENDED_COMMAND_STATUSES)
        return {f"contains(`{ended_statuses}`, {self.path}.Status)": True}

    @property
    def is_sent(self) -> JsonObject:
        """The condition that Systems Manager has it."""
        return {f"{self.path}.Comment": self.comment}

    def build_send_call(
        self,
        parameters: JsonObject,
        instance_ids: Sequence[str],
        group: str,
        *,
        max_concurrency: str,
        max_errors: str,
    ) -> Call:
        """Builds the call that sends it to instances; to the group's tag if ids are too many."""
        if len(instance_ids) <= MAX_COMMAND_INSTANCES:
            target_params: JsonObject = {"InstanceIds": list(instance_ids)}
        else:
            target_params = {"Targets": [{"Key": GROUP_TAG_KEY, "Values": [group]}]}
        return Call(
            api="ssm.send_command",
            params={
                "DocumentName": self.document,
                "Comment": self.comment,
                "Parameters": parameters,
                "MaxConcurrency": max_concurrency,
                "MaxErrors": max_errors,
                "TimeoutSeconds": DELIVERY_TIMEOUT_SECONDS,
                **target_params,
            },
        )


def build_send_step(
    run_id: str,
    group: str,
    instance_ids: Sequence[str],
    script_text: str,
    options: RunCommandOptions,
    description: str,
) -> Step:
    """Builds the step that sends a script to instances of a group and waits until it has ended.

    `description` is what it does, up to the number of instances.
    """
    command = SentCommand(RUN_SHELL_SCRIPT_DOCUMENT, run_id)
    waves = _count_waves(options.max_concurrency, len(instance_ids))
    return Step(
        name="send",
        description=f"{description} {_count_instances(len(instance_ids))}",
        action=command.build_send_call(
            {"commands": [script_text], "executionTimeout": [str(options.timeout_seconds)]},
            instance_ids,
            group,
            max_concurrency=options.max_concurrency,
            max_errors=options.max_errors,
        ),
        goal=Wait(
            read=command.list_call,
            met=command.is_ended,
            begun=command.is_sent,
            every=5,
            within=waves * (options.timeout_seconds + DELIVERY_TIMEOUT_SECONDS)
            + COMMAND_MARGIN_SECONDS,
        ),
    )


def invoked_after(now: datetime) -> str:
    """Returns the InvokedAfter filter for a command sent now, minus the clock skew."""
    return (now - CLOCK_SKEW).strftime("%Y-%m-%dT%H:%M:%SZ")


def format_json_list(words: Sequence[str]) -> str:
    """Formats words as a JSON list."""
    return "[" + ", ".join(f'"{word}"' for word in words) + "]"


def _count_instances(count: int) -> str:
    return f"{count} instance{'s' * (count != 1)}"


def _count_waves(concurrency: str, count: int) -> int:
    """Returns the number of batches that the concurrency makes of `count` instances."""
    number = int(concurrency.removesuffix("%"))
    wave_size = -(-count * number // 100) if concurrency.endswith("%") else number
    return -(-count // max(wave_size, 1))


def list_command_results(aws: Aws, run_id: str, since: str) -> list[dict[str, object]]:
    """Lists the status, exit code and output of the run's command on each instance."""
    filters = [
        {"key": "InvokedAfter", "value": since},
        {"key": "DocumentName", "value": RUN_SHELL_SCRIPT_DOCUMENT},
    ]
    commands = list_read_items(aws, "ssm.list_commands", "Commands", {"Filters": filters})
    command_id = next(
        (item["CommandId"] for item in commands if item.get("Comment") == run_id), None
    )
    if command_id is None:
        raise OpsError(f"Systems Manager has no command of run {run_id}", f"ops runs show {run_id}")
    invocations = list_read_items(
        aws, "ssm.list_command_invocations", "CommandInvocations", {"CommandId": command_id}
    )
    return sorted(
        (_get_command_result(aws, command_id, item) for item in invocations),
        key=lambda row: str(row["instance"]),
    )


def _get_command_result(aws: Aws, command_id: str, invocation: dict[str, Any]) -> dict[str, object]:
    """Reads one instance's result: the list of invocations truncates the output."""
    result = send_read_call(
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
