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

from ops.health.logs import MAX_LOG_GROUPS
from ops.health.report import check_health
from ops.outputs import Outputs
from sandbox.patches.cloudwatch.metrics import MODELLED_METRICS
from tests.ops.prod.deployed import REGION, DeployedProd, count_calls
from tests.ops.stage import ACCOUNT

SERVICE_COUNT = 1000
SCALABLE_DIMENSION = "ecs:service:DesiredCount"


@contextmanager
def add_services(prod: DeployedProd, count: int) -> Iterator[Outputs]:
    """The stack with so many services like its backend, each with targets, scaling and a log."""
    outputs = prod.outputs
    assert outputs.services is not None
    assert outputs.load_balancer is not None
    service_template, target = (
        outputs.services.services["backend"],
        outputs.load_balancer.targets["backend"],
    )
    ecs, elb = ecs_backends[ACCOUNT][REGION], elbv2_backends[ACCOUNT][REGION]
    scalable_targets = applicationautoscaling_backends[ACCOUNT][REGION].targets[SCALABLE_DIMENSION]
    logs = logs_backends[ACCOUNT][REGION].groups
    service = ecs.services[f"{outputs.services.cluster}:backend"]
    parts, targets = {}, {}
    with (
        patch.dict(ecs.services),
        patch.dict(elb.target_groups),
        patch.dict(scalable_targets),
        patch.dict(logs),
    ):
        for n in range(count):
            name = f"s{n:04}"
            arn = target.target_group_arn.rsplit("/", 1)[0] + f"-{name}/1"
            elb.target_groups[arn] = _copy_with(elb.target_groups[target.target_group_arn], arn=arn)
            ecs.services[f"{outputs.services.cluster}:{name}"] = _copy_with(
                service,
                name=name,
                load_balancers=[{**service.load_balancers[0], "targetGroupArn": arn}],
            )
            resource = f"service/{outputs.services.cluster}/{name}"
            scalable_targets[resource] = _copy_with(
                scalable_targets[str(service_template.scaling_resource_id)], resource_id=resource
            )
            group = f"{service_template.log_group}-{name}"
            logs[group] = logs[service_template.log_group]
            parts[name] = service_template.model_copy(
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
def model_target_metrics(unhealthy_groups: set[str]) -> Iterator[None]:
    """CloudWatch has two healthy targets of each group, and one of those that are not well."""

    def healthy(_: Any, names: Mapping[str, str]) -> float:
        return 1.0 if names["TargetGroup"] in unhealthy_groups else 2.0

    def unhealthy(_: Any, names: Mapping[str, str]) -> float:
        return 1.0 if names["TargetGroup"] in unhealthy_groups else 0.0

    model = {
        ("AWS/ApplicationELB", "HealthyHostCount"): healthy,
        ("AWS/ApplicationELB", "UnHealthyHostCount"): unhealthy,
    }
    with patch(
        "sandbox.patches.cloudwatch.metrics.MODELLED_METRICS", {**MODELLED_METRICS, **model}
    ):
        yield


def _copy_with(template: Any, **fields: Any) -> Any:
    duplicate = copy(template)
    vars(duplicate).update(fields)
    return duplicate


@pytest.mark.exhaustive
def test_a_thousand_services_take_their_pages_and_a_constant(prod: DeployedProd) -> None:
    with count_calls() as few_calls:
        check_health(prod.outputs, prod.aws, datetime.now(UTC))
    with (
        add_services(prod, SERVICE_COUNT) as big,
        model_target_metrics(set()),
        count_calls() as many_calls,
    ):
        findings = check_health(big, prod.aws, datetime.now(UTC))
    assert {f.state for f in findings} == {"ok"}, [f for f in findings if f.state != "ok"][:5]
    assert sum(f.area == "services" for f in findings) == SERVICE_COUNT + 2
    extra_calls = {
        name: many_calls[name] - few_calls[name]
        for name in few_calls | many_calls
        if many_calls[name] != few_calls[name]
    }
    assert extra_calls == {
        "DescribeServices": SERVICE_COUNT // 10 - 1,  # ten to a call: ECS API reference
        "DescribeScalableTargets": SERVICE_COUNT // 50 - 1,
        "GetMetricData": 2 * SERVICE_COUNT // 500,  # healthy and unhealthy targets
        "DescribeTargetHealth": -2,
        "FilterLogEvents": MAX_LOG_GROUPS - few_calls["FilterLogEvents"],
    }


@pytest.mark.exhaustive
def test_of_many_groups_the_sick_are_described(prod: DeployedProd) -> None:
    with add_services(prod, 21) as big:
        assert big.load_balancer is not None
        removed_arn = big.load_balancer.targets["s0003"].target_group_arn
        del elbv2_backends[ACCOUNT][REGION].target_groups[removed_arn]
        with model_target_metrics({removed_arn.rpartition(":")[2]}), count_calls() as call_counts:
            findings = check_health(big, prod.aws, datetime.now(UTC), ["balancer"])
    (finding,) = (f for f in findings if f.state != "ok")
    assert (finding.subject, finding.state) == ("targets of s0003", "failing")
    assert finding.evidence == "0 of 0 are healthy"
    assert call_counts["DescribeTargetHealth"] == 1
