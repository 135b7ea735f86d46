"""ECS: services keep all their parameters, and their tasks start; cluster settings change."""

from collections.abc import Iterable
from typing import Any

from moto.ecs.models import EC2ContainerServiceBackend, Service
from moto.ecs.responses import EC2ContainerServiceResponse
from moto.elbv2.models import elbv2_backends

from sandbox.clock import get_sandbox_clock, is_in_future
from sandbox.patches.patching import AwsError, ServicePatch, parse_request_parameters

patch = ServicePatch()
ApiRecord = dict[str, Any]
# Simulated seconds until new Fargate tasks run. Assumption: image pull and health checks of a
# small image take one to two minutes.
SERVICE_START_SECONDS = 90
# Attribute of the model to the parameter of CreateService and UpdateService, and AWS's default.
SERVICE_ATTRIBUTES: tuple[tuple[str, str, Any], ...] = (
    ("deployment_configuration", "deploymentConfiguration", None),
    ("enable_execute_command", "enableExecuteCommand", False),
    ("enable_ecs_managed_tags", "enableECSManagedTags", False),
    ("health_check_grace_period_seconds", "healthCheckGracePeriodSeconds", None),
    ("capacity_provider_strategy", "capacityProviderStrategy", None),
    ("availability_zone_rebalancing", "availabilityZoneRebalancing", "DISABLED"),
)
DEPLOYMENT_DEFAULTS = {"minimumHealthyPercent": 100, "maximumPercent": 200}


def _build_parameter_error(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message)


@patch.wrap(EC2ContainerServiceResponse, "create_service")
def create_service_with_settings(original: Any, response: EC2ContainerServiceResponse) -> Any:
    params, backend = parse_request_parameters(response), response.ecs_backend
    cluster = backend._get_cluster(params.get("cluster", "default"))
    before = backend.services.get(f"{cluster.name}:{params['serviceName']}")
    if before is not None and before.status != "INACTIVE":
        raise _build_parameter_error("Creation of service was not idempotent.")
    strategy = params.get("capacityProviderStrategy")
    if strategy and params.get("launchType"):
        raise _build_parameter_error(
            "Specifying both a launch type and capacity provider strategy is not allowed"
        )
    _require_associated_providers(cluster.capacity_providers or [], strategy or [])
    _require_reachable_target_groups(backend, params.get("loadBalancers") or [])
    answer = original(response)
    service: Service = answer.result["service"]
    for attribute, parameter, default in SERVICE_ATTRIBUTES:
        setattr(service, attribute, params.get(parameter, default))
    configuration = {**DEPLOYMENT_DEFAULTS, **(vars(service)["deployment_configuration"] or {})}
    vars(service)["deployment_configuration"] = configuration
    if not params.get("launchType"):
        service.launch_type = None
        effective_strategy = strategy or cluster.default_capacity_provider_strategy
        service.capacity_provider_strategy = effective_strategy  # type: ignore[attr-defined]
    for deployment in service.deployments:
        deployment["launchType"] = service.launch_type
        deployment["capacityProviderStrategy"] = service.capacity_provider_strategy  # type: ignore[attr-defined]
    _start_tasks(service)
    return answer


def _require_associated_providers(providers: Iterable[str], strategy: Iterable[ApiRecord]) -> None:
    if any(item["capacityProvider"] not in providers for item in strategy):
        raise _build_parameter_error(
            "The specified capacity provider strategy cannot contain a capacity provider that is "
            "not associated with the cluster. Associate the capacity provider with the cluster "
            "and try again."
        )


def _require_reachable_target_groups(
    backend: EC2ContainerServiceBackend, balancers: Iterable[ApiRecord]
) -> None:
    """A target group must be attached to a load balancer before a service can use it."""
    groups = elbv2_backends[backend.account_id][backend.region_name].target_groups
    for arn in (b["targetGroupArn"] for b in balancers if b.get("targetGroupArn")):
        if arn not in groups:
            raise _build_parameter_error(
                f"The target group with targetGroupArn {arn} does not exist."
            )
        if not groups[arn].load_balancer_arns:
            raise _build_parameter_error(
                f"The target group with targetGroupArn {arn} does not have an associated load "
                "balancer."
            )


