"""A command in a running container, by ECS Exec.

ECS Exec needs a task that was started with it enabled, a running agent in the container, and the
AWS CLI with the Session Manager plugin on this machine. Source: ECS Developer Guide, "Monitor
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
from ops.services.model import ServiceState, get_arn_name, list_service_tasks

EXEC_AGENT_NAME: Final = "ExecuteCommandAgent"
REQUIRED_PROGRAMS: Final = ("aws", "session-manager-plugin")
DEFAULT_SHELL: Final = "/bin/sh"


@dataclass(frozen=True)
class ExecSession:
    """The AWS CLI command that opens a session in a container."""

    service: str
    task: str
    container: str
    argv: tuple[str, ...]

    @property
    def command_line(self) -> str:
        """The command line, quoted for a shell."""
        return shlex.join(self.argv)

    def build_row(self) -> dict[str, object]:
        """Returns the session for --output json."""
        return {
            "service": self.service,
            "task": self.task,
            "container": self.container,
            "line": self.command_line,
            "missing": list(list_missing_programs()),
        }


def build_exec_session(
    aws: Aws,
    outputs: Outputs,
    service: ServiceState,
    command: str = DEFAULT_SHELL,
    *,
    task: str | None = None,
    container: str | None = None,
    profile: str | None = None,
) -> ExecSession:
    """Builds a session in `task`, or in the first running task that accepts one.

    Raises UsageError if --task or --container is wrong, OpsError if no task accepts a session.
    """
    candidates = _select_tasks(service, list_service_tasks(aws, service, stopped=False), task)
    container_name = container or service.part.container
    problems = [
        (candidate, _find_problem(candidate, container_name, service)) for candidate in candidates
    ]
    usable_task = next((candidate for candidate, problem in problems if problem is None), None)
    if usable_task is None:
        raise next(problem for _, problem in problems if problem is not None)
    task_id = get_arn_name(str(usable_task["taskArn"]))
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
        task_id,
        "--container",
        container_name,
        "--interactive",
        "--command",
        command,
    )
    return ExecSession(service.name, task_id, container_name, argv)


def require_exec_command(command: str) -> None:
    """Raises UsageError if --command is empty."""
    if not command.strip():
        raise UsageError(f"--command must be a command and its arguments, not {command!r}")


def _select_tasks(
    service: ServiceState, service_tasks: Sequence[Mapping[str, Any]], task_prefix: str | None
) -> list[Mapping[str, Any]]:
    """Returns the running task with this id prefix, or all running tasks."""
    running_tasks = [task for task in service_tasks if task.get("lastStatus") == "RUNNING"]
    tasks_command = f"ops service tasks --service {service.name}"
    if not running_tasks:
        raise OpsError(
            f"{service.name} has no running task", f"{tasks_command} --stopped", tasks_command
        )
    if task_prefix is None:
        return running_tasks
    task_ids = [get_arn_name(str(task["taskArn"])) for task in running_tasks]
    matching_tasks = [
        task
        for task, task_id in zip(running_tasks, task_ids, strict=True)
        if task_id.startswith(get_arn_name(task_prefix))
    ]
    if len(matching_tasks) != 1 or not task_prefix:
        raise UsageError(
            f"--task must be one of {', '.join(sorted(task_ids))}, not {task_prefix!r}",
            tasks_command,
        )
    return matching_tasks


def _find_problem(
    task: Mapping[str, Any], container: str, service: ServiceState
) -> OpsError | None:
    """Returns why a container of a task accepts no session, or None if it does."""
    containers = {str(item["name"]): item for item in task.get("containers") or ()}
    if container not in containers:
        container_names = ", ".join(sorted(containers))
        return UsageError(f"--container must be one of {container_names}, not {container!r}")
    task_id = get_arn_name(str(task["taskArn"]))
    restart_command = f"ops service restart --service {service.name}"
    if not task.get("enableExecuteCommand"):
        return OpsError(
            f"task {task_id} of {service.name} was started without ECS Exec; "
            "set cluster.exec, deploy, and restart the service",
            "pulumi config set --path cluster.exec true",
            "pulumi up",
            restart_command,
        )
    agents = containers[container].get("managedAgents") or ()
    agent: Mapping[str, Any] = next(
        (item for item in agents if item.get("name") == EXEC_AGENT_NAME), {}
    )
    state = agent.get("lastStatus", "not there")
    if state == "RUNNING":
        return None
    reason_suffix = f": {agent['reason']}" if agent.get("reason") else ""
    return OpsError(
        f"the ECS Exec agent in {container} of task {task_id} is {state}{reason_suffix}",
        restart_command,
        f"ops service events --service {service.name}",
    )


def list_missing_programs() -> tuple[str, ...]:
    """Lists the required programs that are not on the PATH."""
    return tuple(name for name in REQUIRED_PROGRAMS if shutil.which(name) is None)


def run_exec_session(session: ExecSession) -> None:
    """Runs the session on this terminal. Raises OpsError if a program is missing or it fails."""
    if missing_programs := list_missing_programs():
        raise OpsError(
            f"--run needs {', '.join(missing_programs)} on the PATH; "
            "run this line on a machine that has them",
            session.command_line,
        )

    def ignore_interrupt(_number: int, _frame: FrameType | None) -> None:
        """Leaves Ctrl-C to the command in the container."""

    previous_handler = signal.signal(signal.SIGINT, ignore_interrupt)
    try:
        exit_code = subprocess.call(session.argv)
    finally:
        signal.signal(signal.SIGINT, previous_handler)
    if exit_code:
        raise OpsError(f"aws exited with {exit_code}", session.command_line)
