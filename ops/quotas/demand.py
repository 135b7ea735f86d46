"""What the stack would need at its own most, beside what it uses now.

Its most is every service at the most of its scaling during a deployment at maximumPercent, the
fleet at its largest, and a second database with its storage: a restore needs one, and a blue/green
upgrade one for each instance. In another region all of it is needed.
"""

import math
import re
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ops.core.checks import (
    CheckFacts,
    ReadAnswer,
    ReadRequest,
    ResponseItem,
    UnknownAnswerError,
    build_read,
    get_answer_items,
    index_by,
    split_into_chunks,
)
from ops.core.scaling_apis import AUTO_SCALING_GROUPS_API, SCALABLE_TARGETS_API
from ops.quotas.model import Demand

if TYPE_CHECKING:
    from ops.outputs import Outputs

_SERVICES_API: Final = "ecs.describe_services"
_TASK_DEFINITION_API: Final = "ecs.describe_task_definition"
_INSTANCE_TYPES_API: Final = "ec2.describe_instance_types"
_DATABASES_API: Final = "rds.describe_db_instances"
CPU_UNITS_PER_VCPU: Final = 1024  # ECS API reference, TaskDefinition: cpu
DEFAULT_MAXIMUM_PERCENT: Final = 200  # ECS API reference, DeploymentConfiguration
DESCRIBED_SERVICES: Final = 10  # a call. Source: ECS API reference, DescribeServices
# Letters of the families that the Standard quota counts (EC2 User Guide, On-Demand quotas).
STANDARD_FAMILIES: Final = ("a", "c", "d", "h", "i", "im", "is", "m", "r", "t", "z")


@dataclass(frozen=True)
class DemandFigure:
    """How much more is needed at most, in this region and in another; None if it is not known."""

    more: float | None
    elsewhere: float | None
    reason: str


@dataclass
class _ServiceDemand:
    name: str
    vcpu: float
    running: int
    most: int  # tasks, during a deployment


@dataclass
class _Demands:
    services: "list[_ServiceDemand] | str" = field(default_factory=list)
    instances_more: int = 0
    instances_most: int = 0
    vcpu_each: float = 0
    fleet_problem: str = ""
    databases: "list[float] | str" = field(default_factory=list)  # storage of each, GiB


DemandRoutine = Generator[Sequence[ReadRequest], list[ReadAnswer], Mapping[Demand, DemandFigure]]


def compute_demands(facts: CheckFacts) -> DemandRoutine:
    """Reads what the stack is made of now, and computes its most. To be yielded from.

    A part that cannot be read makes its own figures unknown, with the reason.
    """
    outputs, demands = facts.outputs, _Demands()
    first_reads = [*_list_service_reads(outputs), *_list_fleet_reads(outputs)]
    database_read = build_read(
        _DATABASES_API,
        "DBInstances",
        Filters=[
            {
                "Name": "db-instance-id",
                "Values": [outputs.database.identifier, *outputs.database.replicas],
            }
        ],
    )
    answers = yield [*first_reads, database_read]
    by_api: dict[str, list[ReadAnswer]] = {}
    for read, answer in zip([*first_reads, database_read], answers, strict=True):
        by_api.setdefault(read.api, []).append(answer)
    demands.databases = _read_storages(by_api[_DATABASES_API])
    if outputs.services is not None and outputs.services.services:
        demands.services = yield from _read_service_demands(by_api)
    if outputs.fleet is not None:
        yield from _read_fleet_demand(by_api, demands)
    return _build_figures(outputs, demands)


def _list_service_reads(outputs: "Outputs") -> list[ReadRequest]:
    if outputs.services is None or not outputs.services.services:
        return []
    cluster = outputs.services.cluster
    names = [part.name for part in outputs.services.services.values()]
    return [
        *(
            build_read(_SERVICES_API, "services", cluster=cluster, services=chunk)
            for chunk in split_into_chunks(names, DESCRIBED_SERVICES)
        ),
        build_read(
            SCALABLE_TARGETS_API,
            "ScalableTargets",
            ServiceNamespace="ecs",
            ResourceIds=[f"service/{cluster}/{name}" for name in names],
            ScalableDimension="ecs:service:DesiredCount",
        ),
    ]


