"""One protected resource is released by name, and nothing else is."""

import pytest
from pulumi import RunError
from pydantic import JsonValue

from sandbox.program import ResourceGraph
from tests.world import run_whole_program

SERVICE_KEY = "ecs/service services-backend"


def _run(*release: str, **values: JsonValue) -> ResourceGraph:
    return run_whole_program("prod", {"deletion": {"release": [*release]}, **values})


def test_only_released_resources_lose_their_protection() -> None:
    before, after = (
        {(resource.type, resource.name) for resource in _run(*keys) if resource.protect}
        for keys in ((), (SERVICE_KEY, "rds/instance database"))
    )
    assert before - after == {
        ("aws:ecs/service:Service", "services-backend"),
        ("aws:rds/instance:Instance", "database"),
    }
    assert after < before


def test_a_released_resource_loses_deletion_protection_in_aws() -> None:
    graph = _run("rds/instance database", "lb/loadBalancer alb")
    assert graph.get_resource("aws:rds/instance:Instance").inputs["deletionProtection"] is False
    balancer = graph.get_resource("aws:lb/loadBalancer:LoadBalancer")
    assert balancer.inputs["enableDeletionProtection"] is False


@pytest.mark.parametrize(
    ("stack", "key"),
    [
        ("prod", "ecs/service services-bakend"),
        ("prod", "ssm/parameter outputs-stack"),  # not protected
        ("dev", "ecs/service services-backend"),  # nor is anything of dev
    ],
)
def test_releasing_an_unprotected_resource_is_an_error(stack: str, key: str) -> None:
    with pytest.raises(RunError, match=f"deletion.release holds '{key}', which is no protected"):
        run_whole_program(stack, {"deletion": {"release": [key]}})


def test_a_release_ends_with_its_resource() -> None:
    with pytest.raises(RunError, match="go from the settings with the resource"):
        _run(SERVICE_KEY, services={"frontend": {}})
