"""No service acts on a stack or on the foundation for another account than theirs.

Every policy document with a service principal is walked, of all stacks as their files say and with
all kinds of compute, and of the foundation.
"""

import json
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any, Final

import pytest

from ops.bootstrap.names import FoundationNames
from ops.bootstrap.policies import build_bucket_policy, build_key_policy
from ops.bootstrap.roles import list_foundation_roles
from policy.rules.resource_policies import SOURCELESS_SERVICES
from sandbox.policy_evaluation import are_conditions_met, list_statements
from tests.test_reach import FOUNDATION
from tests.world import ACCOUNT, run_whole_program

STRANGER: Final = "999999999999"
PERMISSION_TYPE: Final = "aws:lambda/permission:Permission"
STACKS: Final = ("dev", "staging", "prod", "sandbox")


def find_unstated_service(service: str) -> str | None:
    """The entry of the table of services that state no source."""
    return next((pattern for pattern in SOURCELESS_SERVICES if fnmatchcase(service, pattern)), None)


def list_service_statements(document: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each service principal that a policy document lets in, with its statement."""
    for statement in list_statements(document):
        principal = statement.get("Principal", {})
        if statement["Effect"] != "Allow" or not isinstance(principal, dict):
            continue
        services = principal.get("Service", [])
        for service in [services] if isinstance(services, str) else services:
            yield service.removesuffix(".amazonaws.com"), statement


def list_stack_grants(stack: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each grant of a stack to a service: the resource, the service and the statement."""
    overrides: list[dict[str, Any]] = [{}, {"compute": "both"}, {"compute": "fleet"}]
    for graph in (run_whole_program(stack, override) for override in overrides):
        for resource in graph.resources:
            if resource.type == PERMISSION_TYPE:
                inputs = resource.inputs
                source = {"aws:SourceAccount": inputs["sourceAccount"]}
                arn = {"aws:SourceArn": inputs["sourceArn"]}
                statement = {"Condition": {"StringEquals": source, "ArnLike": arn}}
                yield resource.name, inputs["principal"].removesuffix(".amazonaws.com"), statement
            for value in resource.inputs.values():
                if isinstance(value, str) and '"Statement"' in value:
                    for service, statement in list_service_statements(json.loads(value)):
                        yield f"{resource.type} {resource.name}", service, statement


def list_foundation_grants(names: FoundationNames) -> Iterator[tuple[str, str, dict[str, Any]]]:
    documents = {role.name: role.trust_policy for role in list_foundation_roles(names)}
    documents["key"] = build_key_policy(names)
    for region in (names.region, str(names.recovery_region)):
        for logs in (False, True):
            documents[f"bucket {region} {logs}"] = build_bucket_policy(names, region, logs=logs)
    for name, document in documents.items():
        for service, statement in list_service_statements(document):
            yield name, service, statement


def is_let_in(statement: dict[str, Any], account: str | None) -> bool:
    """Whether a statement lets its service in, acting for an account or without stating one.

    What else it binds, as an encryption context, is as it demands."""
    context = {"s3:x-amz-acl": "bucket-owner-full-control"}
    conditions = statement.get("Condition", {})
    for key, pattern in conditions.get("ArnLike", {}).items():
        context[key.lower()] = pattern.replace("*", "x")
    if account is not None:
        context["aws:sourceaccount"] = account
    return are_conditions_met(conditions, context)


@pytest.mark.parametrize("owner", [*STACKS, "foundation"])
def test_no_service_acts_for_another_account(owner: str) -> None:
    grants = list_foundation_grants(FOUNDATION) if owner == "foundation" else None
    asked = 0
    for name, service, statement in grants or list_stack_grants(owner):
        asked += 1
        assert is_let_in(statement, ACCOUNT), f"{name} shuts {service} out"
        assert not is_let_in(statement, STRANGER), f"{name} lets {service} in for anybody"
        if find_unstated_service(service) is None:
            assert not is_let_in(statement, None), f"{name} lets {service} in without a source"
    assert asked >= (3 if owner == "foundation" else 10)


def test_every_service_listed_as_sourceless_is_used() -> None:
    grants = [grant for stack in STACKS for grant in list_stack_grants(stack)]
    without_source = {service for _, service, statement in grants if is_let_in(statement, None)}
    assert {find_unstated_service(service) for service in without_source} == set(
        SOURCELESS_SERVICES
    )
