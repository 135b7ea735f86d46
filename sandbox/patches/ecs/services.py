"""ECS: services keep what they were given, and their tasks start; cluster settings change."""

from collections.abc import Iterable
from typing import Any

from moto.ecs.models import EC2ContainerServiceBackend, Service
from moto.ecs.responses import EC2ContainerServiceResponse
from moto.elbv2.models import elbv2_backends

from sandbox.clock import clock, pending
from sandbox.patches.patching import Mend, Refused, parameters

mend = Mend()
Record = dict[str, Any]
# Simulated seconds until new Fargate tasks run. Assumption: image pull and health checks of a
# small image take one to two minutes.
START = 90
# Attribute of the model to the parameter of CreateService and UpdateService, and AWS's default.
KEPT: tuple[tuple[str, str, Any], ...] = (
    ("deployment_configuration", "deploymentConfiguration", None),
    ("enable_execute_command", "enableExecuteCommand", False),
    ("enable_ecs_managed_tags", "enableECSManagedTags", False),
    ("health_check_grace_period_seconds", "healthCheckGracePeriodSeconds", None),
    ("capacity_provider_strategy", "capacityProviderStrategy", None),
    ("availability_zone_rebalancing", "availabilityZoneRebalancing", "DISABLED"),
)
DEPLOYMENT = {"minimumHealthyPercent": 100, "maximumPercent": 200}


def _refuse(message: str) -> Refused:
    return Refused("InvalidParameterException", message)


@mend.around(EC2ContainerServiceResponse, "create_service")
def create(original: Any, response: EC2ContainerServiceResponse) -> Any:
    params, backend = parameters(response), response.ecs_backend
    cluster = backend._get_cluster(params.get("cluster", "default"))
    before = backend.services.get(f"{cluster.name}:{params['serviceName']}")
    if before is not None and before.status != "INACTIVE":
        raise _refuse("Creation of service was not idempotent.")
    strategy = params.get("capacityProviderStrategy")
    if strategy and params.get("launchType"):
        raise _refuse("Specifying both a launch type and capacity provider strategy is not allowed")
    _associated(cluster.capacity_providers or [], strategy or [])
    _reachable(backend, params.get("loadBalancers") or [])
    answer = original(response)
    service: Service = answer.result["service"]
    for attribute, parameter, default in KEPT:
        setattr(service, attribute, params.get(parameter, default))
    service.deployment_configuration = {**DEPLOYMENT, **(service.deployment_configuration or {})}  # type: ignore[attr-defined]
    if not params.get("launchType"):
        service.launch_type = None
        given = strategy or cluster.default_capacity_provider_strategy
        service.capacity_provider_strategy = given  # type: ignore[attr-defined]
    for deployment in service.deployments:
        deployment["launchType"] = service.launch_type
        deployment["capacityProviderStrategy"] = service.capacity_provider_strategy  # type: ignore[attr-defined]
    _begin(service)
    return answer


def _associated(known: Iterable[str], strategy: Iterable[Record]) -> None:
    if any(item["capacityProvider"] not in known for item in strategy):
        raise _refuse(
            "The specified capacity provider strategy cannot contain a capacity provider that is "
            "not associated with the cluster. Associate the capacity provider with the cluster "
            "and try again."
        )


def _reachable(backend: EC2ContainerServiceBackend, balancers: Iterable[Record]) -> None:
    """A target group must stand behind a load balancer before a service can use it."""
    groups = elbv2_backends[backend.account_id][backend.region_name].target_groups
    for arn in (b["targetGroupArn"] for b in balancers if b.get("targetGroupArn")):
        if arn not in groups:
            raise _refuse(f"The target group with targetGroupArn {arn} does not exist.")
        if not groups[arn].load_balancer_arns:
            raise _refuse(
                f"The target group with targetGroupArn {arn} does not have an associated load "
                "balancer."
            )


def _begin(service: Service) -> None:
    """New tasks are wanted: they run when their time has come."""
    service.mended_until = clock().ready(START)  # type: ignore[attr-defined]
    settle(service)


def settle(service: Service) -> None:
    """Brings the counts of a service up to the time."""
    waiting = pending(getattr(service, "mended_until", clock().now()))
    service.running_count = 0 if waiting else service.desired_count
    service.pending_count = service.desired_count - service.running_count
    for deployment in service.deployments[:1]:
        deployment["desiredCount"] = service.desired_count
        deployment["runningCount"] = service.running_count
        deployment["pendingCount"] = service.pending_count
        state = "IN_PROGRESS" if waiting else "COMPLETED"
        words = "in progress" if waiting else "completed"
        deployment["rolloutState"] = state
        deployment["rolloutStateReason"] = f"ECS deployment {deployment['id']} {words}."


@mend.around(EC2ContainerServiceBackend, "describe_services")
def describe(
    original: Any, backend: EC2ContainerServiceBackend, cluster: str, names: list[str]
) -> tuple[list[Service], list[dict[str, str]]]:
    found: tuple[list[Service], list[dict[str, str]]] = original(backend, cluster, names)
    for service in found[0]:
        if service.status == "ACTIVE":
            settle(service)
    return found


@mend.around(EC2ContainerServiceBackend, "update_service")
def update(original: Any, backend: EC2ContainerServiceBackend, given: Record) -> Service:
    """moto sets what it is given; a new task definition or deployment starts tasks anew."""
    renewed = bool(given.get("task_definition") or given.get("force_new_deployment"))
    wanted = given.get("desired_count")
    changed = dict(given.get("deployment_configuration") or {})
    if given.get("task_definition"):
        given["task_definition"] = backend.describe_task_definition(given["task_definition"]).arn
    service: Service = original(backend, given)
    if changed:
        service.deployment_configuration = {**DEPLOYMENT, **changed}  # type: ignore[attr-defined]
    for deployment in service.deployments[:1]:
        deployment["taskDefinition"] = service.task_definition
    if renewed or wanted:
        _begin(service)
    else:
        settle(service)
    return service


@mend.operation(EC2ContainerServiceResponse, "UpdateClusterSettings")
def cluster_settings(response: EC2ContainerServiceResponse, params: Record) -> Record:
    cluster = response.ecs_backend._get_cluster(params["cluster"])
    new = {s["name"]: s["value"] for s in params["settings"]}
    rest = [s for s in cluster.settings or [] if s["name"] not in new]
    cluster.settings = [*rest, *({"name": k, "value": v} for k, v in new.items())]
    return {"cluster": cluster}


@mend.around(EC2ContainerServiceBackend, "delete_cluster")
def delete_cluster(original: Any, backend: EC2ContainerServiceBackend, name: str) -> Any:
    cluster = backend._get_cluster(name)
    if any(
        s.cluster_arn == cluster.arn and s.status != "INACTIVE" for s in backend.services.values()
    ):
        raise Refused(
            "ClusterContainsServicesException",
            "The Cluster cannot be deleted while Services are active.",
        )
    return original(backend, name)