def _list_fleet_reads(outputs: "Outputs") -> list[ReadRequest]:
    if outputs.fleet is None:
        return []
    return [
        build_read(
            AUTO_SCALING_GROUPS_API,
            "AutoScalingGroups",
            AutoScalingGroupNames=[outputs.fleet.group],
        )
    ]


def _collect(answers: Sequence[ReadAnswer]) -> list[ResponseItem]:
    """The items of several answers. Raises UnknownAnswerError if one is missing."""
    return [item for answer in answers for item in get_answer_items(answer)]


def _read_storages(answers: Sequence[ReadAnswer]) -> list[float] | str:
    try:
        return [float(item["AllocatedStorage"]) for item in _collect(answers)]
    except UnknownAnswerError as error:
        return str(error)


def _read_service_demands(
    by_api: Mapping[str, list[ReadAnswer]],
) -> Generator[Sequence[ReadRequest], list[ReadAnswer], list[_ServiceDemand] | str]:
    try:
        services = _collect(by_api[_SERVICES_API])
        targets = index_by(_collect(by_api[SCALABLE_TARGETS_API]), "ResourceId")
        definitions = yield [
            build_read(_TASK_DEFINITION_API, "", taskDefinition=service["taskDefinition"])
            for service in services
        ]
        return [
            _build_service_demand(
                service, targets, get_answer_items(definition)[0]["taskDefinition"]
            )
            for service, definition in zip(services, definitions, strict=True)
        ]
    except UnknownAnswerError as error:
        return str(error)


def _build_service_demand(
    service: ResponseItem, targets: Mapping[str, Mapping[str, Any]], definition: Mapping[str, Any]
) -> _ServiceDemand:
    resource = str(service["serviceArn"]).rpartition(":")[2]
    cluster, name = resource.split("/")[-2:]
    target = targets.get(f"service/{cluster}/{name}")
    desired = int(service.get("desiredCount") or 0)
    largest = max(desired, int(target["MaxCapacity"]) if target else 0)
    configuration = service.get("deploymentConfiguration") or {}
    percent = int(configuration.get("maximumPercent") or DEFAULT_MAXIMUM_PERCENT)
    return _ServiceDemand(
        name,
        float(definition.get("cpu") or 0) / CPU_UNITS_PER_VCPU,
        int(service.get("runningCount") or 0),
        # The limit on tasks is rounded down (ECS API reference, maximumPercent).
        max(largest, math.floor(largest * percent / 100)),
    )


def _read_fleet_demand(
    by_api: Mapping[str, list[ReadAnswer]], demands: _Demands
) -> Generator[Sequence[ReadRequest], list[ReadAnswer], None]:
    try:
        groups = _collect(by_api[AUTO_SCALING_GROUPS_API])
        if not groups:
            demands.fleet_problem = "the fleet's group is gone"
            return
        (group,) = groups
        types = sorted({str(i["InstanceType"]) for i in group["Instances"] if "InstanceType" in i})
        demands.instances_most = _count_most_instances(group)
        demands.instances_more = max(0, demands.instances_most - len(group["Instances"]))
        if not types:
            demands.fleet_problem = "the fleet has no instance whose type says its vCPUs"
            return
        if others := [name for name in types if not _is_standard(name)]:
            demands.fleet_problem = f"{', '.join(others)} counts against a quota that is not here"
            return
        (answer,) = yield [build_read(_INSTANCE_TYPES_API, "InstanceTypes", InstanceTypes=types)]
        demands.vcpu_each = max(
            float(item["VCpuInfo"]["DefaultVCpus"]) for item in get_answer_items(answer)
        )
    except UnknownAnswerError as error:
        demands.fleet_problem = str(error)


