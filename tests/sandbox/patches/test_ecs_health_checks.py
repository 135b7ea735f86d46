"""ECS in the sandbox: what finds out that a task does not work, and what health it shows."""

import pytest

from sandbox.clock import ManualClock
from tests.sandbox.conftest import ClientFactory
from tests.sandbox.patches.test_compute import ComputePlace

KEY = {"cluster": "cluster", "service": "web"}


@pytest.fixture
def service_place(aws_client: ClientFactory, held_clock: ManualClock) -> ComputePlace:
    place = ComputePlace(aws_client)
    breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
    place.create_service(deploymentConfiguration=breaker)
    held_clock.advance(300)
    return place


def _deploy(place: ComputePlace, *, is_checked: bool) -> None:
    container = {"name": "web", "image": "web:never-healthy", "memory": 128}
    check = {"healthCheck": {"command": ["CMD-SHELL", "true"]}} if is_checked else {}
    answer = place.ecs.register_task_definition(
        family="web", containerDefinitions=[{**container, **check}]
    )
    arn = answer["taskDefinition"]["taskDefinitionArn"]
    place.ecs.update_service(**KEY, taskDefinition=arn)


def _get_health(place: ComputePlace) -> set[str]:
    arns = place.ecs.list_tasks(cluster="cluster", serviceName="web")["taskArns"]
    tasks = place.ecs.describe_tasks(cluster="cluster", tasks=arns)["tasks"]
    return {task["healthStatus"] for task in tasks}


def test_a_container_that_nothing_checks_is_deployed_and_its_health_unknown(
    service_place: ComputePlace, held_clock: ManualClock
) -> None:
    _deploy(service_place, is_checked=False)
    held_clock.advance(600)
    (deployment,) = service_place.describe_service()["deployments"]
    assert deployment["rolloutState"] == "COMPLETED"
    assert deployment["taskDefinition"].endswith("web:2")
    assert _get_health(service_place) == {"UNKNOWN"}


def test_a_container_that_fails_its_own_check_is_rolled_back(
    service_place: ComputePlace, held_clock: ManualClock
) -> None:
    _deploy(service_place, is_checked=True)
    held_clock.advance(1200)
    (deployment,) = service_place.describe_service()["deployments"]
    assert deployment["taskDefinition"].endswith("web:1")