def _start_tasks(service: Service) -> None:
    """Starts new tasks, which run after their start time."""
    service.sandbox_until = get_sandbox_clock().get_completion_time(SERVICE_START_SECONDS)  # type: ignore[attr-defined]
    update_service_counts(service)


def update_service_counts(service: Service) -> None:
    """Brings the counts of a service up to date."""
    is_waiting = is_in_future(getattr(service, "sandbox_until", get_sandbox_clock().now()))
    service.running_count = 0 if is_waiting else service.desired_count
    service.pending_count = service.desired_count - service.running_count
    for deployment in service.deployments[:1]:
        deployment["desiredCount"] = service.desired_count
        deployment["runningCount"] = service.running_count
        deployment["pendingCount"] = service.pending_count
        state = "IN_PROGRESS" if is_waiting else "COMPLETED"
        progress = "in progress" if is_waiting else "completed"
        deployment["rolloutState"] = state
        deployment["rolloutStateReason"] = f"ECS deployment {deployment['id']} {progress}."


@patch.wrap(EC2ContainerServiceBackend, "describe_services")
def describe_services_with_counts(
    original: Any, backend: EC2ContainerServiceBackend, cluster: str, names: list[str]
) -> tuple[list[Service], list[dict[str, str]]]:
    result: tuple[list[Service], list[dict[str, str]]] = original(backend, cluster, names)
    for service in result[0]:
        if service.status == "ACTIVE":
            update_service_counts(service)
    return result


@patch.wrap(EC2ContainerServiceBackend, "update_service")
def update_service_settings(
    original: Any, backend: EC2ContainerServiceBackend, params: ApiRecord
) -> Service:
    """Starts new tasks after a new task definition or a forced deployment."""
    is_renewed = bool(params.get("task_definition") or params.get("force_new_deployment"))
    desired_count = params.get("desired_count")
    configuration = dict(params.get("deployment_configuration") or {})
    if params.get("task_definition"):
        params["task_definition"] = backend.describe_task_definition(params["task_definition"]).arn
    service: Service = original(backend, params)
    if configuration:
        service.deployment_configuration = {**DEPLOYMENT_DEFAULTS, **configuration}  # type: ignore[attr-defined]
    for deployment in service.deployments[:1]:
        deployment["taskDefinition"] = service.task_definition
    if is_renewed or desired_count:
        _start_tasks(service)
    else:
        update_service_counts(service)
    return service


@patch.add_operation(EC2ContainerServiceResponse, "UpdateClusterSettings")
def update_cluster_settings(response: EC2ContainerServiceResponse, params: ApiRecord) -> ApiRecord:
    cluster = response.ecs_backend._get_cluster(params["cluster"])
    changes = {s["name"]: s["value"] for s in params["settings"]}
    unchanged = [s for s in cluster.settings or [] if s["name"] not in changes]
    cluster.settings = [*unchanged, *({"name": k, "value": v} for k, v in changes.items())]
    return {"cluster": cluster}


@patch.wrap(EC2ContainerServiceBackend, "delete_cluster")
def delete_empty_cluster(original: Any, backend: EC2ContainerServiceBackend, name: str) -> Any:
    cluster = backend._get_cluster(name)
    if any(
        s.cluster_arn == cluster.arn and s.status != "INACTIVE" for s in backend.services.values()
    ):
        raise AwsError(
            "ClusterContainsServicesException",
            "The Cluster cannot be deleted while Services are active.",
        )
    return original(backend, name)


@patch.wrap(EC2ContainerServiceBackend, "describe_clusters")
def count_active_services(
    original: Any, backend: EC2ContainerServiceBackend, *args: Any, **kwargs: Any
) -> Any:
    """With the number of services, which moto lacks (API reference, Cluster)."""
    clusters, failures = original(backend, *args, **kwargs)
    for cluster in clusters:
        cluster.active_services_count = sum(
            service.cluster_name == cluster.name and service.status == "ACTIVE"
            for service in backend.services.values()
        )
    return clusters, failures
