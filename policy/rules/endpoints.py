"""What a VPC may write to through its endpoints: data leaves by them too."""

from collections.abc import Iterator
from typing import Any, Final

from policy.rules.conditions import bounds_destination
from policy.rules.model import (
    UNKNOWN,
    PolicyResource,
    ResourceRule,
    as_list,
    find_property,
    list_statements,
)

ENDPOINT_TYPE: Final = "aws:ec2/vpcEndpoint:VpcEndpoint"
ENDPOINT_POLICY_TYPE: Final = "aws:ec2/vpcEndpointPolicy:VpcEndpointPolicy"
# What actions that change nothing begin with (Service Authorization Reference, access levels).
READING_PREFIXES: Final = ("batchget", "describe", "get", "head", "list", "query", "scan")


def _check_endpoint_policy(resource: PolicyResource) -> Iterator[str]:
    """A gateway without a policy lets everything through to every account."""
    document = find_property(resource.inputs, "policy")
    type_ = find_property(resource.inputs, "vpcEndpointType")
    is_gateway = resource.type == ENDPOINT_TYPE and type_ in (None, "Gateway")
    if document is None and is_gateway:
        yield "policy is not set, must be one that names the accounts that may be written to"
    for index, statement in enumerate(list_statements(document)):
        if find_property(statement, "Effect") == "Allow" and _may_write_anywhere(statement):
            yield (
                f"policy.Statement.{index}.Resource is '*' for writes, must be named resources, or "
                "have a Condition on aws:ResourceAccount, aws:ResourceOrgID or who calls"
            )


def _may_write_anywhere(statement: Any) -> bool:
    actions = as_list(find_property(statement, "Action"))
    resources = find_property(statement, "Resource")
    if resources is UNKNOWN or bounds_destination(find_property(statement, "Condition")):
        return False
    has_every_resource = "NotResource" in statement or "*" in as_list(resources)
    return has_every_resource and ("NotAction" in statement or any(map(_is_writing, actions)))


def _is_writing(action: Any) -> bool:
    return not str(action).rpartition(":")[2].lower().startswith(READING_PREFIXES)


ENDPOINT_RULES: Final = (
    ResourceRule(
        "endpoint-bounded",
        ("house",),
        (ENDPOINT_TYPE, ENDPOINT_POLICY_TYPE),
        "Through an endpoint, only resources of known accounts are written to.",
        _check_endpoint_policy,
    ),
)
