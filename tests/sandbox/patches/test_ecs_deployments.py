"""ECS deployments in the sandbox: they take their time, fail as their image does, and go back."""

from typing import Any

import pytest

from sandbox.clock import ManualClock
from tests.sandbox.conftest import ClientFactory, RefusalGetter
from tests.sandbox.patches.test_compute import ComputePlace

BREAKER_CONFIGURATION = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
SERVICE_KEY = {"cluster": "cluster", "service": "web"}
HEALTH_CHECK = {"command": ["CMD-SHELL", "true"]}


@pytest.fixture
def service_place(aws_client: ClientFactory, held_clock: ManualClock) -> ComputePlace:
    compute_place = ComputePlace(aws_client)
    compute_place.create_service(deploymentConfiguration=BREAKER_CONFIGURATION)
    held_clock.advance(300)
    return compute_place


def deploy_service_image(service_place: ComputePlace, image: str) -> str:
    """Registers a revision with an image and puts the service on it."""
    container = {"name": "web", "image": image, "memory": 128, "healthCheck": HEALTH_CHECK}
    response = service_place.ecs.register_task_definition(
        family="web", containerDefinitions=[container]
    )
    arn = str(response["taskDefinition"]["taskDefinitionArn"])
    service_place.ecs.update_service(**SERVICE_KEY, taskDefinition=arn)
    return arn


def list_deployments(service_place: ComputePlace) -> list[tuple[str, str, str, int]]:
    return [
        (
            deployment["status"],
            deployment["taskDefinition"].split("/")[-1],
            deployment["rolloutState"],
            deployment["runningCount"],
        )
        for deployment in service_place.describe_service()["deployments"]
    ]


def list_deployment_statuses(service_place: ComputePlace) -> list[str]:
    service_deployments = service_place.ecs.list_service_deployments(**SERVICE_KEY)[
        "serviceDeployments"
    ]
    return [item["status"] for item in service_deployments]


def test_a_deployment_has_the_old_tasks_beside_the_new_until_it_is_completed(
    service_place: ComputePlace, held_clock: ManualClock
) -> None:
    deploy_service_image(service_place, "web:2")
    assert list_deployments(service_place) == [
        ("PRIMARY", "web:2", "IN_PROGRESS", 0),
        ("ACTIVE", "web:1", "COMPLETED", 2),
    ]
    held_clock.advance(100)
    assert service_place.describe_service()["runningCount"] == 4
    held_clock.advance(30)
    assert list_deployments(service_place) == [("PRIMARY", "web:2", "COMPLETED", 2)]
    assert list_deployment_statuses(service_place) == ["SUCCESSFUL", "SUCCESSFUL"]


@pytest.mark.parametrize(
    ("image", "code", "says"),
    [
        ("web:never-healthy", "ServiceSchedulerInitiated", "failed container health checks"),
        ("web:crash", "EssentialContainerExited", "Essential container in task exited"),
        (
            "123456789012.dkr.ecr.eu-north-1.amazonaws.com/web:gone",
            "TaskFailedToStart",
            "CannotPullContainerError",
        ),
    ],
)
def test_a_bad_image_trips_the_breaker_and_the_service_is_rolled_back(
    service_place: ComputePlace, held_clock: ManualClock, image: str, code: str, says: str
) -> None:
    first = service_place.describe_service()["deployments"][0]["id"]
    deploy_service_image(service_place, image)
    observations = [list_deployments(service_place)]
    for _ in range(40):
        held_clock.advance(10)
        if (now := list_deployments(service_place)) != observations[-1]:
            observations.append(now)
    assert [
        ("PRIMARY", "web:1", "IN_PROGRESS", 2),
        ("ACTIVE", "web:2", "FAILED", 0),
    ] in observations
    assert observations[-1] == [("PRIMARY", "web:1", "COMPLETED", 2)]
    after = service_place.describe_service()
    assert (after["deployments"][0]["id"], after["taskDefinition"].split("/")[-1]) == (
        first,
        "web:1",
    )
    assert list_deployment_statuses(service_place) == ["ROLLBACK_SUCCESSFUL", "SUCCESSFUL"]
    assert any(f"rolling back to deployment {first}" in e["message"] for e in after["events"])
    failed = list_tasks(service_place, "STOPPED")
    assert len(failed) == 3
    assert {t["stopCode"] for t in failed} == {code}
    assert says in failed[0]["stoppedReason"]
    held_clock.advance(4000)
    assert list_tasks(service_place, "STOPPED") == []


def list_tasks(service_place: ComputePlace, status: str) -> list[dict[str, Any]]:
    task_arns = service_place.ecs.list_tasks(
        cluster="cluster", serviceName="web", desiredStatus=status
    )
    if not task_arns["taskArns"]:
        return []
    response = service_place.ecs.describe_tasks(cluster="cluster", tasks=task_arns["taskArns"])
    return list(response["tasks"])


def test_a_service_has_its_tasks(service_place: ComputePlace, held_clock: ManualClock) -> None:
    before = [t["taskArn"] for t in list_tasks(service_place, "RUNNING")]
    assert len(before) == 2
    service_place.ecs.update_service(**SERVICE_KEY, forceNewDeployment=True)
    held_clock.advance(300)
    after = list_tasks(service_place, "RUNNING")
    assert not set(before) & {t["taskArn"] for t in after}
    assert {t["lastStatus"] for t in after} == {"RUNNING"}
    assert service_place.ecs.list_tasks(cluster="cluster", family="other")["taskArns"] == []


