"""ECS deployments in the sandbox: they take their time, fail as their image does, and go back."""

from typing import Any

import pytest

from sandbox.clock import ManualClock
from tests.sandbox.conftest import Clients, Refusal
from tests.sandbox.patches.test_compute import Place

BREAKER = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
HERE = {"cluster": "cluster", "service": "web"}


@pytest.fixture
def place(mended: Clients, held: ManualClock) -> Place:
    place = Place(mended)
    place.service(deploymentConfiguration=BREAKER)
    held.advance(300)
    return place


def deploy(place: Place, image: str) -> str:
    """Registers a revision with an image and puts the service on it."""
    container = {"name": "web", "image": image, "memory": 128}
    made = place.ecs.register_task_definition(family="web", containerDefinitions=[container])
    arn = str(made["taskDefinition"]["taskDefinitionArn"])
    place.ecs.update_service(**HERE, taskDefinition=arn)
    return arn


def shown(place: Place) -> list[tuple[str, str, str, int]]:
    return [
        (d["status"], d["taskDefinition"].split("/")[-1], d["rolloutState"], d["runningCount"])
        for d in place.seen()["deployments"]
    ]


def history(place: Place) -> list[str]:
    found = place.ecs.list_service_deployments(**HERE)["serviceDeployments"]
    return [item["status"] for item in found]


def test_a_deployment_has_the_old_tasks_beside_the_new_until_it_is_completed(
    place: Place, held: ManualClock
) -> None:
    deploy(place, "web:2")
    assert shown(place) == [
        ("PRIMARY", "web:2", "IN_PROGRESS", 0),
        ("ACTIVE", "web:1", "COMPLETED", 2),
    ]
    held.advance(100)
    assert place.seen()["runningCount"] == 4
    held.advance(30)
    assert shown(place) == [("PRIMARY", "web:2", "COMPLETED", 2)]
    assert history(place) == ["SUCCESSFUL", "SUCCESSFUL"]


@pytest.mark.parametrize(
    ("image", "code", "says"),
    [
        ("web:never-healthy", "ServiceSchedulerInitiated", "failed ELB health checks"),
        ("web:crash", "EssentialContainerExited", "Essential container in task exited"),
        (
            "123456789012.dkr.ecr.eu-north-1.amazonaws.com/web:gone",
            "TaskFailedToStart",
            "CannotPullContainerError",
        ),
    ],
)
def test_a_bad_image_trips_the_breaker_and_the_service_is_rolled_back(
    place: Place, held: ManualClock, image: str, code: str, says: str
) -> None:
    first = place.seen()["deployments"][0]["id"]
    deploy(place, image)
    seen = [shown(place)]
    for _ in range(40):
        held.advance(10)
        if (now := shown(place)) != seen[-1]:
            seen.append(now)
    assert [("PRIMARY", "web:1", "IN_PROGRESS", 2), ("ACTIVE", "web:2", "FAILED", 0)] in seen
    assert seen[-1] == [("PRIMARY", "web:1", "COMPLETED", 2)]
    after = place.seen()
    assert (after["deployments"][0]["id"], after["taskDefinition"].split("/")[-1]) == (
        first,
        "web:1",
    )
    assert history(place) == ["ROLLBACK_SUCCESSFUL", "SUCCESSFUL"]
    assert any(f"rolling back to deployment {first}" in e["message"] for e in after["events"])
    failed = tasks(place, "STOPPED")
    assert len(failed) == 3
    assert {t["stopCode"] for t in failed} == {code}
    assert says in failed[0]["stoppedReason"]
    held.advance(4000)
    assert tasks(place, "STOPPED") == []


def tasks(place: Place, status: str) -> list[dict[str, Any]]:
    arns = place.ecs.list_tasks(cluster="cluster", serviceName="web", desiredStatus=status)
    if not arns["taskArns"]:
        return []
    found = place.ecs.describe_tasks(cluster="cluster", tasks=arns["taskArns"])
    return list(found["tasks"])


def test_a_service_has_its_tasks(place: Place, held: ManualClock) -> None:
    before = [t["taskArn"] for t in tasks(place, "RUNNING")]
    assert len(before) == 2
    place.ecs.update_service(**HERE, forceNewDeployment=True)
    held.advance(300)
    after = tasks(place, "RUNNING")
    assert not set(before) & {t["taskArn"] for t in after}
    assert {t["lastStatus"] for t in after} == {"RUNNING"}
    assert place.ecs.list_tasks(cluster="cluster", family="other")["taskArns"] == []


