"""Numbers of tasks, their limits and the maintenance page: planned, killed, and typed."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from components.load_balancer import NEVER
from ops import maintenance, scaling, services
from ops.errors import DeniedError, ThrottledError
from ops.plan import Plan
from tests.ops.db_stage import failing
from tests.ops.service_stage import (
    SCALING,
    console,
    facts,
    lonely,
    put,
    put_scaling,
    seen,
)
from tests.ops.stage import Fuse, KilledError, Stage, matrix, stage
from tests.ops.typed import Console


@pytest.fixture
def ops(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[Console]:
    with console(capsys, tmp_path) as made:
        yield made


def put_both(on: Stage) -> None:
    put(on)
    put_scaling(on)


def scaled(on: Stage, count: int = 5) -> Plan:
    service = services.one(on.aws, on.outputs, "backend")
    return scaling.scale(on.outputs, service, scaling.limits(on.aws, service), count, "run-1")


def limited(on: Stage) -> Plan:
    now = scaling.limits(on.aws, services.one(on.aws, on.outputs, "backend"))
    assert now is not None
    return scaling.change(on.outputs, now, "run-1", most=9, suspended=True)


def target(on: Stage) -> dict[str, Any]:
    found = on.client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace="ecs", ResourceIds=[SCALING["ResourceId"]]
    )["ScalableTargets"][0]
    state = found.get("SuspendedState") or {}
    return {
        "limits": (found["MinCapacity"], found["MaxCapacity"]),
        "suspended": state.get("DynamicScalingInSuspended", False),
    }


def test_a_service_has_the_tasks_only_once_they_run() -> None:
    with stage() as on:
        put_both(on)
        began = on.clock.now()
        assert on.engine(Fuse()).start(scaled(on)) == "done"
        assert on.clock.now() - began >= 90
        assert (seen(on)["desiredCount"], seen(on)["runningCount"]) == (5, 5)


@pytest.mark.exhaustive
def test_scaling_killed_at_every_touch_is_done_once() -> None:
    assert matrix(put_both, scaled, facts) >= 8


def test_limits_killed_at_every_touch_are_set_once() -> None:
    assert matrix(put_both, limited, target) >= 8


def tasks_and_limits(on: Stage) -> object:
    return seen(on)["desiredCount"], seen(on)["runningCount"], target(on)


@pytest.mark.parametrize("planned", [scaled, limited])
def test_what_was_changed_is_undone(planned: Callable[[Stage], Plan]) -> None:
    with stage() as on:
        put_both(on)
        before, plan, fuse = tasks_and_limits(on), planned(on), Fuse()
        with suppress(KilledError):
            fuse.left = 8
            on.engine(fuse).start(plan)
        assert tasks_and_limits(on) != before
        fuse.left = 10**9
        assert on.engine(fuse).undo() == "undone"
        assert tasks_and_limits(on) == before


@pytest.mark.parametrize(
    ("code", "kind"), [("ThrottlingException", ThrottledError), ("AccessDenied", DeniedError)]
)
def test_limits_that_cannot_be_read_are_not_taken_for_none(
    code: str, kind: type[Exception]
) -> None:
    with stage() as on:
        put_both(on)
        service = services.one(on.aws, on.outputs, "backend")
        with failing(code, "describe_scalable_targets", "get_paginator"), pytest.raises(kind):
            scaling.limits(on.aws, service)


def test_scale_as_a_user_types_it(ops: Console) -> None:
    put_scaling(ops.stage)
    out, _ = ops("service scale 4 --service backend --yes")
    assert "tasks: 2 -> 4" in out
    assert "automatic scaling goes on from there" in out
    assert seen(ops.stage)["runningCount"] == 4
    (run,) = (r["run"] for r in ops.json("runs list")["items"])
    _, err = ops(f"runs undo {run}", 2)
    assert "is done, only one that is on its way can be undone" in err
    assert seen(ops.stage)["runningCount"] == 4
    result = ops.json("service scale 3 --service frontend --yes")
    assert (result["kind"], result["tasks"]) == ("service-scale", 3)


def test_beyond_the_limits_it_says_so_and_offers_the_change(ops: Console) -> None:
    put_scaling(ops.stage)
    _, err = ops("service scale 12 --service backend --yes", 2)
    assert "COUNT is 12, may be 1 to 6" in err
    advice = "ops service autoscaling --service backend --max 12"
    assert advice in err
    out, _ = ops(f"{advice.removeprefix('ops ')} --yes")
    assert "the next `pulumi up` sets them again" in out
    assert target(ops.stage)["limits"] == (1, 12)
    ops("service scale 12 --service backend --yes")
    assert seen(ops.stage)["runningCount"] == 12
    rows = ops.json("service limits")["items"]
    assert rows == [{"service": "backend", "min": 1, "max": 12, "suspended": "no"}]


def test_suspended_scaling_holds_no_limits_and_goes_on_again(ops: Console) -> None:
    put_scaling(ops.stage)
    ops("service autoscaling --service backend --suspend --yes")
    assert target(ops.stage) == {"limits": (1, 6), "suspended": True}
    ops("service scale 8 --service backend --yes")
    ops("service autoscaling --service backend --resume --yes")
    assert target(ops.stage)["suspended"] is False


def test_down_to_none_says_what_it_means(ops: Console) -> None:
    out, _ = ops("service scale 0 --service backend --dry-run")
    assert "without tasks the service answers nobody" in out
    _, err = ops("service scale 0 --service backend --yes", 2)
    assert "--expect is not set, and there is no terminal to type the stack's name on" in err
    ops(ops.seen("service scale 0 --service backend"))
    assert seen(ops.stage)["runningCount"] == 0


def put_rule(on: Stage) -> None:
    """A load balancer whose first rule is the maintenance page, and the outputs that say so."""
    ec2, elb = on.client("ec2"), on.client("elbv2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(
            VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"eu-north-1{zone}"
        )["Subnet"]["SubnetId"]
        for n, zone in enumerate("ab")
    ]
    balancer = elb.create_load_balancer(Name="alb", Subnets=subnets)["LoadBalancers"][0]
    fixed = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503"}}
    listener = elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"], Protocol="HTTP", Port=80,
        DefaultActions=[fixed],
    )["Listeners"][0]["ListenerArn"]  # fmt: skip
    condition = {"Field": "host-header", "HostHeaderConfig": {"Values": [NEVER]}}
    rule = elb.create_rule(
        ListenerArn=listener, Priority=1, Conditions=[condition], Actions=[fixed]
    )["Rules"][0]["RuleArn"]
    part = on.outputs.load_balancer
    assert part is not None
    changed = part.model_copy(update={"maintenance_rule_arn": rule})
    on.outputs = on.outputs.model_copy(update={"load_balancer": changed})


def condition(on: Stage) -> object:
    assert on.outputs.load_balancer is not None
    rules = on.client("elbv2").describe_rules(
        RuleArns=[on.outputs.load_balancer.maintenance_rule_arn]
    )
    (found,) = rules["Rules"][0]["Conditions"]
    return found["Field"], found.get("PathPatternConfig") or found.get("HostHeaderConfig")


EVERYBODY = ("path-pattern", {"Values": ["/*"]})
NOBODY = ("host-header", {"Values": [NEVER]})


def test_the_page_is_the_stacks_own_rule() -> None:
    assert maintenance.NEVER == NEVER


def test_the_page_killed_at_every_touch_is_on() -> None:
    def planned(on: Stage) -> Plan:
        return maintenance.turn(on.outputs, "run-1", on=True)

    assert matrix(put_rule, planned, condition) >= 8


def test_the_page_is_undone_and_was_not_met_before() -> None:
    with stage() as on:
        put_rule(on)
        fuse = Fuse()
        assert condition(on) == NOBODY
        on.engine(fuse).start(maintenance.turn(on.outputs, "run-1", on=True))
        assert condition(on) == EVERYBODY
        off = Fuse()
        on.engine(off).start(maintenance.turn(on.outputs, "run-2", on=False))
        assert condition(on) == NOBODY


def test_the_page_as_a_user_turns_it(ops: Console) -> None:
    put_rule(ops.stage)
    ops.file.write_text(ops.stage.outputs.model_dump_json(by_alias=True))
    out, _ = ops(ops.seen("service maintenance on --reason upgrade"))
    assert "every request of every service gets the page" in out
    assert "page: on" in out
    assert condition(ops.stage) == EVERYBODY
    _, err = ops(ops.seen("service maintenance on"))
    assert "was so already" in err
    result = ops.json("service maintenance off --yes")
    assert (result["kind"], result["page"]) == ("service-maintenance", "off")
    assert condition(ops.stage) == NOBODY


def test_without_a_load_balancer_there_is_no_page(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with console(capsys, tmp_path, lonely(), ("backend",)) as ops:
        _, err = ops("service maintenance on --yes", 2)
        assert "has no load balancer" in err
