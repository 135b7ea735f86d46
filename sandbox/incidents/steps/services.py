"""What happens to services: deployments, tasks that stop, tasks that cannot start, scaling.

The words are AWS's. Sources: ECS Developer Guide, "Amazon ECS stopped tasks error messages",
"Service event messages", "Task failed ELB health checks"; Application Auto Scaling User Guide,
"Scaling activities".
"""

import uuid
from datetime import timedelta
from typing import Any

from moto.applicationautoscaling.models import applicationautoscaling_backends
from moto.ecs.models import ecs_backends

from sandbox.aws import ACCOUNT_ID
from sandbox.image_push import push_image
from sandbox.incidents.model import happening
from sandbox.incidents.people import PIPELINE
from sandbox.incidents.world import TimeSpanBack, World
from sandbox.patches.autoscaling.application_autoscaling import get_service_activities
from sandbox.patches.ecs.deployments import DeploymentHistory, get_deployment_histories
from sandbox.patches.ecs.placements import fail_placements
from sandbox.patches.ecs.stopped_tasks import StoppedTask, StopWords, set_revision_behaviour

# Keys of a task definition that RegisterTaskDefinition takes.
REGISTERED_KEYS = (
    *("family", "taskRoleArn", "executionRoleArn", "networkMode", "containerDefinitions"),
    *("volumes", "placementConstraints", "requiresCompatibilities", "cpu", "memory"),
    *("runtimePlatform", "ephemeralStorage"),
)


@happening("deploy-service")
def deploy_service(
    world: World,
    span: TimeSpanBack,
    *,
    service: str,
    tag: str | None = None,
    is_pushed: bool = True,
    variables: dict[str, str] | None = None,
    memory: int | None = None,
    outcome: str | None = None,
    stop: dict[str, Any] | None = None,
    by: str = PIPELINE,
) -> None:
    """Registers a revision with an image, with variables, or both, and deploys it.

    A tag behaves as sandbox/image_behaviour.py says. `outcome` is how tasks behave whatever their
    image, and `stop` why they stop: code, reason, exit_code, container_reason.
    """
    ecs, part = world.person("ecs", by), get_service_part(world, service)
    current = world.client("ecs").describe_task_definition(
        taskDefinition=get_service(world, service)["taskDefinition"]
    )["taskDefinition"]
    definition = {key: current[key] for key in REGISTERED_KEYS if current.get(key)}
    container = next(
        item for item in definition["containerDefinitions"] if item["name"] == part.container
    )
    if tag is not None:
        assert world.outputs.registry is not None
        repository = world.outputs.registry.repositories[service]
        if is_pushed:
            push_image(world.person("ecr", by), repository.partition("/")[2], tag)
        container["image"] = f"{repository}:{tag}"
    for name, value in (variables or {}).items():
        others = [item for item in container.get("environment", ()) if item["name"] != name]
        container["environment"] = [*others, {"name": name, "value": value}]
    if memory is not None:
        definition["memory"] = str(memory)
    arn = ecs.register_task_definition(**definition)["taskDefinition"]["taskDefinitionArn"]
    if outcome is not None:
        words = None if stop is None else StopWords(**stop)
        set_revision_behaviour(
            ecs_backends[ACCOUNT_ID][world.region],
            arn,
            outcome,  # type: ignore[arg-type]
            words,
        )
    ecs.update_service(cluster=get_cluster(world), service=service, taskDefinition=arn)


@happening("restart-service")
def restart_service(world: World, span: TimeSpanBack, *, service: str, by: str = PIPELINE) -> None:
    """A forced deployment of the revision that runs."""
    world.person("ecs", by).update_service(
        cluster=get_cluster(world), service=service, forceNewDeployment=True
    )


@happening("tasks-stop")
def stop_tasks(
    world: World,
    span: TimeSpanBack,
    *,
    service: str,
    code: str,
    reason: str,
    every: float,
    exit_code: int | None = None,
    container_reason: str | None = None,
) -> None:
    """Tasks that run stop, one each so many minutes, and are replaced."""
    history = get_history(world, service)
    words = StopWords(code, reason, exit_code, container_reason)
    seconds = span.begin
    while seconds > span.end:
        history.stopped_tasks.append(StoppedTask(world.get_time(seconds), words))
        start = world.get_time(seconds - 20)
        history.messages.append((start, "has started 1 tasks."))
        seconds -= every * 60


