"""SSM: Run Command, in waves, with errors that stop it, on the sandbox's clock.

The instances of the sandbox have no shell. Of a script they understand lines that are `echo WORDS`,
`sleep SECONDS`, `true`, `false` and `exit CODE`; whatever else stands there succeeds and says
nothing. A script that is one call of `python3 -c`, with variables before it, runs, with the
connections that the network of the sandbox lets it have. An instance with the tag
`sandbox:commands` = `fail` answers everything with exit code 1.
Sources: API reference of SendCommand and ListCommands; Systems Manager User Guide, "Understanding
command statuses".
"""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import ceil
from typing import Any, Final

from moto.ec2.models import EC2Backend, ec2_backends
from moto.ec2.models.instances import Instance
from moto.moto_api._internal import mock_random
from moto.ssm.responses import SimpleSystemManagerResponse

from sandbox.clock import get_sandbox_clock, is_in_future
from sandbox.patches.ec2.connections import build_instance_caller, try_connections
from sandbox.patches.guest_python import run_guest_python
from sandbox.patches.patching import AwsError, ServicePatch, backend_state
from sandbox.patches.ssm.associations import RUN_PATCH_BASELINE
from sandbox.patches.ssm.patch_states import (
    estimate_patch_seconds,
    is_managed,
    record_patching,
)

patch = ServicePatch()
ApiRecord = dict[str, Any]
SHELL_SCRIPT_PLUGIN: Final = "aws:runShellScript"
FAILING_TAG: Final = ("sandbox:commands", "fail")
# Simulated seconds until an instance has begun, run and answered: an assumption.
ROUND_TRIP_SECONDS: Final = 3
MAX_INSTANCE_IDS: Final = 50  # instances by id in one command. Source: API reference
# Source: the document's own parameter, executionTimeout.
EXECUTION_TIMEOUT_SECONDS: Final = 3600
TIMEOUT_EXIT_CODE: Final = 137  # exit code of what ran out of time
# Characters of output in a list of invocations. Source: API reference.
LISTED_OUTPUT_CHARACTERS: Final = 2500
COMMAND_PAGE_SIZE: Final = 50


@dataclass(frozen=True)
class ScriptResult:
    """What a script comes to on an instance, after so many simulated seconds."""

    exit_code: int
    output: str
    seconds: float


@dataclass(frozen=True)
class CommandInvocation:
    """A command on one instance: what will have come of it, and from when to when it runs."""

    instance_id: str
    begins_at: datetime
    ends_at: datetime
    final_details: str
    result: ScriptResult

    @property
    def status_details(self) -> str:
        """Its StatusDetails now, as the API spells it."""
        if is_in_future(self.begins_at):
            return "Pending"
        return "InProgress" if is_in_future(self.ends_at) else self.final_details

    @property
    def status(self) -> str:
        """The shorter status of that."""
        shorter = {"Terminated": "Cancelled"}
        return shorter.get(self.status_details, self.status_details)


@dataclass(frozen=True)
class RunCommand:
    """One command. `given` is what it was sent with."""

    params: ApiRecord
    invocations: tuple[CommandInvocation, ...]
    max_errors: int
    requested_at: datetime = field(default_factory=lambda: get_sandbox_clock().now())
    id: str = field(default_factory=lambda: str(mock_random.uuid4()))

    def to_api_record(self) -> ApiRecord:
        """As the API describes it."""
        finished = [
            invocation
            for invocation in self.invocations
            if invocation.status_details not in ("Pending", "InProgress")
        ]
        failed_invocations = [
            invocation
            for invocation in finished
            if invocation.status_details in ("Failed", "TimedOut")
        ]
        status = details = "InProgress"
        if len(finished) == len(self.invocations):
            status = details = "Success"
            if failed_invocations:
                status = "Failed"
                details = "Failed" if len(failed_invocations) > self.max_errors else "Incomplete"
        return {
            **self.params,
            "CommandId": self.id,
            "RequestedDateTime": self.requested_at,
            "ExpiresAfter": self.requested_at + timedelta(seconds=self.params["TimeoutSeconds"]),
            "Status": status,
            "StatusDetails": details,
            "TargetCount": len(self.invocations),
            "CompletedCount": len(finished),
            "ErrorCount": len(failed_invocations),
            "DeliveryTimedOutCount": 0,
        }


