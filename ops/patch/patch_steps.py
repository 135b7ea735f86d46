"""The step that scans instances or installs patches on them, by Run Command."""

from collections.abc import Sequence
from typing import Final, Literal

from components.facts.patching import PATCH_DOCUMENT
from ops.core.counts import format_count
from ops.core.plan import Call, JsonObject, Step, Wait
from ops.fleet.run_command import (
    COMMAND_MARGIN_SECONDS,
    DELIVERY_TIMEOUT_SECONDS,
    ENDED_COMMAND_STATUSES,
    GROUP_TAG_KEY,
    MAX_COMMAND_INSTANCES,
    format_json_list,
)

PatchOperationName = Literal["Scan", "Install"]
RebootOption = Literal["RebootIfNeeded", "NoReboot"]
# Seconds in which the document's own step must end (AWS-RunPatchBaseline, timeoutSeconds).
PATCH_TIMEOUT_SECONDS: Final = 7200
TYPICAL_SECONDS: Final = {"Scan": 120, "Install": 600}
PATCH_TIME_SOURCE: Final = "an assumption: AWS gives no figure; a reboot takes about a minute"
FAILED_COMMAND_STATUSES: Final = ["Failed", "TimedOut", "Cancelled"]


def build_patch_step(
    name: str,
    run_id: str,
    instance_ids: Sequence[str],
    operation: PatchOperationName,
    *,
    group: str = "",
    reboot_option: RebootOption = "NoReboot",
    must_succeed: bool,
) -> Step:
    """Builds the step that sends AWS-RunPatchBaseline and waits until it has ended everywhere.

    Its comment names run and step, by which a resume finds it. If it must succeed, a failure on
    one instance fails the step. `group` is whose tag is the target if the ids are too many.
    """
    target_params: JsonObject = {"InstanceIds": list(instance_ids)}
    if len(instance_ids) > MAX_COMMAND_INSTANCES:
        target_params = {"Targets": [{"Key": GROUP_TAG_KEY, "Values": [group]}]}
    comment = f"{run_id} {name}"
    command_path = f"Commands[?Comment=='{comment}'] | [0]"
    verb = "scan" if operation == "Scan" else "install patches on"
    return Step(
        name=name,
        description=f"{verb} {format_count(len(instance_ids), 'instance')}: "
        f"{', '.join(instance_ids)}"
        if len(instance_ids) <= MAX_COMMAND_INSTANCES
        else f"{verb} {format_count(len(instance_ids), 'instance')}",
        action=Call(
            api="ssm.send_command",
            params={
                "DocumentName": PATCH_DOCUMENT,
                "Comment": comment,
                "Parameters": {"Operation": [operation], "RebootOption": [reboot_option]},
                "MaxConcurrency": "100%",
                "MaxErrors": "100%" if operation == "Scan" else "0",
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
                        {"key": "DocumentName", "value": PATCH_DOCUMENT},
                    ]
                },
            ),
            met={f"{command_path}.Status": "Success"}
            if must_succeed
            else {
                f"contains(`{format_json_list(ENDED_COMMAND_STATUSES)}`, {command_path}.Status)": (
                    True
                )
            },
            begun={f"{command_path}.Comment": comment},
            failed={f"{command_path}.Status": list(FAILED_COMMAND_STATUSES)}
            if must_succeed
            else {},
            every=15,
            within=PATCH_TIMEOUT_SECONDS + DELIVERY_TIMEOUT_SECONDS + COMMAND_MARGIN_SECONDS,
            typical=TYPICAL_SECONDS[operation],
            source=PATCH_TIME_SOURCE,
        ),
    )