@happening("service-says")
def add_service_message(
    world: World, span: TimeSpanBack, *, service: str, text: str, every: float = 0.0
) -> None:
    """An event of the service, once or each so many minutes."""
    history = get_history(world, service)
    seconds = span.begin
    while seconds >= span.end:
        history.messages.append((world.get_time(seconds), text))
        if not every:
            break
        seconds -= every * 60


@happening("tasks-cannot-start")
def fail_to_place(
    world: World,
    span: TimeSpanBack,
    *,
    service: str,
    text: str,
    wanted: int,
    stop: dict[str, Any] | None = None,
    every: float = 6.0,
) -> None:
    """More tasks are wanted than run, and do not start: an event says why, again and again."""
    fail_placements(ACCOUNT_ID, world.region, service, text)
    world.client("ecs").update_service(
        cluster=get_cluster(world), service=service, desiredCount=wanted
    )
    add_service_message(world, span, service=service, text=text, every=every)
    if stop is not None:
        stop_tasks(world, span, service=service, every=every, **stop)


@happening("scale-service")
def scale_service(
    world: World,
    span: TimeSpanBack,
    *,
    service: str,
    count: int,
    policy: str = "cpu",
    is_maximum: bool = False,
) -> None:
    """Automatic scaling sets the count, which its activity says; its tasks share the work.

    With `is_maximum` it may not have more, and what was too much stays so.
    """
    before = max(int(get_service(world, service)["desiredCount"]), 1)
    world.client("ecs").update_service(
        cluster=get_cluster(world), service=service, desiredCount=count
    )
    time = world.get_time(span.begin)
    resource = f"service/{get_cluster(world)}/{service}"
    record = {
        "ActivityId": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{resource}/{span.begin}")),
        "ServiceNamespace": "ecs",
        "ResourceId": resource,
        "ScalableDimension": "ecs:service:DesiredCount",
        "Description": f"Setting desired count to {count}.",
        "Cause": f"monitor alarm TargetTracking-{resource}-AlarmHigh in state ALARM triggered "
        f"policy {world.name}-services-{service}-{policy}",
        "StartTime": time,
        "EndTime": time + timedelta(seconds=40),
        "StatusCode": "Successful",
        "StatusMessage": f"Successfully set desired count to {count}. Change successfully "
        "fulfilled by ecs.",
    }
    if is_maximum:
        record["NotScaledReasons"] = [
            {"Code": "AlreadyAtMaxCapacity", "MaxCapacity": count, "CurrentCapacity": count}
        ]
    get_service_activities(applicationautoscaling_backends[ACCOUNT_ID][world.region]).append(record)
    later = TimeSpanBack(max(span.begin - 90, 0), span.end)
    world.change_metric(span, f"service/{service}", "DesiredTaskCount", "set", count)
    world.change_metric(later, f"service/{service}", "RunningTaskCount", "set", count)
    world.change_metric(later, f"targets/{service}", "HealthyHostCount", "set", count)
    if not is_maximum:
        share = before / max(count, 1)
        world.change_metric(later, f"service/{service}", "CPUUtilization", "times", share, 4)


@happening("set-scaling-limits")
def set_scaling_limits(
    world: World,
    span: TimeSpanBack,
    *,
    service: str,
    minimum: int = 2,
    maximum: int,
    by: str = "jane.doe",
) -> None:
    """Between how many tasks a service is scaled."""
    world.person("application-autoscaling", by).register_scalable_target(
        ServiceNamespace="ecs",
        ResourceId=f"service/{get_cluster(world)}/{service}",
        ScalableDimension="ecs:service:DesiredCount",
        MinCapacity=minimum,
        MaxCapacity=maximum,
    )


def get_cluster(world: World) -> str:
    """The stack's cluster."""
    assert world.outputs.services is not None
    return world.outputs.services.cluster


def get_service_part(world: World, service: str) -> Any:
    """A service as the outputs have it."""
    assert world.outputs.services is not None
    return world.outputs.services.services[service]


def get_service(world: World, service: str) -> Any:
    """A service as AWS describes it."""
    answer = world.client("ecs").describe_services(cluster=get_cluster(world), services=[service])
    return answer["services"][0]


def get_history(world: World, service: str) -> DeploymentHistory:
    """The deployments of a service."""
    backend = ecs_backends[ACCOUNT_ID][world.region]
    return get_deployment_histories(backend)[get_service(world, service)["serviceArn"]]
