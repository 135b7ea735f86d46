"""What a client sees of the load balancer while the fleet behind it is operated on."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sandbox import load_balancer as balancer
from sandbox.clients.http_client import STEP_SECONDS, HttpClient
from tests.ops.command_line import Console
from tests.ops.fleet_stage import IMAGE, digest, ids, put, refreshes
from tests.ops.http_stage import PORT, Site
from tests.ops.procedures.fleet import begin
from tests.ops.procedures.service_page import put_rule
from tests.ops.service_stage import FIRST, commanded
from tests.ops.stage import Stage, stage


def put_balancer(on: Stage) -> str:
    """The fleet behind a load balancer that leads everything to it; the balancer's ARN."""
    put_rule(on)
    put(on)
    elb = on.client("elbv2")
    assert on.outputs.load_balancer is not None
    group = on.outputs.load_balancer.targets["fleet"].target_group_arn
    (made,) = elb.describe_load_balancers(Names=["bulwark-test-alb"])["LoadBalancers"]
    (listener,) = elb.describe_listeners(LoadBalancerArn=made["LoadBalancerArn"])["Listeners"]
    elb.create_rule(
        ListenerArn=listener["ListenerArn"],
        Priority=10,
        Conditions=[{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/*"]}}],
        Actions=[{"Type": "forward", "TargetGroupArn": group}],
    )
    return str(made["LoadBalancerArn"])


@contextmanager
def site(capture: pytest.CaptureFixture[str], folder: Path) -> Iterator[Site]:
    """A stage of the fleet alone, behind a load balancer that answers."""
    with stage() as on, balancer.serve_load_balancers():
        arn = put_balancer(on)
        with commanded(on, folder) as file:
            yield Site(Console(on, file, capture), balancer.get_listener_url(arn, PORT))


@pytest.fixture
def here(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[Site]:
    with site(capsys, tmp_path) as made:
        yield made


def answers(asker: HttpClient) -> set[tuple[int, str]]:
    return set(asker.answer_counts)


def unharmed(asker: HttpClient) -> bool:
    """Whether it was answered each time, without an error and without a gap."""
    saw = asker.get_observation()
    return saw.errors == 0 and saw.sent == saw.answered > 10 and saw.longest_gap <= STEP_SECONDS


def test_a_refresh_is_not_felt(here: Site) -> None:
    before = ids(here.ops.stage)
    with here.asked() as asker:
        here.ops("fleet refresh start --template-version 2 --yes")
    assert not before & ids(here.ops.stage)
    assert unharmed(asker)
    assert answers(asker) == {(200, FIRST)}


def test_a_deployment_is_not_felt_and_all_see_the_new_image_afterwards(here: Site) -> None:
    with here.asked() as asker:
        here.ops(f"fleet deploy {IMAGE}:v2 --yes")
    assert unharmed(asker)
    new = digest(here.ops.stage, "v2")
    assert answers(asker) == {(200, FIRST), (200, new)}
    after = HttpClient(here.url)
    for _ in range(4):
        after.send_request()
    assert answers(after) == {(200, new)}


@pytest.mark.exhaustive
def test_a_bad_image_that_is_taken_back_never_answers(here: Site) -> None:
    with here.asked() as asker:
        here.ops(f"fleet deploy {IMAGE}:v5-unhealthy --yes", 5)
        here.ops.stage.clock.sleep(120)
    assert unharmed(asker)
    assert answers(asker) == {(200, FIRST)}


@pytest.mark.exhaustive
@pytest.mark.parametrize("verb", ["cancel", "rollback"])
def test_a_refresh_that_is_broken_off_is_not_felt(here: Site, verb: str) -> None:
    begin(here.ops.stage)
    with here.asked() as asker:
        here.ops.stage.clock.sleep(200)
        here.ops(f"fleet refresh {verb} --yes")
        here.ops.stage.clock.sleep(120)
    assert refreshes(here.ops.stage)[0]["Status"] != "InProgress"
    assert unharmed(asker)


@pytest.mark.exhaustive
def test_more_and_fewer_instances_are_not_felt(here: Site) -> None:
    with here.asked() as asker:
        here.ops("fleet scale 4 --yes")
        here.ops("fleet scale 1 --yes")
        here.ops.stage.clock.sleep(120)
    assert len(ids(here.ops.stage)) == 1
    assert unharmed(asker)


def test_one_that_may_leave_nobody_in_service_is_felt(here: Site) -> None:
    """What the percentages are for: without any of the old ones a batch is an outage."""
    with here.asked() as asker:
        here.ops("fleet refresh start --min-healthy 0 --max-healthy 100 --yes")
    assert asker.get_observation().errors > 0
    assert asker.get_observation().longest_gap >= 60