def test_without_a_breaker_a_bad_image_goes_on_forever(
    aws_client: ClientFactory, held_clock: ManualClock
) -> None:
    place = ComputePlace(aws_client)
    place.create_service()
    held_clock.advance(300)
    deploy_service_image(place, "web:crash")
    held_clock.advance(86_400)
    assert list_deployment_statuses(place)[0] == "IN_PROGRESS"
    assert list_deployments(place)[1] == ("ACTIVE", "web:1", "COMPLETED", 2)


def test_a_breaker_without_rollback_leaves_the_failed_deployment(
    aws_client: ClientFactory, held_clock: ManualClock
) -> None:
    place = ComputePlace(aws_client)
    breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": False}}
    place.create_service(deploymentConfiguration=breaker)
    held_clock.advance(300)
    deploy_service_image(place, "web:crash")
    held_clock.advance(600)
    assert list_deployments(place)[0] == ("PRIMARY", "web:2", "FAILED", 0)
    assert list_deployment_statuses(place)[0] == "STOPPED"


@pytest.mark.parametrize(("count", "failed"), [(1, 3), (6, 3), (7, 4), (25, 13), (500, 200)])
def test_half_the_tasks_must_fail_rounded_up_and_within_bounds(
    aws_client: ClientFactory, held_clock: ManualClock, count: int, failed: int
) -> None:
    place = ComputePlace(aws_client)
    place.create_service(deploymentConfiguration=BREAKER_CONFIGURATION)
    place.ecs.update_service(**SERVICE_KEY, desiredCount=count)
    held_clock.advance(300)
    deploy_service_image(place, "web:crash")
    held_clock.advance(600)
    assert len(list_tasks(place, "STOPPED")) == failed
    assert list_deployment_statuses(place)[0] == "ROLLBACK_SUCCESSFUL"


def test_a_newer_deployment_ends_the_one_before(
    service_place: ComputePlace, held_clock: ManualClock
) -> None:
    deploy_service_image(service_place, "web:crash")
    held_clock.advance(10)
    deploy_service_image(service_place, "web:3")
    held_clock.advance(300)
    assert list_deployment_statuses(service_place) == ["SUCCESSFUL", "STOPPED", "SUCCESSFUL"]
    assert list_deployments(service_place) == [("PRIMARY", "web:3", "COMPLETED", 2)]


def test_more_tasks_are_no_deployment_and_take_their_time(
    service_place: ComputePlace, held_clock: ManualClock
) -> None:
    service_place.ecs.update_service(**SERVICE_KEY, desiredCount=5)
    assert (
        service_place.describe_service()["desiredCount"],
        service_place.describe_service()["runningCount"],
    ) == (5, 2)
    held_clock.advance(100)
    assert service_place.describe_service()["runningCount"] == 5
    service_place.ecs.update_service(**SERVICE_KEY, desiredCount=1)
    held_clock.advance(60)
    assert service_place.describe_service()["runningCount"] == 1
    assert list_deployment_statuses(service_place) == ["SUCCESSFUL"]


def test_the_same_revision_again_is_no_deployment(service_place: ComputePlace) -> None:
    service_place.ecs.update_service(**SERVICE_KEY, taskDefinition="web:1")
    assert len(list_deployment_statuses(service_place)) == 1


def test_a_revision_that_is_gone_is_refused(
    service_place: ComputePlace, get_refusal: RefusalGetter
) -> None:
    container = {"name": "web", "image": "web:2", "memory": 128}
    service_place.ecs.register_task_definition(family="web", containerDefinitions=[container])
    service_place.ecs.deregister_task_definition(taskDefinition="web:2")
    code, message = get_refusal(
        service_place.ecs.update_service, **SERVICE_KEY, taskDefinition="web:2"
    )
    assert (code, message) == ("InvalidParameterException", "TaskDefinition is inactive")


def test_the_history_leads_to_revisions_and_can_be_asked_by_time_and_page(
    service_place: ComputePlace, held_clock: ManualClock
) -> None:
    since = held_clock.now()
    arn = deploy_service_image(service_place, "web:2")
    held_clock.advance(300)
    newest = service_place.ecs.list_service_deployments(**SERVICE_KEY, createdAt={"after": since})
    (deployment,) = newest["serviceDeployments"]
    assert deployment["createdAt"] >= since.replace(microsecond=0)
    revision = service_place.ecs.describe_service_revisions(
        serviceRevisionArns=[deployment["targetServiceRevisionArn"], "arn:none"]
    )
    assert revision["serviceRevisions"][0]["taskDefinition"] == arn
    assert revision["failures"][0]["reason"] == "MISSING"
    page = service_place.ecs.list_service_deployments(**SERVICE_KEY, maxResults=1)
    assert page["serviceDeployments"][0]["status"] == "SUCCESSFUL"
    next_page = service_place.ecs.list_service_deployments(
        **SERVICE_KEY, nextToken=page["nextToken"]
    )
    assert len(next_page["serviceDeployments"]) == 1
    described = service_place.ecs.describe_service_deployments(
        serviceDeploymentArns=[deployment["serviceDeploymentArn"]]
    )["serviceDeployments"][0]
    assert described["targetServiceRevision"]["arn"] == deployment["targetServiceRevisionArn"]
    assert described["deploymentCircuitBreaker"]["status"] == "MONITORING_COMPLETE"
