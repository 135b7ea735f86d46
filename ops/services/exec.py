"""A command in a running container: which task and container, whether it can be, and the line.

ECS Exec wants three things: the task was started with it on, its agent runs in the container, and
whoever types has the AWS CLI with the Session Manager plugin. Source: ECS developer guide, "Monitor
Amazon ECS containers with ECS Exec".
"""

import shlex
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any, Final

from ops.core.aws import Aws
from ops.core.errors import OpsError, UsageError
from ops.outputs import Outputs
from ops.services.model import Service, short, tasks

AGENT: Final = "ExecuteCommandAgent"
NEEDED: Final = ("aws", "session-manager-plugin")
SHELL: Final = "/bin/sh"


@dataclass(frozen=True)
class Session:
    """A command in a container of a task, as it can be begun now."""

    service: str
    task: str
    container: str
    argv: tuple[str, ...]

    @property
    def line(self) -> str:
        """What to type."""
        return shlex.join(self.argv)

    def row(self) -> dict[str, object]:
        """What a program reads of it."""
        return {
            "service": self.service,
            "task": self.task,
            "container": self.container,
            "line": self.line,
            "missing": list(missing()),
        }


def session(
    aws: Aws,
    outputs: Outputs,
    service: Service,
    command: str = SHELL,
    *,
    task: str | None = None,
    container: str | None = None,
    profile: str | None = None,
) -> Session:
    """A command in the task that is named, or in one that it can be begun in.

    Raises UsageError where --task or --container is wrong, OpsError where it cannot be.
    """
    found = _task(service, tasks(aws, service, stopped=False), task)
    name = container or service.part.container
    problems = [(one, _problem(one, name, service)) for one in found]
    usable = next((one for one, problem in problems if problem is None), None)
    if usable is None:
        raise next(problem for _, problem in problems if problem is not None)
    id_ = short(str(usable["taskArn"]))
    argv = (
        "aws",
        "ecs",
        "execute-command",
        "--region",
        outputs.stack.region,
        *(("--profile", profile) if profile else ()),
        "--cluster",
        service.cluster,
        "--task",
        id_,
        "--container",
        name,
        "--interactive",
        "--command",
        command,
    )
    return Session(service.name, id_, name, argv)


def checked(command: str) -> None:
    """Raises UsageError where --command is none."""
    if not command.strip():
        raise UsageError(f"--command is {command!r}, may be a command and its arguments")


def _task(
    service: Service, seen: Sequence[Mapping[str, Any]], wanted: str | None
) -> list[Mapping[str, Any]]:
    """The running task that is named, or all that run."""
    running = [one for one in seen if one.get("lastStatus") == "RUNNING"]
    looks = f"ops service tasks --service {service.name}"
    if not running:
        raise OpsError(f"no task of {service.name} runs", f"{looks} --stopped", looks)
    if wanted is None:
        return running
    ids = [short(str(one["taskArn"])) for one in running]
    named = [one for one, id_ in zip(running, ids, strict=True) if id_.startswith(short(wanted))]
    if len(named) != 1 or not wanted:
        raise UsageError(f"--task is {wanted!r}, may be {', '.join(sorted(ids))}", looks)
    return named


def _problem(task: Mapping[str, Any], container: str, service: Service) -> OpsError | None:
    """Why a command cannot be begun in a container of a task; None where it can."""
    containers = {str(one["name"]): one for one in task.get("containers") or ()}
    if container not in containers:
        known = ", ".join(sorted(containers))
        return UsageError(f"--container is {container!r}, may be {known}")
    id_ = short(str(task["taskArn"]))
    restart = f"ops service restart --service {service.name}"
    if not task.get("enableExecuteCommand"):
        return OpsError(
            f"task {id_} of {service.name} was started without ECS Exec: the setting cluster.exec "
            "turns it on, for tasks that start afterwards",
            "pulumi config set --path 'bulwark:cluster.exec' true",
            "pulumi up",
            restart,
        )
    agents = containers[container].get("managedAgents") or ()
    agent: Mapping[str, Any] = next((one for one in agents if one.get("name") == AGENT), {})
    state = agent.get("lastStatus", "not there")
    if state == "RUNNING":
        return None
    why = f": {agent['reason']}" if agent.get("reason") else ""
    return OpsError(
        f"the agent of ECS Exec in {container} of task {id_} is {state}{why}",
        restart,
        f"ops service events --service {service.name}",
    )


def missing() -> tuple[str, ...]:
    """The programs that are needed here and are not on the PATH."""
    return tuple(name for name in NEEDED if shutil.which(name) is None)


def begin(of: Session) -> None:
    """Runs it on this terminal, until it ends. Raises OpsError where it cannot be, or fails."""
    if gone := missing():
        raise OpsError(
            f"--run needs what is not on the PATH: {', '.join(gone)}; it may be left out, and the "
            "line typed where they are",
            of.line,
        )

    def theirs(_number: int, _frame: FrameType | None) -> None:
        """Ctrl-C is for the command in the container."""

    before = signal.signal(signal.SIGINT, theirs)
    try:
        code = subprocess.call(of.argv)
    finally:
        signal.signal(signal.SIGINT, before)
    if code:
        raise OpsError(f"aws ended with {code}", of.line)
