"""SSM: Run Command, in waves, with errors that stop it, on the sandbox's clock.

The instances of the sandbox have no shell. Of a script they understand lines that are `echo WORDS`,
`sleep SECONDS`, `true`, `false` and `exit CODE`; whatever else stands there succeeds and says
nothing. An instance with the tag `sandbox:commands` = `fail` answers everything with exit code 1.
Sources: API reference of SendCommand and ListCommands; Systems Manager User Guide, "Understanding
command statuses".
"""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil
from typing import Any, Final

from moto.ec2.models import EC2Backend, ec2_backends
from moto.ec2.models.instances import Instance
from moto.moto_api._internal import mock_random
from moto.ssm.responses import SimpleSystemManagerResponse

from sandbox.clock import clock, pending
from sandbox.patches.patching import Mend, Refused, kept

mend = Mend()
Record = dict[str, Any]
DOCUMENT: Final = "AWS-RunShellScript"
PLUGIN: Final = "aws:runShellScript"
FAILING: Final = ("sandbox:commands", "fail")
# Simulated seconds until an instance has begun, run and answered: an assumption.
TAKES: Final = 3
MOST_IDS: Final = 50  # instances by id in one command. Source: API reference
# Source: the document's own parameter, executionTimeout.
EXECUTION: Final = 3600
KILLED: Final = 137  # exit code of what ran out of time
SHOWN: Final = 2500  # characters of output in a list of invocations. Source: API reference
PAGE: Final = 50


@dataclass(frozen=True)
class Answer:
    """What a script comes to on an instance, after so many simulated seconds."""

    code: int
    output: str
    seconds: float


@dataclass(frozen=True)
class Invocation:
    """A command on one instance: what will have come of it, and from when to when it runs."""

    instance: str
    begins: datetime
    ends: datetime
    details: str
    answer: Answer

    @property
    def stage(self) -> str:
        """What is told of it now: StatusDetails, as the API spells it."""
        if pending(self.begins):
            return "Pending"
        return "InProgress" if pending(self.ends) else self.details

    @property
    def status(self) -> str:
        """The shorter status of that."""
        return {"TimedOut": "TimedOut", "Terminated": "Cancelled"}.get(self.stage, self.stage)


@dataclass(frozen=True)
class Command:
    """One command. `given` is what it was sent with."""

    given: Record
    invocations: tuple[Invocation, ...]
    errors: int
    at: datetime = field(default_factory=lambda: clock().now())
    id: str = field(default_factory=lambda: str(mock_random.uuid4()))

    def record(self) -> Record:
        """As the API describes it."""
        over = [it for it in self.invocations if it.stage not in ("Pending", "InProgress")]
        failed = [it for it in over if it.stage in ("Failed", "TimedOut")]
        status = details = "InProgress"
        if len(over) == len(self.invocations):
            status = details = "Success"
            if failed:
                status = "Failed"
                details = "Failed" if len(failed) > self.errors else "Incomplete"
        return {
            **self.given,
            "CommandId": self.id,
            "RequestedDateTime": self.at,
            "ExpiresAfter": self.at + timedelta(seconds=self.given["TimeoutSeconds"]),
            "Status": status,
            "StatusDetails": details,
            "TargetCount": len(self.invocations),
            "CompletedCount": len(over),
            "ErrorCount": len(failed),
            "DeliveryTimedOutCount": 0,
        }


def commands(response: SimpleSystemManagerResponse) -> dict[str, Command]:
    """The commands of an account and region by id, the oldest first."""
    return kept(response.ssm_backend, "commands", dict)


