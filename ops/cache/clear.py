"""The plan of `ops cache clear`: a task of its own in the stack's network deletes or counts keys.

The cache is private, so no machine outside reaches it. The task runs Python and the script beside
this file, with the network, the execution role and the log group of a service that uses the cache:
that role may read the token, and that network reaches the cache. ECS puts the token from the secret
into the container's environment, so it is in no plan, journal or command line.
"""

import shlex
from pathlib import Path
from typing import Any, Final, Literal

from ops.core.aws import Aws
from ops.core.errors import UsageError
from ops.core.plan import Plan, PlanData
from ops.core.stack_plan import NO_COST, build_stack_plan
from ops.outputs import CachePart, Outputs
from ops.services import single_task
from ops.services.model import get_task_definition, list_service_states
from ops.services.single_task import DEFAULT_TASK_IMAGE, SingleTask, TaskHost

ClearMode = Literal["count", "clear"]
SCRIPT_FILE: Final = Path(__file__).with_name("clear_script.py")
TASK_CONTAINER: Final = "clear"
CLEAR_TASK: Final = "cache-clear"
MAX_GLOB_CHARACTERS: Final = 500
_EVERY_KEY: Final = "*"


class ClearData(PlanData):
    """What a clear is of: read by whoever shows its result. `pattern` is None for every key."""

    mode: ClearMode
    pattern: str | None
    log_group: str


def require_key_pattern(pattern: str) -> None:
    """Raises UsageError unless it is a pattern that names some keys, like `session:*`."""
    if not pattern or not pattern.isprintable() or len(pattern) > MAX_GLOB_CHARACTERS:
        raise UsageError(
            f"--keys must be a pattern of at most {MAX_GLOB_CHARACTERS} printable characters, "
            f"like 'session:*', not {pattern!r}"
        )
    if not pattern.strip(_EVERY_KEY):
        raise UsageError(f"--keys must name some keys, not {pattern!r}, which is every key: --all")


def find_task_host(
    aws: Aws, outputs: Outputs, cache: CachePart, name: str | None = None
) -> TaskHost:
    """The service that the task is like: the named one, or the first that uses the cache.

    Raises UsageError if it does not use the cache, or none does. The name must be one of a service.
    """
    parts = outputs.services.services if outputs.services is not None else {}
    names = [name] if name is not None else sorted(parts)
    states = list_service_states(aws, outputs, [parts[name] for name in names]) if names else []
    for state in states:
        definition, _ = get_task_definition(aws, state.revision)
        for container in definition["containerDefinitions"]:
            if any(
                str(secret.get("valueFrom")).startswith(cache.secret_arn)
                for secret in container.get("secrets") or ()
            ):
                log_group = single_task.get_log_group(state, container)
                return TaskHost(state, definition, log_group)
    if name is not None:
        raise UsageError(
            f"--service must use the cache, which {name} does not: services.{name}.cache"
        )
    raise UsageError(
        f"no service of the stack {outputs.stack.stack} uses the cache (services.NAME.cache), so "
        "no task can be started that reaches it: connect to it instead",
        "ops cache connect",
    )


def build_cache_clear_plan(
    outputs: Outputs,
    cache: CachePart,
    host: TaskHost,
    run: str,
    *,
    mode: ClearMode,
    pattern: str | None,
    image: str = DEFAULT_TASK_IMAGE,
    known_keys: str = "unknown",
) -> Plan:
    """Builds the plan. `known_keys` says how many there are, for whoever agrees to it."""
    keys = "every key" if pattern is None else f"the keys {pattern}"
    is_clear = mode == "clear"
    task_image = f"{image} runs as a task like those of {host.service.name}, once"
    notes = [
        "the cache holds ${KEYS}",
        task_image,
        *(["who reads them meets the database until they are there again"] if is_clear else ()),
        *(["keys that are written meanwhile may stay"] if is_clear and pattern is not None else ()),
    ]
    changes = [f"{cache.identifier}: {keys} -> none"] if is_clear else [f"{keys} counted"]
    option = "--all" if pattern is None else f"--keys {shlex.quote(pattern)}"
    task = _build_task(cache, host, run, mode, pattern, image)
    plan = build_stack_plan(
        outputs,
        run,
        "cache clear",
        single_task.build_register_step(outputs, task),
        single_task.build_run_step(outputs, task),
        single_task.build_finish_step(task, f"{'delete' if is_clear else 'count'} {keys}"),
        single_task.build_deregister_step(outputs, task, "unregister"),
        changes=changes,
        losses=[f"{keys} of {cache.identifier}, for good"] if is_clear else (),
        cost=NO_COST,
        notes=notes,
        arguments=option if is_clear else f"{option} --count",
        data=ClearData(mode=mode, pattern=pattern, log_group=host.log_group),
    )
    return plan.model_copy(update={"captured": {"KEYS": known_keys}})


def read_clear_result(aws: Aws, log_group: str, run: str) -> dict[str, Any]:
    """What the task of a run said last; empty if nothing of it is in the log."""
    results = single_task.read_task_lines(aws, log_group, format_stream_prefix(run))
    return next((item for item in reversed(results) if item["state"] in ("done", "error")), {})


def format_stream_prefix(run: str) -> str:
    """How the name of the log stream of a run's task begins."""
    return single_task.format_stream_prefix(CLEAR_TASK, run)


def _build_task(
    cache: CachePart, host: TaskHost, run: str, mode: ClearMode, pattern: str | None, image: str
) -> SingleTask:
    return SingleTask(
        name=CLEAR_TASK,
        run=run,
        host=host,
        container=TASK_CONTAINER,
        image=image,
        script=SCRIPT_FILE.read_text(encoding="utf-8"),
        environment={
            "CACHE_HOST": cache.primary_endpoint,
            "CACHE_MODE": mode,
            "CACHE_PATTERN": pattern or "",
            "CACHE_PORT": str(cache.port),
            "CACHE_RUN": run,
        },
        secrets={"CACHE_TOKEN": f"{cache.secret_arn}:token::"},
    )
