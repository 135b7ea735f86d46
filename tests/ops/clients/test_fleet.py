"""What a client sees of the load balancer while the fleet behind it is operated on."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sandbox import load_balancer as balancer
from sandbox.clients.http_client import STEP_SECONDS, HttpClient
from tests.ops.command_line import OpsConsole
from tests.ops.fleet_stage import (
    FLEET_IMAGE,
    get_digest_reference,
    list_instance_ids,
    list_instance_refreshes,
    put_fleet,
)
from tests.ops.http_stage import LISTENER_PORT, SiteConsole
from tests.ops.procedures.fleet import start_refresh
from tests.ops.procedures.service_page import put_maintenance_rule
from tests.ops.service_stage import FIRST_IMAGE, patch_command_line
from tests.ops.stage import Stage, open_stage


def put_fleet_balancer(stage: Stage) -> str:
    """The fleet behind a load balancer that leads everything to it; the balancer's ARN."""
    put_maintenance_rule(stage)
    put_fleet(stage)
    elb = stage.client("elbv2")
    assert stage.outputs.load_balancer is not None
    group = stage.outputs.load_balancer.targets["fleet"].target_group_arn
    (load_balancer,) = elb.describe_load_balancers(Names=["bulwark-test-alb"])["LoadBalancers"]
    (listener,) = elb.describe_listeners(LoadBalancerArn=load_balancer["LoadBalancerArn"])[
        "Listeners"
    ]
    elb.create_rule(
        ListenerArn=listener["ListenerArn"],
        Priority=10,
        Conditions=[{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/*"]}}],
        Actions=[{"Type": "forward", "TargetGroupArn": group}],
    )
    return str(load_balancer["LoadBalancerArn"])


@contextmanager
def open_fleet_site(capture: pytest.CaptureFixture[str], folder: Path) -> Iterator[SiteConsole]:
    """A stage of the fleet alone, behind a load balancer that answers."""
    with open_stage() as stage, balancer.serve_load_balancers():
        arn = put_fleet_balancer(stage)
        with patch_command_line(stage, folder) as file:
            yield SiteConsole(
                OpsConsole(stage, file, capture), balancer.get_listener_url(arn, LISTENER_PORT)
            )


@pytest.fixture
def fleet_site(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[SiteConsole]:
    with open_fleet_site(capsys, tmp_path) as opened_site:
        yield opened_site


def list_distinct_answers(asker: HttpClient) -> set[tuple[int, str]]:
    return set(asker.answer_counts)


def is_uninterrupted(asker: HttpClient) -> bool:
    """Whether it was answered each time, without an error and without a gap."""
    observation = asker.get_observation()
    return (
        observation.errors == 0
        and observation.sent == observation.answered > 10
        and observation.longest_gap <= STEP_SECONDS
    )


def test_a_refresh_is_not_felt(fleet_site: SiteConsole) -> None:
    before = list_instance_ids(fleet_site.ops.stage)
    with fleet_site.ask_continuously() as asker:
        fleet_site.ops("fleet refresh start --template-version 2 --yes")
    assert not before & list_instance_ids(fleet_site.ops.stage)
    assert is_uninterrupted(asker)
    assert list_distinct_answers(asker) == {(200, FIRST_IMAGE)}


def test_a_deployment_is_not_felt_and_all_see_the_new_image_afterwards(
    fleet_site: SiteConsole,
) -> None:
    with fleet_site.ask_continuously() as asker:
        fleet_site.ops(f"fleet deploy {FLEET_IMAGE}:v2 --yes")
    assert is_uninterrupted(asker)
    new = get_digest_reference(fleet_site.ops.stage, "v2")
    assert list_distinct_answers(asker) == {(200, FIRST_IMAGE), (200, new)}
    after = HttpClient(fleet_site.url)
    for _ in range(4):
        after.send_request()
    assert list_distinct_answers(after) == {(200, new)}


@pytest.mark.exhaustive
def test_a_bad_image_that_is_taken_back_never_answers(fleet_site: SiteConsole) -> None:
    with fleet_site.ask_continuously() as asker:
        fleet_site.ops(f"fleet deploy {FLEET_IMAGE}:v5-unhealthy --yes", 5)
        fleet_site.ops.stage.clock.sleep(120)
    assert is_uninterrupted(asker)
    assert list_distinct_answers(asker) == {(200, FIRST_IMAGE)}


@pytest.mark.exhaustive
@pytest.mark.parametrize("verb", ["cancel", "rollback"])
def test_a_refresh_that_is_broken_off_is_not_felt(fleet_site: SiteConsole, verb: str) -> None:
    start_refresh(fleet_site.ops.stage)
    with fleet_site.ask_continuously() as asker:
        fleet_site.ops.stage.clock.sleep(200)
        fleet_site.ops(f"fleet refresh {verb} --yes")
        fleet_site.ops.stage.clock.sleep(120)
    assert list_instance_refreshes(fleet_site.ops.stage)[0]["Status"] != "InProgress"
    assert is_uninterrupted(asker)


@pytest.mark.exhaustive
def test_more_and_fewer_instances_are_not_felt(fleet_site: SiteConsole) -> None:
    with fleet_site.ask_continuously() as asker:
        fleet_site.ops("fleet scale 4 --yes")
        fleet_site.ops("fleet scale 1 --yes")
        fleet_site.ops.stage.clock.sleep(120)
    assert len(list_instance_ids(fleet_site.ops.stage)) == 1
    assert is_uninterrupted(asker)


def test_a_refresh_without_healthy_instances_is_an_outage_for_clients(
    fleet_site: SiteConsole,
) -> None:
    """What the percentages are for: without any of the old ones a batch is an outage."""
    with fleet_site.ask_continuously() as asker:
        fleet_site.ops("fleet refresh start --min-healthy 0 --max-healthy 100 --yes")
    assert asker.get_observation().errors > 0
    assert asker.get_observation().longest_gap >= 60