@mend.operation(SimpleSystemManagerResponse, "SendCommand")
def send(response: SimpleSystemManagerResponse, given: Record) -> Record:
    """To instances that run; in waves of MaxConcurrency, until more than MaxErrors have failed."""
    if not (given["DocumentName"].startswith("AWS-") or _known(response, given["DocumentName"])):
        raise Refused("InvalidDocument", f"Document {given['DocumentName']} does not exist.")
    ec2 = ec2_backends[response.current_account][response.region]
    instances = list(_meant(ec2, given))
    whole = {
        "Comment": "",
        "TimeoutSeconds": 3600,
        "MaxConcurrency": "50",
        "MaxErrors": "0",
        "InstanceIds": [],
        "Targets": [],
        "Parameters": {},
        **given,
    }
    errors = _count(whole["MaxErrors"], len(instances))
    made = Command(whole, tuple(_planned(whole, instances, errors)), errors)
    commands(response)[made.id] = made
    return {"Command": made.record()}


def _known(response: SimpleSystemManagerResponse, name: str) -> bool:
    return name in response.ssm_backend._documents


def _meant(ec2: EC2Backend, given: Record) -> Iterator[Instance]:
    """The instances that a command is for. What is named by id must run."""
    ids = list(given.get("InstanceIds") or ())
    if len(ids) > MOST_IDS:
        raise Refused("ValidationException", f"InstanceIds may be {MOST_IDS} at most.")
    for target in given.get("Targets") or ():
        if target["Key"] == "InstanceIds":
            ids += target["Values"]
            continue
        key = target["Key"].removeprefix("tag:")
        for instance in ec2.all_instances():
            tags = {tag["key"]: tag["value"] for tag in instance.get_tags()}
            if instance.state == "running" and tags.get(key) in target["Values"]:
                yield instance
    for id_ in dict.fromkeys(ids):
        found = ec2.get_instance_by_id(id_)
        if found is None or found.state != "running":
            raise Refused(
                "InvalidInstanceId", f"Instances [[{id_}]] not in a valid state for account"
            )
        yield found


def _count(text: str, of: int) -> int:
    """A number, or a percentage of so many."""
    return ceil(of * int(text[:-1]) / 100) if text.endswith("%") else int(text)


def _planned(given: Record, instances: list[Instance], errors: int) -> Iterator[Invocation]:
    """Who runs it when, and what comes of it. Nothing more is sent after too many errors."""
    lines = list(given["Parameters"].get("commands") or ())
    limit = float((given["Parameters"].get("executionTimeout") or [EXECUTION])[0])
    at_once = max(_count(given["MaxConcurrency"], len(instances)), 1)
    free, failed = [0.0] * at_once, list[float]()
    for instance in instances:
        free.sort()
        begins = free[0]
        if sum(ended <= begins for ended in failed) > errors:
            moment = clock().ready(begins)
            yield Invocation(instance.id, moment, moment, "Terminated", Answer(-1, "", 0))
            continue
        answer = _run(instance, lines)
        details = "Failed" if answer.code else "Success"
        if answer.seconds > limit:
            details, answer = "TimedOut", Answer(KILLED, answer.output, limit)
        free[0] = begins + TAKES + answer.seconds
        if answer.code:
            failed.append(free[0])
        ends = clock().ready(free[0])
        yield Invocation(instance.id, clock().ready(begins), ends, details, answer)


def _run(instance: Instance, lines: list[str]) -> Answer:
    """What a script comes to: see above."""
    tags = {tag["key"]: tag["value"] for tag in instance.get_tags()}
    if tags.get(FAILING[0]) == FAILING[1]:
        return Answer(1, "", 0)
    code, output, seconds = 0, "", 0.0
    for line in "\n".join(lines).splitlines():
        match line.split(maxsplit=1):
            case ["echo", *words]:
                output += " ".join(shlex.split(" ".join(words))) + "\n"
            case ["sleep", number]:
                seconds += float(number)
            case ["exit", number]:
                return Answer(int(number), output, seconds)
            case [word, *_]:
                code = 1 if word == "false" else 0
    return Answer(code, output, seconds)