def test_without_a_breaker_a_bad_image_goes_on_forever(mended: Clients, held: ManualClock) -> None:
    place = Place(mended)
    place.service()
    held.advance(300)
    deploy(place, "web:crash")
    held.advance(86_400)
    assert history(place)[0] == "IN_PROGRESS"
    assert shown(place)[1] == ("ACTIVE", "web:1", "COMPLETED", 2)


def test_a_breaker_without_rollback_leaves_the_failed_deployment(
    mended: Clients, held: ManualClock
) -> None:
    place = Place(mended)
    breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": False}}
    place.service(deploymentConfiguration=breaker)
    held.advance(300)
    deploy(place, "web:crash")
    held.advance(600)
    assert shown(place)[0] == ("PRIMARY", "web:2", "FAILED", 0)
    assert history(place)[0] == "STOPPED"


@pytest.mark.parametrize(("count", "failed"), [(1, 3), (6, 3), (7, 4), (25, 13), (500, 200)])
def test_half_the_tasks_must_fail_rounded_up_and_within_bounds(
    mended: Clients, held: ManualClock, count: int, failed: int
) -> None:
    place = Place(mended)
    place.service(deploymentConfiguration=BREAKER)
    place.ecs.update_service(**HERE, desiredCount=count)
    held.advance(300)
    deploy(place, "web:crash")
    held.advance(600)
    assert len(tasks(place, "STOPPED")) == failed
    assert history(place)[0] == "ROLLBACK_SUCCESSFUL"


def test_a_newer_deployment_ends_the_one_before(place: Place, held: ManualClock) -> None:
    deploy(place, "web:crash")
    held.advance(10)
    deploy(place, "web:3")
    held.advance(300)
    assert history(place) == ["SUCCESSFUL", "STOPPED", "SUCCESSFUL"]
    assert shown(place) == [("PRIMARY", "web:3", "COMPLETED", 2)]


def test_more_tasks_are_no_deployment_and_take_their_time(place: Place, held: ManualClock) -> None:
    place.ecs.update_service(**HERE, desiredCount=5)
    assert (place.seen()["desiredCount"], place.seen()["runningCount"]) == (5, 2)
    held.advance(100)
    assert place.seen()["runningCount"] == 5
    place.ecs.update_service(**HERE, desiredCount=1)
    held.advance(60)
    assert place.seen()["runningCount"] == 1
    assert history(place) == ["SUCCESSFUL"]


def test_the_same_revision_again_is_no_deployment(place: Place) -> None:
    place.ecs.update_service(**HERE, taskDefinition="web:1")
    assert len(history(place)) == 1


def test_a_revision_that_is_gone_is_refused(place: Place, refused: Refusal) -> None:
    container = {"name": "web", "image": "web:2", "memory": 128}
    place.ecs.register_task_definition(family="web", containerDefinitions=[container])
    place.ecs.deregister_task_definition(taskDefinition="web:2")
    code, message = refused(place.ecs.update_service, **HERE, taskDefinition="web:2")
    assert (code, message) == ("InvalidParameterException", "TaskDefinition is inactive")


def test_the_history_leads_to_revisions_and_can_be_asked_by_time_and_page(
    place: Place, held: ManualClock
) -> None:
    since = held.now()
    arn = deploy(place, "web:2")
    held.advance(300)
    newest = place.ecs.list_service_deployments(**HERE, createdAt={"after": since})
    (one,) = newest["serviceDeployments"]
    assert one["createdAt"] >= since.replace(microsecond=0)
    revision = place.ecs.describe_service_revisions(
        serviceRevisionArns=[one["targetServiceRevisionArn"], "arn:none"]
    )
    assert revision["serviceRevisions"][0]["taskDefinition"] == arn
    assert revision["failures"][0]["reason"] == "MISSING"
    page = place.ecs.list_service_deployments(**HERE, maxResults=1)
    assert page["serviceDeployments"][0]["status"] == "SUCCESSFUL"
    rest = place.ecs.list_service_deployments(**HERE, nextToken=page["nextToken"])
    assert len(rest["serviceDeployments"]) == 1
    described = place.ecs.describe_service_deployments(
        serviceDeploymentArns=[one["serviceDeploymentArn"]]
    )["serviceDeployments"][0]
    assert described["targetServiceRevision"]["arn"] == one["targetServiceRevisionArn"]
    assert described["deploymentCircuitBreaker"]["status"] == "MONITORING_COMPLETE"
