"""What a deployment may (ops/bootstrap) holds all that the stacks have resources of."""

from typing import Final

import pytest
from pydantic import JsonValue

from ops.bootstrap import policies as documents
from tests.world import run_whole_program

# Pulumi's module, or a type of it, and what IAM calls the service, where the names differ.
IAM_SERVICE_NAMES: Final = {
    "appautoscaling": "application-autoscaling",
    "cloudwatch/eventRule:EventRule": "events",
    "cloudwatch/eventTarget:EventTarget": "events",
    "cloudwatch/eventBus:EventBus": "events",
    "cloudwatch/eventPermission:EventPermission": "events",
    "cloudwatch/logGroup:LogGroup": "logs",
    "cloudwatch/logMetricFilter:LogMetricFilter": "logs",
    "cloudwatch/queryDefinition:QueryDefinition": "logs",
    "costexplorer": "ce",
    "lb": "elasticloadbalancing",
    "vpc": "ec2",
}


def list_iam_services(stack: str) -> set[str]:
    """What IAM calls the services of whatever a stack registers."""
    overrides: dict[str, JsonValue] = {"compute": "both", "cache": {"enabled": True}}
    types = {
        resource.type.removeprefix("aws:")
        for resource in run_whole_program(stack, overrides).resources
        if resource.type.startswith("aws:")
    }
    modules = ((name, name.split("/")[0]) for name in types)
    return {
        IAM_SERVICE_NAMES.get(name, IAM_SERVICE_NAMES.get(module, module))
        for name, module in modules
    }


@pytest.mark.parametrize("stack", ["prod", pytest.param("dev", marks=pytest.mark.exhaustive)])
def test_a_deployment_may_use_every_service_of_a_stack(stack: str) -> None:
    allowed_services = {*documents.STACK_SERVICES, *documents.GLOBAL_SERVICES, "iam", "s3"}
    assert list_iam_services(stack) <= allowed_services


def test_the_boundary_allows_no_service_that_no_stack_uses() -> None:
    used_services = list_iam_services("prod")
    assert {*documents.STACK_SERVICES, *documents.GLOBAL_SERVICES} - used_services == {
        *documents.UNSCOPED_SERVICES
    }
