"""Deployments behind the load balancer of the sandbox: which tasks answer, and when."""

import threading
from collections import Counter
from collections.abc import Iterator

import pytest

from sandbox import load_balancer as balancer
from sandbox.clients.http_client import HttpClient, step_clients
from sandbox.clock import ManualClock
from sandbox.load_balancer import responses as answers
from tests.sandbox.conftest import ClientFactory
from tests.sandbox.load_balancer.balanced_service import BalancedService
from tests.sandbox.patches.test_ecs_deployments import (
    deploy_service_image,
)


@pytest.fixture
def answering_load_balancer() -> Iterator[None]:
    with balancer.serve_load_balancers():
        yield


@pytest.fixture
def site(
    aws_client: ClientFactory, held_clock: ManualClock, answering_load_balancer: None
) -> BalancedService:
    site = BalancedService(aws_client)
    held_clock.advance(600)
    return site


def test_an_unhealthy_image_is_in_a_group_of_its_own_only_where_elb_fails_open(
    aws_client: ClientFactory, held_clock: ManualClock, answering_load_balancer: None
) -> None:
    site = BalancedService(aws_client, "web:never-healthy")
    held_clock.advance(70)
    assert site.list_target_states() == {}
    assert site.send_request().status == 503  # nothing is registered
    held_clock.advance(10)
    assert site.list_target_states() == {"initial": 2}
    held_clock.advance(45)
    assert site.list_target_states() == {"unhealthy": 2}
    reply = site.send_request()
    assert (reply.status, reply.parse_json()["image"]) == (503, "web:never-healthy")
    held_clock.advance(30)
    assert site.list_target_states() == {}  # stopped, and started again


def test_old_tasks_serve_until_the_new_ones_are_healthy_then_drain(
    site: BalancedService, held_clock: ManualClock
) -> None:
    deploy_service_image(site, "web:2")
    observations: list[tuple[set[str], Counter[str]]] = []
    for _ in range(30):
        images = {site.send_request().parse_json()["image"] for _ in range(4)}
        if not observations or (images, site.list_target_states()) != observations[-1]:
            observations.append((images, site.list_target_states()))
        held_clock.advance(5)
    assert observations == [
        ({"web:1"}, {"healthy": 2}),
        ({"web:1"}, {"healthy": 2, "initial": 2}),
        ({"web:2"}, {"healthy": 2, "draining": 2}),
        ({"web:2"}, {"healthy": 2}),
    ]
    event_messages = [
        event["message"].removeprefix("(service web) ")
        for event in site.describe_service()["events"]
    ]
    assert event_messages[2:5] == [
        "has begun draining connections on 2 tasks.",
        f"deregistered 2 targets in (target-group {site.web_group_arn})",
        f"registered 2 targets in (target-group {site.web_group_arn})",
    ]


@pytest.mark.parametrize(
    "image", ["web:never-healthy", pytest.param("web:crash", marks=pytest.mark.exhaustive)]
)
def test_a_bad_deployment_never_takes_a_request(
    site: BalancedService, held_clock: ManualClock, image: str
) -> None:
    asker = HttpClient(balancer.get_listener_url(site.load_balancer_arn, 443))
    deploy_service_image(site, image)
    with step_clients(held_clock, asker):
        held_clock.advance(900)
    assert set(asker.answer_counts) == {(200, "web:1")}
    assert site.describe_service()["deployments"][0]["rolloutState"] == "COMPLETED"
    assert asker.get_observation().longest_gap == 5


def test_more_and_fewer_tasks_come_and_go_as_targets(
    site: BalancedService, held_clock: ManualClock
) -> None:
    site.ecs.update_service(cluster="cluster", service="web", desiredCount=3)
    held_clock.advance(80)
    assert site.list_target_states() == {"healthy": 2, "initial": 1}
    held_clock.advance(20)
    assert site.list_target_states() == {"healthy": 3}
    site.ecs.update_service(cluster="cluster", service="web", desiredCount=1)
    assert site.list_target_states() == {"healthy": 1, "draining": 2}
    held_clock.advance(41)
    assert site.list_target_states() == {"healthy": 1}


def test_an_image_of_errors_is_in_service_and_answers_500(
    site: BalancedService, held_clock: ManualClock
) -> None:
    deploy_service_image(site, "web:2-errors")
    held_clock.advance(600)
    assert site.list_target_states() == {"healthy": 2}
    assert site.send_request().status == 500
    assert site.send_request("/health").status == 200
    asker = HttpClient(balancer.get_listener_url(site.load_balancer_arn, 443))
    with step_clients(held_clock, asker):
        held_clock.advance(30)
    assert asker.get_observation().line() == (
        "asker: 0 of 7 answered, 7 errors, at most 30 s without an answer"
    )


def test_a_slow_image_takes_simulated_time(
    site: BalancedService, held_clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "WALL", 60)
    deploy_service_image(site, "web:2-slow")
    held_clock.advance(600)
    asker, waited = HttpClient(balancer.get_listener_url(site.load_balancer_arn, 443)), 0.0
    asking = threading.Thread(target=asker.send_request)
    asking.start()
    while asking.is_alive():
        held_clock.advance(0.1)
        waited += 0.1
        asking.join(0.002)
    assert asker.answer_counts == {(200, "web:2-slow"): 1}
    assert waited >= answers.SLOW_IMAGE_SECONDS
    assert site.send_request("/health").status == 200
    monkeypatch.setattr(answers, "WALL", 0.05)
    assert site.send_request().status == 200  # the clock stands still


@pytest.mark.exhaustive
def test_a_thread_asks_while_all_is_deployed_again_and_again(
    site: BalancedService, held_clock: ManualClock
) -> None:
    with HttpClient(balancer.get_listener_url(site.load_balancer_arn, 443), pause=0) as asker:
        for number in range(10):
            deploy_service_image(site, f"web:{number}")
            for _ in range(30):
                held_clock.advance(5)
                site.list_target_states()
    reply_counts = asker.get_observation()
    assert reply_counts.errors == 0
    assert reply_counts.answered > 1
