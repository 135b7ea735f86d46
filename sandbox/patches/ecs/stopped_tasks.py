"""ECS: why tasks stop, where it is not their image's name that says so."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from moto.ecs.models import EC2ContainerServiceBackend, Service

from sandbox.image_behaviour import ImageBehaviour
from sandbox.patches.ecs.health_checks import CONTAINER_CHECK_TEXT
from sandbox.patches.ecs.target_groups import format_target_group
from sandbox.patches.patching import backend_state

ApiRecord = dict[str, Any]


@dataclass(frozen=True)
class StopWords:
    """Why a task stopped: the code, the reason, the container's exit code and reason."""

    code: str
    reason: str
    exit_code: int | None = None
    container_reason: str | None = None

    @property
    def container(self) -> ApiRecord:
        """What is described of the container."""
        fields = {"exitCode": self.exit_code, "reason": self.container_reason}
        return {key: value for key, value in fields.items() if value is not None}


@dataclass(frozen=True)
class StoppedTask:
    """A task that stopped at a time beside those of failed deployments."""

    stopped_at: datetime
    words: StopWords


def set_revision_behaviour(
    backend: EC2ContainerServiceBackend,
    task_definition: str,
    image_behaviour: ImageBehaviour,
    stop_words: StopWords | None = None,
) -> None:
    """Lets tasks of a revision behave so whatever their image, as a wrong variable does."""
    get_revision_behaviours(backend)[task_definition] = (image_behaviour, stop_words)


def get_revision_behaviours(
    backend: EC2ContainerServiceBackend,
) -> dict[str, tuple[ImageBehaviour, StopWords | None]]:
    """The behaviours that were set, by ARN of the task definition."""
    return backend_state(backend, "revision_behaviours", dict)


def get_stop_reason(
    outcome: ImageBehaviour, service: Service, image: str, words: StopWords | None = None
) -> tuple[str, str, ApiRecord]:
    """Why a failed task stopped: code, reason and the container's reason."""
    if words is not None:
        return words.code, words.reason, words.container
    match outcome:
        case "exits":
            return (
                "EssentialContainerExited",
                "Essential container in task exited",
                {"exitCode": 1},
            )
        case "missing":
            reason = f"CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref {image}: not found"  # noqa: E501
            return "TaskFailedToStart", reason, {"reason": reason}
        case _:
            group = format_target_group(service)
            reason = f"Task failed ELB health checks in {group}" if group else CONTAINER_CHECK_TEXT
            return "ServiceSchedulerInitiated", reason, {"exitCode": 137}