def get_commands(response: SimpleSystemManagerResponse) -> dict[str, RunCommand]:
    """The commands of an account and region by id, the oldest first."""
    return backend_state(response.ssm_backend, "commands", dict)


@patch.replace_operation(SimpleSystemManagerResponse, "SendCommand")
def send_command(response: SimpleSystemManagerResponse, params: ApiRecord) -> ApiRecord:
    """To instances that run; in waves of MaxConcurrency, until more than MaxErrors have failed."""
    if not (
        params["DocumentName"].startswith("AWS-") or _has_document(response, params["DocumentName"])
    ):
        raise AwsError("InvalidDocument", f"Document {params['DocumentName']} does not exist.")
    ec2 = ec2_backends[response.current_account][response.region]
    instances = list(_list_target_instances(ec2, params))
    full_params = {
        "Comment": "",
        "TimeoutSeconds": 3600,
        "MaxConcurrency": "50",
        "MaxErrors": "0",
        "InstanceIds": [],
        "Targets": [],
        "Parameters": {},
        **params,
    }
    max_errors = _parse_count(full_params["MaxErrors"], len(instances))
    command = RunCommand(
        full_params, tuple(_plan_invocations(ec2, full_params, instances, max_errors)), max_errors
    )
    get_commands(response)[command.id] = command
    return {"Command": command.to_api_record()}


def _has_document(response: SimpleSystemManagerResponse, name: str) -> bool:
    return name in response.ssm_backend._documents


def _list_target_instances(ec2: EC2Backend, params: ApiRecord) -> Iterator[Instance]:
    """The instances that a command is for. What is named by id must run."""
    ids = list(params.get("InstanceIds") or ())
    if len(ids) > MAX_INSTANCE_IDS:
        raise AwsError("ValidationException", f"InstanceIds may be {MAX_INSTANCE_IDS} at most.")
    for target in params.get("Targets") or ():
        if target["Key"] == "InstanceIds":
            ids += target["Values"]
            continue
        key = target["Key"].removeprefix("tag:")
        for instance in ec2.all_instances():
            tags = {tag["key"]: tag["value"] for tag in instance.get_tags()}
            if is_managed(instance) and tags.get(key) in target["Values"]:
                yield instance
    for id_ in dict.fromkeys(ids):
        named_instance = ec2.get_instance_by_id(id_)
        if named_instance is None or not is_managed(named_instance):
            raise AwsError(
                "InvalidInstanceId", f"Instances [[{id_}]] not in a valid state for account"
            )
        yield named_instance


def _parse_count(text: str, total: int) -> int:
    """A number, or a percentage of so many."""
    return ceil(total * int(text[:-1]) / 100) if text.endswith("%") else int(text)


