"""A stack with an internal load balancer: deployed, looked at from outside, and never changed."""

import json
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pulumi
import pytest
from pydantic import JsonValue

from ops.cli.app import main
from ops.core.aws import Aws
from ops.outputs import parse_outputs
from sandbox.deploy import (
    InMemoryDeployment,
    deploy_in_memory,
    subscribe_somebody,
    use_in_memory_aws,
)
from sandbox.diagram import render_diagram
from tests.policy.test_stacks import build_pack, list_aws_resources

REGION = "eu-north-1"
INTERNAL: dict[str, JsonValue] = {"loadBalancer": {"internal": True}}


@pytest.fixture(scope="module")
def deployment() -> Iterator[InMemoryDeployment]:
    with use_in_memory_aws(REGION):
        internal_deployment = deploy_in_memory("dev", INTERNAL)
        subscribe_somebody(internal_deployment.exports)
        yield internal_deployment


def test_an_internal_load_balancer_has_no_public_address(deployment: InMemoryDeployment) -> None:
    outputs = parse_outputs(deployment.exports)
    assert outputs.load_balancer is not None
    assert outputs.load_balancer.internal
    (described,) = Aws(REGION).client("elbv2").describe_load_balancers()["LoadBalancers"]
    assert described["Scheme"] == "internal"
    subnets = {zone["SubnetId"] for zone in described["AvailabilityZones"]}
    assert subnets == set(outputs.network.private_subnets.values())


def test_an_internal_stack_passes_the_policies_and_is_drawn_without_internet_access(
    deployment: InMemoryDeployment,
) -> None:
    violations = list(build_pack("dev").list_violations(list_aws_resources(deployment.graph)))
    assert violations == []
    assert "no way in from the internet" in render_diagram(deployment.graph, "dev")


def test_without_an_answer_from_here_health_is_unknown_with_the_reason(
    deployment: InMemoryDeployment, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "outputs.json"
    file.write_text(json.dumps(deployment.exports), encoding="utf-8")
    answer = {"status": 0, "reason": "timed out"}
    with patch("ops.health.requests.fetch_url", return_value=answer):
        assert main(["health", "--outputs", str(file), "--output", "json"]) == 3
    items = json.loads(capsys.readouterr().out)["items"]
    (unknown,) = [item for item in items if item["state"] != "ok"]
    assert (unknown["state"], unknown["area"]) == ("unknown", "balancer")
    assert "the load balancer is internal: ask from its VPC" in unknown["evidence"]


def test_a_load_balancers_scheme_cannot_be_changed(deployment: InMemoryDeployment) -> None:
    line = "^bulwark:loadBalancer.internal is false, must be true: a load balancer keeps its scheme"
    with pytest.raises(pulumi.RunError, match=line):
        deploy_in_memory("dev")
