"""A command run once, in a task with a service's task definition, network, roles and secrets.

The task is started by RunTask with the run's id as its `startedBy`, by which a resumed run finds it
again, and as its client token, with which ECS starts no second one.
"""

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ops.core.aws import Aws
from ops.core.container_task_action import TASK_FAILED, TASK_NOT_STARTED, TASK_SUCCEEDED
from ops.core.errors import UsageError
from ops.core.plan import RUN_TAG, ContainerTask, JsonObject, Plan, Step, Wait
from ops.core.stack_plan import build_stack_plan
from ops.outputs import Outputs
from ops.services.hidden_values import SECRET_TEXT_PATTERN, is_secret_name
from ops.services.model import (
    ServiceState,
    get_arn_name,
    get_container_image,
    get_task_definition,
)

RUN_KIND: Final = "service run"
RUN_STEP: Final = "run"
MAX_OVERRIDES_CHARACTERS: Final = 8192  # of all overrides as JSON (API reference, TaskOverride)
SEEN_TIMEOUT_SECONDS: Final = 300  # until ECS shows a task that it has accepted: an assumption
COMMAND_TIMEOUT_SECONDS: Final = 6 * 3600  # that a command may take; --timeout says another
# What RunTask takes as CreateService does (API reference, RunTask).
COPIED_FIELDS: Final = ("platformVersion", "networkConfiguration", "enableECSManagedTags")
# A value that a shell fills in is no secret that was typed.
FILLED_IN_PATTERN: Final = re.compile(r"""["']?\$""")


def build_service_run_plan(
    aws: Aws, outputs: Outputs, service: ServiceState, command: Sequence[str], run: str
) -> Plan:
    """Builds the plan that runs a command once with the revision that the service runs.

    The undo stops the task if it still runs.
    """
    definition, _ = get_task_definition(aws, service.revision)
    image = get_container_image(definition, service.part.container)
    text = shlex.join(command)
    steps = build_command_steps(service, command, run, definition=service.revision)
    return build_stack_plan(
        outputs,
        run,
        RUN_KIND,
        *steps,
        changes=[f"{text}: runs once in a task with {get_arn_name(service.revision)}, {image}"],
        losses=(),
        cost="the task's CPU and memory while it runs",
        notes=(
            *list_command_notes(service, definition),
            "what the command changes stays, whatever its exit code",
        ),
        arguments=f"{service.name} -- {text}",
    )


def build_command_steps(
    service: ServiceState,
    command: Sequence[str],
    run: str,
    *,
    definition: str | None = None,
    definition_path: str | None = None,
    name: str = RUN_STEP,
) -> tuple[Step, Step]:
    """Builds the steps that start the task, and that wait until its command has succeeded.

    The task definition is `definition`, or what an earlier step saw at `definition_path`.
    """
    look = ContainerTask(
        cluster=service.cluster,
        family=service.part.family,
        run=run,
        container=service.part.container,
    )
    start = Step(
        name=name,
        description=f"start a task of {service.name} that runs {shlex.join(command)}",
        action=look.model_copy(
            update={
                "operation": "run",
                "params": _build_run_parameters(service, command, run, definition),
                "definition": definition_path,
            }
        ),
        goal=Wait(read=look, met={"count": 1}, every=5, within=SEEN_TIMEOUT_SECONDS),
        undo=(
            Step(
                name=f"stop_{name}",
                description="stop the task if it still runs",
                action=look.model_copy(update={"operation": "stop"}),
                goal=Wait(read=look, met={"is_over": True}, every=5, within=SEEN_TIMEOUT_SECONDS),
            ),
        ),
    )
    follow = look.model_copy(update={"seen_by": name})
    finish = Step(
        name=f"{name}_ended",
        description="wait until the command has ended with exit code 0",
        action=follow,
        goal=Wait(
            read=follow,
            met={"state": TASK_SUCCEEDED},
            failed={"state": [TASK_FAILED, TASK_NOT_STARTED]},
            every=5,
            within=COMMAND_TIMEOUT_SECONDS,
        ),
    )
    return start, finish


