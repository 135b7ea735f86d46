"""ELB: the targets of a group, and the results of their health checks."""

from dataclasses import dataclass
from typing import Any

from moto.elbv2.models import ELBv2Backend, FakeHealthStatus

from sandbox.patches.ecs.targets import HEALTH_REASONS, RegisteredTarget, list_task_targets
from sandbox.patches.elbv2 import instances as elbv2_instances
from sandbox.patches.patching import ServicePatch, backend_state

patch = ServicePatch()


@patch.wrap(ELBv2Backend, "describe_target_health")
def describe_target_health(
    original: Any, backend: ELBv2Backend, target_group_arn: str, targets: list[dict[str, Any]]
) -> list[FakeHealthStatus]:
    """Targets registered by hand or by an Auto Scaling group, then the tasks of services.

    If targets are given, only those are described.
    """
    group = backend.target_groups.get(target_group_arn)
    if group is not None:
        elbv2_instances.catch_up_instances(group)
    task_targets = (
        {target.id: target for target in list_task_targets(group)} if group is not None else {}
    )
    target_ids = {target["Id"] for target in targets or ()}
    other_targets = [target for target in targets or () if target["Id"] not in task_targets]
    statuses: list[FakeHealthStatus] = []
    if other_targets or not target_ids:
        statuses = original(backend, target_group_arn, other_targets)
    if group is None:
        return statuses
    for status in statuses:
        if status.instance_id in group.targets and status.instance_id.startswith("i-"):
            instance_target = elbv2_instances.get_instance_target(
                group, status.instance_id, int(status.port)
            )
            if instance_target.health != "unused":
                _set_health(status, instance_target)
    for target in task_targets.values():
        if not target_ids or target.id in target_ids:
            port = str(target.port)
            status = FakeHealthStatus(target.id, port, group.health_check_port, target.health)
            _set_health(status, target)
            statuses.append(status)
    if (failing := _get_failing_checks(backend).get(target_group_arn)) is not None:
        for status in statuses[: failing.count]:
            status.status = "unhealthy"
            status.reason, status.description = failing.reason, failing.description
    return statuses


@dataclass(frozen=True)
class FailingChecks:
    """Health checks that fail whatever runs there: of how many targets, and why."""

    count: int
    reason: str
    description: str


def fail_health_checks(backend: ELBv2Backend, group_arn: str, checks: FailingChecks) -> None:
    """Lets health checks of a target group fail, as with a rule of the network that is gone."""
    _get_failing_checks(backend)[group_arn] = checks


def _get_failing_checks(backend: ELBv2Backend) -> dict[str, FailingChecks]:
    return backend_state(backend, "failing_checks", dict)


def _set_health(status: FakeHealthStatus, target: RegisteredTarget) -> None:
    status.status = target.health
    status.reason, status.description = HEALTH_REASONS[target.health] or (None, None)