# Filters of the API, each with what it asks of a command. Source: API reference, CommandFilter.
def _passes(command: Command, key: str, value: str) -> bool:
    match key:
        case "InvokedAfter":
            return command.at >= datetime.fromisoformat(value)
        case "InvokedBefore":
            return command.at < datetime.fromisoformat(value)
        case "DocumentName":
            return bool(command.given["DocumentName"] == value)
        case "Status":
            return value in (command.record()["Status"], command.record()["StatusDetails"])
    raise Refused("InvalidFilterKey", "The specified key isn't valid.")


def _asked(response: SimpleSystemManagerResponse, given: Record) -> list[Command]:
    """The commands that a list is asked for, the newest first."""
    found = list(commands(response).values())[::-1]
    if id_ := given.get("CommandId"):
        found = [_one(response, id_)]
    if instance := given.get("InstanceId"):
        found = [c for c in found if any(it.instance == instance for it in c.invocations)]
    for one in given.get("Filters") or ():
        found = [c for c in found if _passes(c, one["key"], one["value"])]
    return found


def _one(response: SimpleSystemManagerResponse, id_: str) -> Command:
    if id_ not in commands(response):
        raise Refused("InvalidCommandId", "")
    return commands(response)[id_]


def _page(key: str, records: list[Record], given: Record) -> Record:
    first, size = int(given.get("NextToken") or 0), int(given.get("MaxResults") or PAGE)
    more = {"NextToken": str(first + size)} if first + size < len(records) else {}
    return {key: records[first : first + size], **more}


@mend.operation(SimpleSystemManagerResponse, "ListCommands")
def list_commands(response: SimpleSystemManagerResponse, given: Record) -> Record:
    """The newest first."""
    return _page("Commands", [c.record() for c in _asked(response, given)], given)


@mend.operation(SimpleSystemManagerResponse, "ListCommandInvocations")
def list_invocations(response: SimpleSystemManagerResponse, given: Record) -> Record:
    """Of the newest command first; with their output where details are asked for."""
    records = []
    for command in _asked(response, given):
        for it in command.invocations:
            if given.get("InstanceId") in (None, it.instance):
                record = {
                    "CommandId": command.id,
                    "InstanceId": it.instance,
                    "Comment": command.given["Comment"],
                    "Status": it.status,
                    "DocumentName": command.given["DocumentName"],
                    "StatusDetails": it.stage,
                    "RequestedDateTime": command.at,
                }
                records.append(record | (_plugins(it) if given.get("Details") else {}))
    return _page("CommandInvocations", records, given)


def _plugins(of: Invocation) -> Record:
    over = of.stage not in ("Pending", "InProgress")
    plugin = {
        "Name": PLUGIN,
        "Status": of.status,
        "StatusDetails": of.stage,
        "ResponseCode": of.answer.code if over else -1,
        "Output": of.answer.output[:SHOWN] if over else "",
    }
    return {"CommandPlugins": [plugin]}


@mend.operation(SimpleSystemManagerResponse, "GetCommandInvocation")
def invocation(response: SimpleSystemManagerResponse, given: Record) -> Record:
    """Output only of what has come to its end."""
    command = _one(response, given["CommandId"])
    found = next((it for it in command.invocations if it.instance == given["InstanceId"]), None)
    if found is None or given.get("PluginName") not in (None, PLUGIN):
        raise Refused("InvocationDoesNotExist", "")
    over = found.stage not in ("Pending", "InProgress")
    return {
        "CommandId": command.id,
        "InstanceId": found.instance,
        "Comment": command.given["Comment"],
        "DocumentName": command.given["DocumentName"],
        "PluginName": PLUGIN,
        "ResponseCode": found.answer.code if over else -1,
        "ExecutionStartDateTime": found.begins.isoformat() if over else "",
        "ExecutionEndDateTime": found.ends.isoformat() if over else "",
        "Status": found.status,
        "StatusDetails": found.stage,
        "StandardOutputContent": found.answer.output if over else "",
        "StandardErrorContent": "",
    }
