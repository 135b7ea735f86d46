"""A task of ECS that a plan runs once, as an action: looked at, started, stopped."""

from typing import Any, Final, Literal

from pydantic import Field

from ops.core.frozen_model import FrozenModel
from ops.core.sql_action import JsonObject

# Of the task, as `state`: while it is not over, what ECS calls it (task lifecycle).
TASK_ABSENT: Final = "ABSENT"
TASK_SUCCEEDED: Final = "SUCCEEDED"
TASK_FAILED: Final = "FAILED"
TASK_NOT_STARTED: Final = "COULD NOT START"
# ECS shows a stopped task for at least an hour (API reference, ListTasks), and its client token
# holds as long (API reference, "Ensuring idempotency"). Until then no task means that none ran.
CERTAIN_SECONDS: Final = 50 * 60
_LOOK_CALLS: Final = ("ecs.list_tasks", "ecs.describe_tasks")


class ContainerTask(FrozenModel):
    """The task that `run` (its `startedBy`) started of a family, and the exit code of a container.

    `params` are what RunTask takes; `definition` is the path of its task definition in what an
    earlier step saw, if it is not in them. Once the step `seen_by` has seen the task, it is read by
    its ARN. Sent again after CERTAIN_SECONDS, a run might be a second one, so it is not.
    """

    kind: Literal["container-task"] = "container-task"
    operation: Literal["look", "run", "stop"] = "look"
    cluster: str
    family: str
    run: str
    container: str
    params: JsonObject = Field(default_factory=dict)
    definition: str | None = None
    seen_by: str | None = None
    repeatable: Literal[True] = True

    @property
    def calls(self) -> tuple[str, ...]:
        """The AWS calls that it makes."""
        match self.operation:
            case "look":
                return _LOOK_CALLS
            case "run":
                return ("ecs.run_task",)
            case "stop":
                return (*_LOOK_CALLS, "ecs.stop_task")

    def is_certain_after(self, seconds: float) -> bool:
        """True if, so long after the action was sent, a look still sees whether it happened."""
        return self.operation != "run" or seconds < CERTAIN_SECONDS

    def list_call_parameters(self) -> list[tuple[str, dict[str, Any]]]:
        """The calls with as much of their parameters as is known beforehand."""
        return [
            (api, {"cluster": self.cluster, **(self.params if api == "ecs.run_task" else {})})
            for api in self.calls
        ]
