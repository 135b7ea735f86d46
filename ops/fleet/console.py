"""The console output of the fleet's instances: what the kernel and cloud-init wrote."""

import re
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError

from ops.core.aws import Aws
from ops.core.errors import UsageError
from ops.core.scaling_apis import GROUP_ACTIVITIES_API
from ops.fleet.model import (
    FleetState,
    build_refused_error,
    get_fleet_state,
    list_read_items,
)
from ops.fleet.run_command import INSTANCE_ID_PATTERN
from ops.outputs import Outputs

GONE_STATE: Final = "no longer in the group"
CONSOLE_API: Final = "ec2.get_console_output"
# Of instances that are not Nitro, if the latest output is asked for. EC2 User Guide, "Error codes
# for the Amazon EC2 API".
UNSUPPORTED_CODE: Final = "UnsupportedOperation"
# Colours and cursor movements (ECMA-48), which a console has and a table does not.
ESCAPE_PATTERN: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*\x07?|[@-Z\\-_])")


@dataclass(frozen=True)
class ConsoleOutput:
    """An instance's console, at most the last 64 KB. `is_latest` is False if AWS has only what was
    posted after its last start, stop or reboot. `at` is when that was, None if AWS does not say."""

    instance: str
    text: str
    at: str | None
    is_latest: bool


def require_instance_id(name: str) -> None:
    """Raises UsageError unless INSTANCE is an instance id."""
    if INSTANCE_ID_PATTERN.fullmatch(name) is None:
        raise UsageError(
            f"INSTANCE must be an instance id, like i-0123456789abcdef0, not {name!r}",
            "ops fleet instances",
        )


def get_fleet_instance(aws: Aws, outputs: Outputs, name: str) -> str:
    """Returns the state of an instance of the fleet, also of one that the group has replaced.

    That the group had it is in its activities, which it keeps for six weeks; a terminated instance
    loses its tags (EC2 User Guide, "Terminate Amazon EC2 instances"). Raises UsageError if it is
    not the fleet's.
    """
    fleet_state: FleetState = get_fleet_state(aws, outputs)
    for instance in fleet_state.instances:
        if instance["InstanceId"] == name:
            return str(instance["LifecycleState"])
    params = {"AutoScalingGroupName": fleet_state.part.group}
    activities = list_read_items(aws, GROUP_ACTIVITIES_API, "Activities", params)
    if any(name in str(activity.get("Description")).split() for activity in activities):
        return GONE_STATE
    raise UsageError(
        f"INSTANCE must be an instance of the fleet, not {name!r}, which {fleet_state.part.group} "
        "does not have and did not have in the last six weeks",
        "ops fleet instances",
    )


def read_console_output(aws: Aws, name: str) -> ConsoleOutput:
    """Reads an instance's console output: the latest, or what AWS posted last if it has no other.

    Raises RefusedError if AWS refuses it.
    """
    try:
        answer: Any = aws.call(CONSOLE_API, {"InstanceId": name, "Latest": True})
        is_latest = True
    except ClientError as error:
        if error.response["Error"]["Code"] != UNSUPPORTED_CODE:
            raise build_refused_error(CONSOLE_API, error) from error
        answer, is_latest = _read_posted_output(aws, name), False
    text = ESCAPE_PATTERN.sub("", str(answer.get("Output") or "")).replace("\r", "")
    return ConsoleOutput(name, text.strip("\n"), answer.get("Timestamp"), is_latest)


def _read_posted_output(aws: Aws, name: str) -> Any:
    try:
        return aws.call(CONSOLE_API, {"InstanceId": name})
    except ClientError as error:
        raise build_refused_error(CONSOLE_API, error) from error
