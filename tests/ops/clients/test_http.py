"""What a client sees of the load balancer while the services are operated on, line by line."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.clients.http_client import STEP_SECONDS, HttpClient
from sandbox.load_balancer import responses as answers_of_targets
from tests.ops.http_stage import HEALTH, PAGE, Site, site
from tests.ops.service_stage import FIRST, IMAGE, digest, seen

BACKEND = "--service backend --yes"


@pytest.fixture
def here(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[Site]:
    with site(capsys, tmp_path) as made:
        yield made


def answers(asker: HttpClient) -> list[tuple[int, str]]:
    return sorted(asker.answer_counts)


def unharmed(asker: HttpClient) -> bool:
    """Whether it was answered each time, without an error and without a gap."""
    saw = asker.get_observation()
    return saw.errors == 0 and saw.sent == saw.answered > 10 and saw.longest_gap <= STEP_SECONDS


def test_a_deployment_is_not_felt_and_all_see_the_new_image_afterwards(here: Site) -> None:
    with here.asked() as asker:
        here.ops(f"service deploy {IMAGE}:v2 {BACKEND}")
    assert unharmed(asker)
    new = digest(here.ops.stage, "v2")
    assert set(answers(asker)) == {(200, FIRST), (200, new)}
    after = HttpClient(here.url)
    for _ in range(4):
        after.send_request()
    assert answers(after) == [(200, new)]


@pytest.mark.parametrize(
    "tag", ["v4-crash", pytest.param("v5-unhealthy", marks=pytest.mark.exhaustive)]
)
def test_a_bad_image_that_is_rolled_back_never_answers(here: Site, tag: str) -> None:
    with here.asked() as asker:
        here.ops(f"service deploy {IMAGE}:{tag} {BACKEND}", 5)
        here.ops.stage.clock.sleep(600)
    assert unharmed(asker)
    assert answers(asker) == [(200, FIRST)]


@pytest.mark.exhaustive
def test_going_back_and_starting_anew_are_not_felt(here: Site) -> None:
    here.ops(f"service deploy {IMAGE}:v2 {BACKEND}")
    with here.asked() as asker:
        here.ops(f"service rollback {BACKEND}")
    assert unharmed(asker)
    assert set(answers(asker)) == {(200, FIRST), (200, digest(here.ops.stage, "v2"))}
    with here.asked() as asker:
        here.ops(f"service restart {BACKEND}")
    assert unharmed(asker)
    assert answers(asker) == [(200, FIRST)]


def test_more_and_fewer_tasks_are_not_felt(here: Site) -> None:
    with here.asked() as asker:
        here.ops(f"service scale 4 {BACKEND}")
        here.ops(f"service scale 1 {BACKEND}")
        here.ops.stage.clock.sleep(120)
    assert unharmed(asker)


def test_the_maintenance_page_is_all_that_anybody_sees_while_it_is_on(here: Site) -> None:
    here.ops(here.ops.seen("service maintenance on"))
    with here.asked() as asker:
        here.ops.stage.clock.sleep(60)
    assert answers(asker) == [(503, "")]
    assert asker.get_observation().longest_gap == 60
    assert HttpClient(f"{here.url}/any/path").send_request() == 503
    assert PAGE in here.body()
    here.ops("service maintenance off --yes")
    with here.asked() as asker:
        here.ops.stage.clock.sleep(60)
    assert unharmed(asker)


def test_a_deployment_that_must_answer_answers(here: Site) -> None:
    out, _ = here.ops(f"service deploy {IMAGE}:v2 {BACKEND} --url {here.url}/")
    assert "completed: True" in out
    assert seen(here.ops.stage)["taskDefinition"].endswith(":2")


def test_an_image_that_answers_500_is_undone_where_it_must_answer(here: Site) -> None:
    here.ops(f"service deploy {IMAGE}:v6-errors {BACKEND} --url {here.url}{HEALTH}")
    here.ops(f"service rollback {BACKEND}")
    with here.asked() as asker:
        _, err = here.ops(f"service deploy {IMAGE}:v6-errors {BACKEND} --url {here.url}/", 5)
    assert "failed and was undone" in err
    assert "500" in err
    assert seen(here.ops.stage)["deployments"][0]["rolloutState"] == "COMPLETED"
    # Healthy to ELB and to ECS: only who asked it felt it, until it was undone.
    bad = digest(here.ops.stage, "v6-errors")
    assert set(answers(asker)) == {(200, FIRST), (500, bad)}
    # ECS is done, a few wrong answers, ECS goes back: two deployments and a minute.
    assert 0 < asker.get_observation().longest_gap <= 5 * 60
    after = HttpClient(here.url)
    assert (after.send_request(), answers(after)) == (200, [(200, FIRST)])


def test_what_does_not_answer_at_all_is_not_known_to_have_failed(here: Site) -> None:
    gone = "http://127.0.0.1:9/"
    _, err = here.ops(f"service deploy {IMAGE}:v2 {BACKEND} --url {gone}", 4)
    assert "not finished in time: answers: status is 0, wanted 200" in err
    assert seen(here.ops.stage)["taskDefinition"].endswith(":2")


@pytest.mark.exhaustive
def test_a_slow_image_answers_late_and_is_a_success_where_that_is_in_time(
    here: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers_of_targets, "WALL", 0.1)  # the clock stands still meanwhile
    here.ops(f"service deploy {IMAGE}:v7-slow {BACKEND} --url {here.url}/")
    assert seen(here.ops.stage)["deployments"][0]["rolloutState"] == "COMPLETED"
