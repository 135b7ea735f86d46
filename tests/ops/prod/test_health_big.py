"""Health over a thousand services: as many calls as the lists have pages, and a constant."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import pytest
from moto.applicationautoscaling.models import applicationautoscaling_backends
from moto.ecs.models import ecs_backends
from moto.elbv2.models import elbv2_backends
from moto.logs.models import logs_backends

from ops.health.logs import GROUPS
from ops.health.registry import health
from ops.outputs import Outputs
from sandbox.patches.cloudwatch.metrics import MODELLED_METRICS
from tests.ops.prod.deployed import REGION, Prod, calls
from tests.ops.stage import ACCOUNT

COUNT = 1000
DIMENSION = "ecs:service:DesiredCount"


@contextmanager
def grown(prod: Prod, count: int) -> Iterator[Outputs]:
    """The stack with so many services like its backend, each with targets, scaling and a log."""
    outputs = prod.outputs
    assert outputs.services is not None
    assert outputs.load_balancer is not None
    like, target = outputs.services.services["backend"], outputs.load_balancer.targets["backend"]
    ecs, elb = ecs_backends[ACCOUNT][REGION], elbv2_backends[ACCOUNT][REGION]
    scaled = applicationautoscaling_backends[ACCOUNT][REGION].targets[DIMENSION]
    logs = logs_backends[ACCOUNT][REGION].groups
    service = ecs.services[f"{outputs.services.cluster}:backend"]
    parts, targets = {}, {}
    with (
        patch.dict(ecs.services),
        patch.dict(elb.target_groups),
        patch.dict(scaled),
        patch.dict(logs),
    ):
        for n in range(count):
            name = f"s{n:04}"
            arn = target.target_group_arn.rsplit("/", 1)[0] + f"-{name}/1"
            elb.target_groups[arn] = _like(elb.target_groups[target.target_group_arn], arn=arn)
            ecs.services[f"{outputs.services.cluster}:{name}"] = _like(
                service,
                name=name,
                load_balancers=[{**service.load_balancers[0], "targetGroupArn": arn}],
            )
            resource = f"service/{outputs.services.cluster}/{name}"
            scaled[resource] = _like(scaled[str(like.scaling_resource_id)], resource_id=resource)
            group = f"{like.log_group}-{name}"
            logs[group] = logs[like.log_group]
            parts[name] = like.model_copy(
                update={"name": name, "scaling_resource_id": resource, "log_group": group}
            )
            targets[name] = target.model_copy(update={"target_group_arn": arn})
        yield outputs.model_copy(
            update={
                "services": outputs.services.model_copy(update={"services": parts}),
                "load_balancer": outputs.load_balancer.model_copy(update={"targets": targets}),
            }
        )


@contextmanager
def counted(sick: set[str]) -> Iterator[None]:
    """CloudWatch has two healthy targets of each group, and one of those that are not well."""

    def healthy(_: Any, names: Mapping[str, str]) -> float:
        return 1.0 if names["TargetGroup"] in sick else 2.0

    def unhealthy(_: Any, names: Mapping[str, str]) -> float:
        return 1.0 if names["TargetGroup"] in sick else 0.0

    model = {
        ("AWS/ApplicationELB", "HealthyHostCount"): healthy,
        ("AWS/ApplicationELB", "UnHealthyHostCount"): unhealthy,
    }
    with patch(
        "sandbox.patches.cloudwatch.metrics.MODELLED_METRICS", {**MODELLED_METRICS, **model}
    ):
        yield


def _like(one: Any, **fields: Any) -> Any:
    made = copy(one)
    vars(made).update(fields)
    return made


@pytest.mark.exhaustive
def test_a_thousand_services_take_their_pages_and_a_constant(prod: Prod) -> None:
    with calls() as few:
        health(prod.outputs, prod.aws, datetime.now(UTC))
    with grown(prod, COUNT) as big, counted(set()), calls() as many:
        findings = health(big, prod.aws, datetime.now(UTC))
    assert {f.state for f in findings} == {"ok"}, [f for f in findings if f.state != "ok"][:5]
    assert sum(f.area == "services" for f in findings) == COUNT + 2
    more = {name: many[name] - few[name] for name in few | many if many[name] != few[name]}
    assert more == {
        "DescribeServices": COUNT // 10 - 1,  # ten to a call: ECS API reference
        "DescribeScalableTargets": COUNT // 50 - 1,
        "GetMetricData": 2 * COUNT // 500,  # healthy and unhealthy targets
        "DescribeTargetHealth": -2,
        "FilterLogEvents": GROUPS - few["FilterLogEvents"],
    }


@pytest.mark.exhaustive
def test_of_many_groups_the_sick_are_described(prod: Prod) -> None:
    with grown(prod, 21) as big:
        assert big.load_balancer is not None
        gone = big.load_balancer.targets["s0003"].target_group_arn
        del elbv2_backends[ACCOUNT][REGION].target_groups[gone]
        with counted({gone.rpartition(":")[2]}), calls() as made:
            findings = health(big, prod.aws, datetime.now(UTC), ["balancer"])
    (bad,) = (f for f in findings if f.state != "ok")
    assert (bad.subject, bad.state) == ("targets of s0003", "failing")
    assert bad.evidence == "0 of 0 are healthy"
    assert made["DescribeTargetHealth"] == 1
