"""Why services do not get where a change leads them: tasks that stopped by a fault since."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

from ops.core import clock
from ops.core.aws import Aws
from ops.core.errors import OpsError, RolledBackError, TimedOutError
from ops.core.plan import Call, Plan
from ops.outputs import Outputs
from ops.services.health import find_fault
from ops.services.model import ServiceState, list_service_states, list_service_tasks

MAX_STOP_REASONS: Final = 3  # the most frequent reasons that an error names


@contextmanager
def explain_scale_failure(aws: Aws, service: ServiceState) -> Iterator[None]:
    """Adds to the error of a count that was not reached why tasks stopped since it was begun."""
    began = clock.now()
    try:
        yield
    except (RolledBackError, TimedOutError) as error:
        reasons = list_stop_reasons(aws, service, began)
        message = "; ".join((str(error), *(f"task stopped: {reason}" for reason in reasons)))
        error.args = (message,)
        if reasons:
            error.advice = (f"ops service tasks --service {service.name} --stopped", *error.advice)
        raise


@contextmanager
def explain_failed_services(aws: Aws, outputs: Outputs, plan: Plan) -> Iterator[None]:
    """Adds to the error of a run why tasks of the services that it changes stopped since it began.

    The run may have been begun by another process.
    """
    began = datetime.fromtimestamp(int(plan.started), UTC)  # ECS's times are less exact
    try:
        yield
    except (RolledBackError, TimedOutError) as error:
        services = _list_changed_services(aws, outputs, plan)
        for service in services:
            for reason in list_stop_reasons(aws, service, began):
                error.args = (f"{error}; task of {service.name} stopped: {reason}",)
                command = f"ops service tasks --service {service.name} --stopped"
                error.advice = tuple(dict.fromkeys((*error.advice, command)))
        raise


def _list_changed_services(aws: Aws, outputs: Outputs, plan: Plan) -> list[ServiceState]:
    """Lists the stack's services that steps of a plan update; empty if they cannot be read."""
    names = {
        step.action.params.get("service")
        for step in plan.steps
        if isinstance(step.action, Call) and step.action.api == "ecs.update_service"
    }
    parts = outputs.services.services.values() if outputs.services else ()
    changed_parts = [part for part in parts if part.name in names]
    try:
        return list_service_states(aws, outputs, changed_parts) if changed_parts else []
    except OpsError:
        return []


def list_stop_reasons(aws: Aws, service: ServiceState, since: datetime) -> list[str]:
    """Lists the faults that stopped tasks since then, each once with its count.

    If the tasks cannot be read, the list holds that error instead.
    """
    try:
        tasks = list_service_tasks(aws, service, stopped=True)
    except OpsError as error:
        return [f"unknown, {error}"]
    faults = Counter(
        fault
        for task in tasks
        if datetime.fromisoformat(str(task["stoppedAt"])) >= since
        and (fault := find_fault({**task})) is not None
    )
    return [f"{count} x {fault}" for fault, count in faults.most_common(MAX_STOP_REASONS)]