def _plan_invocations(
    ec2: EC2Backend, params: ApiRecord, instances: list[Instance], max_errors: int
) -> Iterator[CommandInvocation]:
    """Schedules the command on each instance; stops sending after too many errors."""
    lines = list(params["Parameters"].get("commands") or ())
    limit = float((params["Parameters"].get("executionTimeout") or [EXECUTION_TIMEOUT_SECONDS])[0])
    concurrency = max(_parse_count(params["MaxConcurrency"], len(instances)), 1)
    is_patching = params["DocumentName"] == RUN_PATCH_BASELINE
    free_times, failure_times = [0.0] * concurrency, list[float]()
    for instance in instances:
        free_times.sort()
        begins_at = free_times[0]
        if sum(failure_time <= begins_at for failure_time in failure_times) > max_errors:
            moment = get_sandbox_clock().get_completion_time(begins_at)
            yield CommandInvocation(
                instance.id, moment, moment, "Terminated", ScriptResult(-1, "", 0)
            )
            continue
        result = _run_script(ec2, instance, lines)
        if is_patching:
            seconds = estimate_patch_seconds(ec2, instance, params["Parameters"])
            result = replace(result, seconds=seconds)
        details = "Failed" if result.exit_code else "Success"
        if result.seconds > limit:
            details, result = "TimedOut", ScriptResult(TIMEOUT_EXIT_CODE, result.output, limit)
        free_times[0] = begins_at + ROUND_TRIP_SECONDS + result.seconds
        if result.exit_code:
            failure_times.append(free_times[0])
        ends_at = get_sandbox_clock().get_completion_time(free_times[0])
        if is_patching:
            is_failed = bool(result.exit_code)
            record_patching(ec2, instance, params["Parameters"], ends_at, is_failed=is_failed)
        yield CommandInvocation(
            instance.id,
            get_sandbox_clock().get_completion_time(begins_at),
            ends_at,
            details,
            result,
        )


def _run_script(ec2: EC2Backend, instance: Instance, lines: list[str]) -> ScriptResult:
    """Computes a script's result: see the module's docstring."""
    tags = {tag["key"]: tag["value"] for tag in instance.get_tags()}
    if tags.get(FAILING_TAG[0]) == FAILING_TAG[1]:
        return ScriptResult(1, "", 0)
    python = _parse_python_call("\n".join(lines))
    if python is not None:
        return _run_python(ec2, instance, *python)
    code, output, seconds = 0, "", 0.0
    for line in "\n".join(lines).splitlines():
        match line.split(maxsplit=1):
            case ["echo", *words]:
                output += " ".join(shlex.split(" ".join(words))) + "\n"
            case ["sleep", number]:
                seconds += float(number)
            case ["exit", number]:
                return ScriptResult(int(number), output, seconds)
            case [word, *_]:
                code = 1 if word == "false" else 0
    return ScriptResult(code, output, seconds)


def _parse_python_call(script: str) -> tuple[list[str], dict[str, str]] | None:
    """The arguments and variables of a script that is `NAME=VALUE ... python3 -c SCRIPT`."""
    if "python3 -c" not in script:
        return None
    words = shlex.split(script)
    front = words[: words.index("python3")]
    if not all(re.match(r"[A-Z_]+=", word) for word in front):
        return None
    variables = dict(word.split("=", 1) for word in front)
    return words[len(front) + 2 :], variables


def _run_python(
    ec2: EC2Backend, instance: Instance, arguments: list[str], variables: dict[str, str]
) -> ScriptResult:
    """Runs a Python script as the instance would."""
    targets = json.loads(variables.get("PROBE_TARGETS", "[]"))
    pairs = [(target["host"], target["port"]) for target in targets]
    outcomes = try_connections(ec2, build_instance_caller(instance), pairs)
    code, output_lines = run_guest_python(arguments, variables, outcomes=outcomes)
    return ScriptResult(code, "".join(f"{line}\n" for line in output_lines), 0)


# Filters of the API, each with what it asks of a command. Source: API reference, CommandFilter.
def _is_filter_match(command: RunCommand, key: str, value: str) -> bool:
    match key:
        case "InvokedAfter":
            return command.requested_at >= datetime.fromisoformat(value)
        case "InvokedBefore":
            return command.requested_at < datetime.fromisoformat(value)
        case "DocumentName":
            return bool(command.params["DocumentName"] == value)
        case "Status":
            return value in (
                command.to_api_record()["Status"],
                command.to_api_record()["StatusDetails"],
            )
    raise AwsError("InvalidFilterKey", "The specified key isn't valid.")


def _select_commands(response: SimpleSystemManagerResponse, params: ApiRecord) -> list[RunCommand]:
    """The commands that a list is asked for, the newest first."""
    commands = list(get_commands(response).values())[::-1]
    if id_ := params.get("CommandId"):
        commands = [_get_command(response, id_)]
    if instance := params.get("InstanceId"):
        commands = [
            c
            for c in commands
            if any(invocation.instance_id == instance for invocation in c.invocations)
        ]
    for command_filter in params.get("Filters") or ():
        commands = [
            c
            for c in commands
            if _is_filter_match(c, command_filter["key"], command_filter["value"])
        ]
    return commands