def list_command_notes(service: ServiceState, definition: Mapping[str, Any]) -> list[str]:
    """Lists what must be known of a command in a task like the service's."""
    containers = {str(item["name"]): item for item in definition["containerDefinitions"]}
    notes = []
    if entry_point := containers[service.part.container].get("entryPoint"):
        notes.append(f"the entry point stays: {shlex.join(entry_point)} gets the command")
    others = sorted(containers.keys() - {service.part.container})
    if others:
        notes.append(f"the other containers of the task run beside it: {', '.join(others)}")
    return notes


def require_command(words: Sequence[str], name: str = "COMMAND") -> None:
    """Raises UsageError if a command is empty, too long, or holds what looks like a secret.

    A command is in the plan, the journal, what ECS shows of the task, and CloudTrail.
    """
    if not words or not words[0].strip():
        raise UsageError(f"{name} must be a command and its arguments, not {shlex.join(words)!r}")
    length = len(json.dumps(_build_overrides("x" * 255, words)))
    if length > MAX_OVERRIDES_CHARACTERS:
        raise UsageError(
            f"{name} must fit in {MAX_OVERRIDES_CHARACTERS} characters of JSON, which is all that "
            f"ECS takes, not {length}"
        )
    place = _find_secret(words)
    if place is not None:
        raise UsageError(
            f"{name} must hold no secret, and the value of {place} looks like one: the command is "
            "kept in the journal and shown by ECS; the task has the service's secrets as variables "
            "of its environment, which a shell fills in: sh -c '... \"$NAME\"'"
        )


def parse_before_command(text: str | None) -> tuple[str, ...] | None:
    """The words of --before. Raises UsageError if a quote is open, or as require_command."""
    if text is None:
        return None
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise UsageError(f"--before must be a command as in a shell ({error})") from None
    require_command(words, "--before")
    return words


def _find_secret(words: Sequence[str]) -> str | None:
    """What has a value that looks like a secret, as far as it may be shown; None if nothing has."""
    for index, word in enumerate(words):
        for match in SECRET_TEXT_PATTERN.finditer(word):
            kept = match["before"] or match["host"] or match["name"] or ""
            if not FILLED_IN_PATTERN.match(match[0][len(kept) :]):
                return repr(kept.strip()) if kept.strip() else f"word {index + 1}"
        is_option = word.startswith("-") and "=" not in word and is_secret_name(word.lstrip("-"))
        if is_option and index + 1 < len(words):
            value = words[index + 1]
            if not value.startswith("-") and not FILLED_IN_PATTERN.match(value):
                return repr(word)
    return None


def _build_overrides(container: str, command: Sequence[str]) -> JsonObject:
    return {"containerOverrides": [{"name": container, "command": list(command)}]}


def _build_run_parameters(
    service: ServiceState, command: Sequence[str], run: str, definition: str | None
) -> JsonObject:
    """The parameters of RunTask, as the service has them.

    RunTask takes a launch type or a capacity provider strategy, not both, and cannot propagate a
    service's tags (API reference, RunTask): the task definition has the same.
    """
    description = service.description
    copied: JsonObject = {
        key: description[key] for key in COPIED_FIELDS if description.get(key) is not None
    }
    strategy = list(description.get("capacityProviderStrategy") or ())
    capacity: JsonObject = (
        {"capacityProviderStrategy": strategy}
        if strategy
        else {"launchType": str(description.get("launchType") or "FARGATE")}
    )
    return {
        "count": 1,
        "clientToken": run,
        "startedBy": run,
        "propagateTags": "TASK_DEFINITION",
        "tags": [{"key": RUN_TAG, "value": run}],
        "overrides": _build_overrides(service.part.container, command),
        **({"taskDefinition": definition} if definition is not None else {}),
        **copied,
        **capacity,
    }
