"""ELB: who the targets of a group are, and how their health checks go."""

from typing import Any

from moto.elbv2.models import ELBv2Backend, FakeHealthStatus

from sandbox.patches.ecs.targets import REASONS, Target, tasks
from sandbox.patches.elbv2 import instances as elbv2_instances
from sandbox.patches.patching import Mend

mend = Mend()


@mend.around(ELBv2Backend, "describe_target_health")
def health(
    original: Any, backend: ELBv2Backend, target_group_arn: str, targets: list[dict[str, Any]]
) -> list[FakeHealthStatus]:
    """What was registered by hand or by a group of instances, then the tasks of services.

    Asked for some targets, it tells of those only.
    """
    group = backend.target_groups.get(target_group_arn)
    if group is not None:
        elbv2_instances.caught_up(group)
    ours = {target.id: target for target in tasks(group)} if group is not None else {}
    asked = {target["Id"] for target in targets or ()}
    others = [target for target in targets or () if target["Id"] not in ours]
    found: list[FakeHealthStatus] = []
    if others or not asked:
        found = original(backend, target_group_arn, others)
    if group is None:
        return found
    for status in found:
        if status.instance_id in group.targets and status.instance_id.startswith("i-"):
            seen = elbv2_instances.target(group, status.instance_id, int(status.port))
            if seen.health != "unused":
                _told(status, seen)
    for target in ours.values():
        if not asked or target.id in asked:
            port = str(target.port)
            status = FakeHealthStatus(target.id, port, group.health_check_port, target.health)
            _told(status, target)
            found.append(status)
    return found


def _told(status: FakeHealthStatus, target: Target) -> None:
    status.status = target.health
    status.reason, status.description = REASONS[target.health] or (None, None)