def _get_command(response: SimpleSystemManagerResponse, id_: str) -> RunCommand:
    if id_ not in get_commands(response):
        raise AwsError("InvalidCommandId", "")
    return get_commands(response)[id_]


def _build_page(key: str, records: list[ApiRecord], params: ApiRecord) -> ApiRecord:
    first, size = (
        int(params.get("NextToken") or 0),
        int(params.get("MaxResults") or COMMAND_PAGE_SIZE),
    )
    next_token = {"NextToken": str(first + size)} if first + size < len(records) else {}
    return {key: records[first : first + size], **next_token}


@patch.replace_operation(SimpleSystemManagerResponse, "ListCommands")
def list_run_commands(response: SimpleSystemManagerResponse, params: ApiRecord) -> ApiRecord:
    """The newest first."""
    return _build_page(
        "Commands", [c.to_api_record() for c in _select_commands(response, params)], params
    )


@patch.add_operation(SimpleSystemManagerResponse, "ListCommandInvocations")
def list_command_invocations(response: SimpleSystemManagerResponse, params: ApiRecord) -> ApiRecord:
    """Of the newest command first; with their output where details are asked for."""
    records = []
    for command in _select_commands(response, params):
        for invocation in command.invocations:
            if params.get("InstanceId") in (None, invocation.instance_id):
                record = {
                    "CommandId": command.id,
                    "InstanceId": invocation.instance_id,
                    "Comment": command.params["Comment"],
                    "Status": invocation.status,
                    "DocumentName": command.params["DocumentName"],
                    "StatusDetails": invocation.status_details,
                    "RequestedDateTime": command.requested_at,
                }
                records.append(
                    record | (_build_plugins(invocation) if params.get("Details") else {})
                )
    return _build_page("CommandInvocations", records, params)


def _build_plugins(invocation: CommandInvocation) -> ApiRecord:
    is_finished = invocation.status_details not in ("Pending", "InProgress")
    plugin = {
        "Name": SHELL_SCRIPT_PLUGIN,
        "Status": invocation.status,
        "StatusDetails": invocation.status_details,
        "ResponseCode": invocation.result.exit_code if is_finished else -1,
        "Output": invocation.result.output[:LISTED_OUTPUT_CHARACTERS] if is_finished else "",
    }
    return {"CommandPlugins": [plugin]}


@patch.replace_operation(SimpleSystemManagerResponse, "GetCommandInvocation")
def get_command_invocation(response: SimpleSystemManagerResponse, params: ApiRecord) -> ApiRecord:
    """Returns output only after the end of the command."""
    command = _get_command(response, params["CommandId"])
    invocation = next(
        (
            candidate
            for candidate in command.invocations
            if candidate.instance_id == params["InstanceId"]
        ),
        None,
    )
    if invocation is None or params.get("PluginName") not in (None, SHELL_SCRIPT_PLUGIN):
        raise AwsError("InvocationDoesNotExist", "")
    is_finished = invocation.status_details not in ("Pending", "InProgress")
    return {
        "CommandId": command.id,
        "InstanceId": invocation.instance_id,
        "Comment": command.params["Comment"],
        "DocumentName": command.params["DocumentName"],
        "PluginName": SHELL_SCRIPT_PLUGIN,
        "ResponseCode": invocation.result.exit_code if is_finished else -1,
        "ExecutionStartDateTime": invocation.begins_at.isoformat() if is_finished else "",
        "ExecutionEndDateTime": invocation.ends_at.isoformat() if is_finished else "",
        "Status": invocation.status,
        "StatusDetails": invocation.status_details,
        "StandardOutputContent": invocation.result.output if is_finished else "",
        "StandardErrorContent": "",
    }
