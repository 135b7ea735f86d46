"""`ops cache clear`: keys deleted, or counted, by a task in the stack's network."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from ops.cache.clear import (
    CLEAR_TASK,
    ClearMode,
    build_cache_clear_plan,
    find_task_host,
    read_clear_result,
    require_key_pattern,
)
from ops.cache.figures import read_latest_figures
from ops.cache.model import get_cache_part, list_nodes, read_replication_group
from ops.cli.completion import complete_service_names
from ops.cli.execution import (
    ExecutionOptions,
    execute_plan,
    load_stack_context,
    mutating_command,
    new_run_id,
)
from ops.core import clock
from ops.core.aws import Aws
from ops.core.errors import OpsError, RolledBackError, TimedOutError, UsageError
from ops.core.times import format_local_second
from ops.outputs import CachePart, Outputs
from ops.services.model import resolve_service
from ops.services.single_task import (
    DEFAULT_TASK_IMAGE,
    TaskHost,
    list_failure_reasons,
    require_task_image,
)


@mutating_command
def clear_cache(
    context: typer.Context,
    keys: Annotated[
        str | None,
        typer.Option(metavar="PATTERN", help="the keys, like 'session:*' (the globs of SCAN)"),
    ] = None,
    every_key: Annotated[
        bool, typer.Option("--all", help="every key of every database: FLUSHALL ASYNC")
    ] = False,
    count: Annotated[bool, typer.Option("--count", help="count the keys, and delete none")] = False,
    service: Annotated[
        str | None,
        typer.Option(
            "--service",
            metavar="NAME",
            help="whose network and role the task has; default: the first that uses the cache",
            autocompletion=complete_service_names,
        ),
    ] = None,
    image: Annotated[
        str,
        typer.Option(
            metavar="IMAGE", help="what the task runs: an image with python3, 3.10 or newer"
        ),
    ] = DEFAULT_TASK_IMAGE,
    *,
    options: ExecutionOptions,
) -> None:
    """Deletes keys of the cache, by a task in its network: SCAN and UNLINK, never KEYS.

    Count them first with --count. The database gets the reads until the cache is warm again.
    """
    if (keys is None) == (not every_key):
        raise UsageError("either --keys or --all must be set")
    if keys is not None:
        require_key_pattern(keys)
    require_task_image(image)
    stack_context, output = load_stack_context(context)
    outputs, aws = stack_context.outputs, stack_context.aws
    if service is not None:
        resolve_service(outputs, service)
    cache = get_cache_part(outputs)
    host = find_task_host(aws, outputs, cache, service)
    run = new_run_id("cache-clear")
    mode: ClearMode = "count" if count else "clear"
    plan = build_cache_clear_plan(
        outputs,
        cache,
        host,
        run,
        mode=mode,
        pattern=keys,
        image=image,
        known_keys=_describe_known_keys(aws, cache),
    )
    with _explain_failure(aws, outputs, host, run):
        is_done = execute_plan(plan, stack_context, output, options.as_destructive(not count))
    if is_done:
        output.print_result("cache-clear", _build_result(aws, host, run, mode))


def _describe_known_keys(aws: Aws, cache: CachePart) -> str:
    """How many keys CloudWatch last saw; unknown if it did not, or may not be asked."""
    now = clock.now()
    try:
        nodes = list_nodes(read_replication_group(aws, cache))
        primaries = [node for node in nodes if node.role == "primary"]
        figures = read_latest_figures(aws, cache, primaries, now)
    except OpsError as error:
        return f"an unknown number of keys: {error}"
    numbers = [figures[node.name, "keys"] for node in primaries]
    if not numbers or any(number is None for number in numbers):
        return "an unknown number of keys: CloudWatch has no newest value of CurrItems"
    total = sum(number for number in numbers if number is not None)
    return f"{total:,.0f} keys in all, by CloudWatch at {format_local_second(now)}"


@contextmanager
def _explain_failure(aws: Aws, outputs: Outputs, host: TaskHost, run: str) -> Iterator[None]:
    """Adds what the script said, or why its task stopped, to the error of a run."""
    try:
        yield
    except (RolledBackError, TimedOutError) as error:
        reasons = list(list_failure_reasons(aws, outputs, host, CLEAR_TASK, run))
        if not reasons:
            raise
        raise type(error)(f"{error}; {'; '.join(reasons)}", *error.advice) from None


def _build_result(aws: Aws, host: TaskHost, run: str, mode: ClearMode) -> dict[str, Any]:
    """What the script counted; unknown if the log cannot be read again."""
    try:
        result = read_clear_result(aws, host.log_group, run)
    except OpsError:
        result = {}
    names = ("keysBefore", "matched", "deleted", "keysAfter")
    counts = {name: result.get(name, "unknown") for name in names}
    if mode == "count":
        counts.pop("deleted")
    return {"run": run, **counts}
