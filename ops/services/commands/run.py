"""`ops service run`: a command, once, in a task like those of a service."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from ops.cli.completion import complete_service_names
from ops.cli.execution import (
    ExecutionOptions,
    build_runner,
    execute_plan,
    load_stack_context,
    mutating_command,
    new_run_id,
)
from ops.cli.render import Output
from ops.core.container_tasks import look_at_task
from ops.core.engine import Engine
from ops.core.errors import InterruptedRunError, OpsError, RolledBackError
from ops.core.plan import ContainerTask, Plan
from ops.core.run import WallClock
from ops.core.run_context import StackContext
from ops.services.command_task import RUN_STEP, build_service_run_plan, require_command
from ops.services.commands.task_log import follow_command_log
from ops.services.model import get_arn_name, get_service, resolve_service


@mutating_command
def run_service_command(
    context: typer.Context,
    service: Annotated[
        str,
        typer.Argument(
            metavar="SERVICE",
            help="whose image, network, roles and secrets the task has",
            autocompletion=complete_service_names,
        ),
    ],
    command: Annotated[
        list[str],
        typer.Argument(metavar="-- COMMAND...", help="what runs instead of the service's command"),
    ],
    *,
    options: ExecutionOptions,
) -> None:
    """Runs a command once in a task like the service's, and shows its log to its end.

    Exit 0 if the command ended with 0; else exit 1, and the error says its exit code. Ctrl-C asks
    whether to stop the task.
    """
    require_command(command)
    stack_context, output = load_stack_context(context)
    aws, outputs = stack_context.aws, stack_context.outputs
    part = resolve_service(outputs, service, "SERVICE")
    run = new_run_id("service-run")
    plan = build_service_run_plan(
        aws, outputs, get_service(aws, outputs, part.name, "SERVICE"), command, run
    )
    with (
        _offer_stop(stack_context, run),
        explain_command_failure(stack_context, plan, output),
        follow_command_log(aws, outputs, part.name, output) as display,
    ):
        is_executed = execute_plan(plan, stack_context, output, options, listener=display)
    if is_executed:
        output.print_result("service-run", _build_result(_get_engine(stack_context, run)))


@contextmanager
def explain_command_failure(
    context: StackContext, plan: Plan, output: Output | None = None
) -> Iterator[None]:
    """Turns the error of a run whose command failed into one that says how it ended, exit code 1.

    With `output`, the result is printed as well.
    """
    try:
        yield
    except RolledBackError as error:
        engine = _get_engine(context, plan.run)
        end = _look_at_end(context, engine)
        result = _build_result(engine) | {"exitCode": end.get("exit_code")}
        answer = end.get("answer")
        reason = f"{answer}; what it changed stays" if answer else engine.reason or str(error)
        if output is not None and output.output_format == "json":
            output.print_json("service-run", result)
        raise OpsError(
            f"{plan.command} failed: {reason}", *_list_advice(engine, result["task"])
        ) from None


@contextmanager
def _offer_stop(context: StackContext, run: str) -> Iterator[None]:
    """After Ctrl-C asks whether to stop the task, if it was started and there is a terminal."""
    try:
        yield
    except InterruptedRunError as error:
        engine = _get_engine(context, run)
        if engine.journal.is_undoing or not engine.list_undo_steps():
            raise
        if not sys.stdin.isatty():
            raise InterruptedRunError(f"{error}; the task runs on", *error.advice) from None
        if not typer.confirm("the task runs on; stop it?", err=True):
            raise
        clock = WallClock()
        with clock.handle_interrupts():
            build_runner(context, clock).undo(run)
        raise InterruptedRunError(
            "the task was stopped; what the command had changed stays", f"ops runs show {run}"
        ) from None


def _get_engine(context: StackContext, run: str) -> Engine:
    return build_runner(context, WallClock()).get_engine(run)


def _build_result(engine: Engine) -> dict[str, Any]:
    """The task and its exit code, None if the run did not see them."""
    results = engine.journal.get_step_results()
    started, ended = (_as_fields(results.get(step.name)) for step in engine.plan.steps)
    task = started.get("task")
    return {
        "service": engine.plan.arguments.split(" ", 1)[0],
        "task": get_arn_name(task) if isinstance(task, str) else None,
        "exitCode": ended.get("exit_code"),
        "run": engine.plan.run,
    }


def _look_at_end(context: StackContext, engine: Engine) -> dict[str, Any]:
    """How the command ended, as ECS says it; empty if that cannot be read."""
    finish = engine.plan.steps[-1].action
    results = engine.journal.get_step_results()
    if not isinstance(finish, ContainerTask) or not results.get(RUN_STEP):
        return {}
    try:
        return look_at_task(context.aws, finish, results)
    except OpsError:
        return {}


def _list_advice(engine: Engine, task: str | None) -> tuple[str, ...]:
    service = engine.plan.arguments.split(" ", 1)[0]
    log = () if task is None else (f"ops logs tail {service} --task {task} --since 1h",)
    return (*log, f"ops runs show {engine.plan.run}")


def _as_fields(result: Any) -> dict[str, Any]:
    return result if isinstance(result, dict) else {}
