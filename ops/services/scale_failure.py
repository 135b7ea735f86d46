"""Why a service does not reach the count it was scaled to: tasks that stopped by a fault since."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final

from ops.core import clock
from ops.core.aws import Aws
from ops.core.errors import OpsError, RolledBackError, TimedOutError
from ops.services.health import find_fault
from ops.services.model import ServiceState, list_service_tasks

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
