"""What a client sees of the load balancer while the services are operated on, line by line."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.clients.http_client import STEP_SECONDS, HttpClient
from sandbox.load_balancer import responses as answers_of_targets
from tests.ops.http_stage import BACKEND_HEALTH_PATH, MAINTENANCE_PAGE, SiteConsole, open_site
from tests.ops.service_stage import (
    BACKEND_IMAGE,
    FIRST_IMAGE,
    describe_service,
    get_backend_digest_reference,
)

BACKEND_OPTIONS = "--service backend --yes"


@pytest.fixture
def backend_site(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[SiteConsole]:
    with open_site(capsys, tmp_path) as opened_site:
        yield opened_site


def list_answers(asker: HttpClient) -> list[tuple[int, str]]:
    return sorted(asker.answer_counts)


def is_uninterrupted(asker: HttpClient) -> bool:
    """Whether it was answered each time, without an error and without a gap."""
    observation = asker.get_observation()
    return (
        observation.errors == 0
        and observation.sent == observation.answered > 10
        and observation.longest_gap <= STEP_SECONDS
    )


def test_a_deployment_is_not_felt_and_all_see_the_new_image_afterwards(
    backend_site: SiteConsole,
) -> None:
    with backend_site.ask_continuously() as asker:
        backend_site.ops(f"service deploy {BACKEND_IMAGE}:v2 {BACKEND_OPTIONS}")
    assert is_uninterrupted(asker)
    new = get_backend_digest_reference(backend_site.ops.stage, "v2")
    assert set(list_answers(asker)) == {(200, FIRST_IMAGE), (200, new)}
    after = HttpClient(backend_site.url)
    for _ in range(4):
        after.send_request()
    assert list_answers(after) == [(200, new)]


@pytest.mark.parametrize(
    "tag", ["v4-crash", pytest.param("v5-unhealthy", marks=pytest.mark.exhaustive)]
)
def test_a_bad_image_that_is_rolled_back_never_answers(backend_site: SiteConsole, tag: str) -> None:
    with backend_site.ask_continuously() as asker:
        backend_site.ops(f"service deploy {BACKEND_IMAGE}:{tag} {BACKEND_OPTIONS}", 5)
        backend_site.ops.stage.clock.sleep(600)
    assert is_uninterrupted(asker)
    assert list_answers(asker) == [(200, FIRST_IMAGE)]


@pytest.mark.exhaustive
def test_going_back_and_starting_anew_are_not_felt(backend_site: SiteConsole) -> None:
    backend_site.ops(f"service deploy {BACKEND_IMAGE}:v2 {BACKEND_OPTIONS}")
    with backend_site.ask_continuously() as asker:
        backend_site.ops(f"service rollback {BACKEND_OPTIONS}")
    assert is_uninterrupted(asker)
    assert set(list_answers(asker)) == {
        (200, FIRST_IMAGE),
        (200, get_backend_digest_reference(backend_site.ops.stage, "v2")),
    }
    with backend_site.ask_continuously() as asker:
        backend_site.ops(f"service restart {BACKEND_OPTIONS}")
    assert is_uninterrupted(asker)
    assert list_answers(asker) == [(200, FIRST_IMAGE)]


def test_more_and_fewer_tasks_are_not_felt(backend_site: SiteConsole) -> None:
    with backend_site.ask_continuously() as asker:
        backend_site.ops(f"service scale 4 {BACKEND_OPTIONS}")
        backend_site.ops(f"service scale 1 {BACKEND_OPTIONS}")
        backend_site.ops.stage.clock.sleep(120)
    assert is_uninterrupted(asker)


def test_the_maintenance_page_is_all_that_anybody_sees_while_it_is_on(
    backend_site: SiteConsole,
) -> None:
    backend_site.ops(backend_site.ops.add_plan_hash("service maintenance on"))
    with backend_site.ask_continuously() as asker:
        backend_site.ops.stage.clock.sleep(60)
    assert list_answers(asker) == [(503, "")]
    assert asker.get_observation().longest_gap == 60
    assert HttpClient(f"{backend_site.url}/any/path").send_request() == 503
    assert MAINTENANCE_PAGE in backend_site.fetch_body()
    backend_site.ops("service maintenance off --yes")
    with backend_site.ask_continuously() as asker:
        backend_site.ops.stage.clock.sleep(60)
    assert is_uninterrupted(asker)


def test_a_deployment_that_must_answer_answers(backend_site: SiteConsole) -> None:
    out, _ = backend_site.ops(
        f"service deploy {BACKEND_IMAGE}:v2 {BACKEND_OPTIONS} --url {backend_site.url}/"
    )
    assert "completed: True" in out
    assert describe_service(backend_site.ops.stage)["taskDefinition"].endswith(":2")


def test_an_image_that_answers_500_is_undone_where_it_must_answer(
    backend_site: SiteConsole,
) -> None:
    backend_site.ops(
        f"service deploy {BACKEND_IMAGE}:v6-errors {BACKEND_OPTIONS} --url "
        f"{backend_site.url}{BACKEND_HEALTH_PATH}"
    )
    backend_site.ops(f"service rollback {BACKEND_OPTIONS}")
    with backend_site.ask_continuously() as asker:
        _, err = backend_site.ops(
            f"service deploy {BACKEND_IMAGE}:v6-errors {BACKEND_OPTIONS} --url {backend_site.url}/",
            5,
        )
    assert "failed and was undone" in err
    assert "500" in err
    assert describe_service(backend_site.ops.stage)["deployments"][0]["rolloutState"] == "COMPLETED"
    # Healthy to ELB and to ECS: only who asked it felt it, until it was undone.
    bad = get_backend_digest_reference(backend_site.ops.stage, "v6-errors")
    assert set(list_answers(asker)) == {(200, FIRST_IMAGE), (500, bad)}
    # ECS is done, a few wrong answers, ECS goes back: two deployments and a minute.
    assert 0 < asker.get_observation().longest_gap <= 5 * 60
    after = HttpClient(backend_site.url)
    assert (after.send_request(), list_answers(after)) == (200, [(200, FIRST_IMAGE)])


def test_a_url_without_an_answer_does_not_fail_a_deployment(backend_site: SiteConsole) -> None:
    gone = "http://127.0.0.1:9/"
    _, err = backend_site.ops(
        f"service deploy {BACKEND_IMAGE}:v2 {BACKEND_OPTIONS} --url {gone}", 4
    )
    assert "not finished in time: answers: status is 0, must be 200" in err
    assert describe_service(backend_site.ops.stage)["taskDefinition"].endswith(":2")


@pytest.mark.exhaustive
def test_a_slow_image_answers_late_and_is_a_success_where_that_is_in_time(
    backend_site: SiteConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers_of_targets, "WALL", 0.1)  # the clock stands still meanwhile
    backend_site.ops(
        f"service deploy {BACKEND_IMAGE}:v7-slow {BACKEND_OPTIONS} --url {backend_site.url}/"
    )
    assert describe_service(backend_site.ops.stage)["deployments"][0]["rolloutState"] == "COMPLETED"
