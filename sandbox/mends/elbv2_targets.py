"""ELB: the tasks of an ECS service are targets of its target group, as ECS registers them."""

import hashlib
from typing import Any

from moto.ecs.models import ecs_backends
from moto.elbv2.models import ELBv2Backend, FakeHealthStatus

from sandbox.mends.patching import Mend

mend = Mend()


@mend.around(ELBv2Backend, "describe_target_health")
def health(
    original: Any, backend: ELBv2Backend, target_group_arn: str, targets: list[dict[str, Any]]
) -> list[FakeHealthStatus]:
    """What was registered by hand, then tasks: running ones are healthy, others not yet."""
    found: list[FakeHealthStatus] = original(backend, target_group_arn, targets)
    if targets:
        return found
    group = backend.target_groups[target_group_arn]
    ecs = ecs_backends[backend.account_id][backend.region_name]
    for service in list(ecs.services.values()):
        ours = [b for b in service.load_balancers if b.get("targetGroupArn") == target_group_arn]
        if not ours or service.status != "ACTIVE":
            continue
        ecs.describe_services(service.cluster_name, [service.name])  # its counts, as of now
        port = ours[0]["containerPort"]
        for number in range(service.running_count + service.pending_count):
            serves = number < service.running_count
            found.append(
                FakeHealthStatus(
                    _address(service.arn, number), str(port), group.health_check_port,
                    "healthy" if serves else "initial",
                    None if serves else "Elb.RegistrationInProgress",
                    None if serves else "Target registration is in progress",
                )
            )  # fmt: skip
    return found


def _address(service: str, number: int) -> str:
    """An address of a task in the VPC, always the same."""
    mark = hashlib.sha256(f"{service}/{number}".encode()).digest()
    return f"10.0.{mark[0] % 64 + 64}.{mark[1] % 250 + 4}"