def _count_most_instances(group: ResponseItem) -> int:
    """The most instances: an instance maintenance policy may exceed the maximum size.

    EC2 Auto Scaling User Guide, "Instance maintenance policies": by MaxHealthyPercentage of the
    desired capacity.
    """
    policy = group.get("InstanceMaintenancePolicy") or {}
    percent = max(100, int(policy.get("MaxHealthyPercentage") or 100))
    return max(int(group["MaxSize"]), math.ceil(int(group["DesiredCapacity"]) * percent / 100))


def _is_standard(instance_type: str) -> bool:
    letters = re.match("[a-z]*", instance_type)
    return letters is not None and letters[0] in STANDARD_FAMILIES


def _build_figures(outputs: "Outputs", demands: _Demands) -> dict[Demand, DemandFigure]:
    figures: dict[Demand, DemandFigure] = {
        "vpcs": DemandFigure(0, 1, "a network for a recovery"),
        "addresses": DemandFigure(
            0, len(outputs.network.nat_addresses), "an address for each NAT gateway"
        ),
        "nat gateways": DemandFigure(0, 1, "one a zone"),
        "load balancers": DemandFigure(0, 1, "one for a recovery"),
        "target groups": DemandFigure(
            0,
            len(outputs.load_balancer.targets) if outputs.load_balancer is not None else 0,
            "one for each service",
        ),
        **_build_task_figures(demands),
        **_build_fleet_figures(demands),
        **_build_database_figures(demands),
    }
    tasks, instances = figures["tasks"], figures["instances"]
    figures["interfaces"] = (
        DemandFigure(None, None, tasks.reason)
        if isinstance(demands.services, str)
        else DemandFigure(
            sum(max(0, s.most - s.running) for s in demands.services) + demands.instances_more,
            sum(s.most for s in demands.services) + demands.instances_most,
            "; ".join(text for text in (tasks.reason, instances.reason) if text),
        )
    )
    return figures


def _build_task_figures(demands: _Demands) -> dict[Demand, DemandFigure]:
    services = demands.services
    if isinstance(services, str):
        unknown = DemandFigure(None, None, services)
        return {"fargate": unknown, "tasks": unknown, "targets": unknown}
    most = ", ".join(f"{service.name} {service.most} tasks" for service in services)
    reason = f"each service at its most during a deployment: {most}" if most else ""
    largest_growth = max((max(0, s.most - s.running) for s in services), default=0)
    largest = max((s.most for s in services), default=0)
    return {
        "fargate": DemandFigure(
            sum(max(0, s.most - s.running) * s.vcpu for s in services),
            sum(s.most * s.vcpu for s in services),
            reason,
        ),
        "tasks": DemandFigure(largest_growth, largest, reason),
        "targets": DemandFigure(largest_growth, largest, reason),
    }


def _build_fleet_figures(demands: _Demands) -> dict[Demand, DemandFigure]:
    if demands.fleet_problem:
        return {"instances": DemandFigure(None, None, demands.fleet_problem)}
    return {
        "instances": DemandFigure(
            demands.instances_more * demands.vcpu_each,
            demands.instances_most * demands.vcpu_each,
            f"the fleet at {demands.instances_most} instances" if demands.instances_most else "",
        )
    }


def _build_database_figures(demands: _Demands) -> dict[Demand, DemandFigure]:
    storages = demands.databases
    if isinstance(storages, str):
        unknown = DemandFigure(None, None, storages)
        return {"databases": unknown, "database storage": unknown, "database snapshots": unknown}
    count, total = len(storages), sum(storages)
    reason = "a second database for a restore, or a blue/green upgrade of each instance"
    return {
        "databases": DemandFigure(max(1, count), max(1, count), reason),
        "database storage": DemandFigure(total, total, f"{reason}, with its storage"),
        "database snapshots": DemandFigure(1, 1, "a snapshot before a change"),
    }
