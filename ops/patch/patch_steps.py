"""The step that scans instances or installs patches on them, by Run Command."""

from collections.abc import Sequence
from typing import Final, Literal

from components.facts.patching import PATCH_DOCUMENT
from ops.core.counts import format_count
from ops.core.plan import Step, Wait
from ops.fleet.run_command import (
    COMMAND_MARGIN_SECONDS,
    DELIVERY_TIMEOUT_SECONDS,
    MAX_COMMAND_INSTANCES,
    SentCommand,
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
    command = SentCommand(PATCH_DOCUMENT, f"{run_id} {name}")
    verb = "scan" if operation == "Scan" else "install patches on"
    return Step(
        name=name,
        description=f"{verb} {format_count(len(instance_ids), 'instance')}: "
        f"{', '.join(instance_ids)}"
        if len(instance_ids) <= MAX_COMMAND_INSTANCES
        else f"{verb} {format_count(len(instance_ids), 'instance')}",
        action=command.build_send_call(
            {"Operation": [operation], "RebootOption": [reboot_option]},
            instance_ids,
            group,
            max_concurrency="100%",
            max_errors="100%" if operation == "Scan" else "0",
        ),
        goal=Wait(
            read=command.list_call,
            met={f"{command.path}.Status": "Success"} if must_succeed else command.is_ended,
            begun=command.is_sent,
            failed={f"{command.path}.Status": list(FAILED_COMMAND_STATUSES)}
            if must_succeed
            else {},
            every=15,
            within=PATCH_TIMEOUT_SECONDS + DELIVERY_TIMEOUT_SECONDS + COMMAND_MARGIN_SECONDS,
            typical=TYPICAL_SECONDS[operation],
            source=PATCH_TIME_SOURCE,
        ),
    )
