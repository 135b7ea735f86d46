"""The policy of a resource itself, as the simulation of a principal's request needs it.

AWS's simulator reads none, and takes one for users only (IAM API reference,
SimulatePrincipalPolicy: "Simulation of resource-based policies isn't supported for IAM roles"). A
statement that denies does the same in any policy, so for a role those that deny it are handed over
as a policy of its own.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Final

from botocore.exceptions import ClientError
from pydantic import JsonValue

from ops.audit.identity_documents import list_values
from ops.audit.simulated_principal import Principal
from ops.audit.simulated_request import SimulatedResource
from ops.core.aws import Aws, get_error_code
from ops.core.errors import OpsError
from ops.permissions.resources import ALL_RESOURCES

_ABSENT_CODES: Final = ("NoSuchBucketPolicy",)
_MISSING_CODES: Final = (
    "NoSuchBucket",
    "NotFound",
    "NotFoundException",
    "QueueDoesNotExist",
    "AWS.SimpleQueueService.NonExistentQueue",
    "ResourceNotFoundException",
)
POLICY_NAMES: Final[Mapping[str, str]] = {
    "kms": "the key's policy",
    "s3": "the bucket's policy",
    "secretsmanager": "the secret's policy",
    "sns": "the topic's policy",
    "sqs": "the queue's policy",
}


@dataclass(frozen=True)
class ResourcePolicy:
    """The policy of a resource: its text, empty if it has none, or why it is not known."""

    name: str = ""
    text: str = ""
    gap: str = ""
    statements: list[Mapping[str, Any]] = field(default_factory=list)


def read_resource_policy(aws: Aws, resource: SimulatedResource) -> ResourcePolicy:
    """Reads the policy of a resource, if its service has such policies that ops may read."""
    name = POLICY_NAMES.get(resource.service)
    if name is None:
        return ResourcePolicy()
    try:
        text = _read_text(aws, resource)
    except OpsError as error:
        return ResourcePolicy(name, gap=f"{name} is not known: {error}")
    except ClientError as error:
        code = get_error_code(error)
        if code in _ABSENT_CODES:
            return ResourcePolicy(name)
        if code in _MISSING_CODES:
            return ResourcePolicy(name, gap=f"{resource.arn} is not there ({code})")
        return ResourcePolicy(name, gap=f"{name} is not known: {error}")
    statements = list_values(json.loads(text).get("Statement", ())) if text else []
    return ResourcePolicy(name, text, "", statements)


def _read_text(aws: Aws, resource: SimulatedResource) -> str:
    arn, tail = resource.arn, resource.arn.split(":", 5)[5]
    region = resource.arn.split(":")[3] or None
    answer: Any
    params: dict[str, JsonValue]
    match resource.service:
        case "s3":
            answer = aws.call("s3.get_bucket_policy", {"Bucket": tail.partition("/")[0]})
            return str(answer["Policy"])
        case "kms":
            params = {"KeyId": arn, "PolicyName": "default"}
            answer = aws.call("kms.get_key_policy", params, region)
            return str(answer["Policy"])
        case "secretsmanager":
            answer = aws.call("secretsmanager.get_resource_policy", {"SecretId": arn}, region)
            return str(answer.get("ResourcePolicy") or "")
        case "sns":
            answer = aws.call("sns.get_topic_attributes", {"TopicArn": arn}, region)
            return str(answer["Attributes"].get("Policy") or "")
    params = {"QueueName": tail, "QueueOwnerAWSAccountId": resource.account}
    answer = aws.call("sqs.get_queue_url", params, region)
    params = {"QueueUrl": answer["QueueUrl"], "AttributeNames": ["Policy"]}
    answer = aws.call("sqs.get_queue_attributes", params, region)
    return str((answer.get("Attributes") or {}).get("Policy") or "")


def build_denials(policy: ResourcePolicy, principal: Principal) -> str:
    """The statements that deny the principal, as a policy of its own; empty if there is none."""
    denials = [
        {key: value for key, value in statement.items() if not key.endswith("Principal")}
        for statement in policy.statements
        if statement.get("Effect") == "Deny" and is_about(statement, principal)
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": denials}) if denials else ""


def find_grants(policy: ResourcePolicy, principal: Principal, action: str) -> list[int]:
    """Positions, from 1, of the statements that allow the action to the principal by its name.

    Those are enough without a policy of its own, in the same account (IAM User Guide, "Policy
    evaluation logic"). A statement that names the account leaves it to the account's policies.
    """
    return [
        number
        for number, statement in enumerate(policy.statements, 1)
        if statement.get("Effect") == "Allow"
        and _is_of_action(statement, action)
        and is_about(statement, principal, by_account=False)
    ]


def is_left_to_account(policy: ResourcePolicy, principal: Principal, action: str) -> bool:
    """True if a key's policy lets the account's own policies allow the action.

    Without it they do not count (KMS Developer Guide, "Default key policy").
    """
    return any(
        statement.get("Effect") == "Allow"
        and _is_of_action(statement, action)
        and is_about(statement, principal)
        for statement in policy.statements
    )


def is_about(
    statement: Mapping[str, Any], principal: Principal, *, by_account: bool = True
) -> bool:
    """True if a statement's principals hold this one: by name, by its account, or all."""
    if "NotPrincipal" in statement:
        return not _has_principal(statement["NotPrincipal"], principal, by_account=False)
    return _has_principal(statement.get("Principal", {}), principal, by_account=by_account)


def _has_principal(element: Any, principal: Principal, *, by_account: bool) -> bool:
    values = element.get("AWS", ()) if isinstance(element, Mapping) else element
    partition, account = principal.arn.split(":")[1], principal.arn.split(":")[4]
    names = {ALL_RESOURCES, principal.arn}
    if by_account:
        names |= {account, f"arn:{partition}:iam::{account}:root"}
    return any(str(value) in names for value in list_values(values))


def _is_of_action(statement: Mapping[str, Any], action: str) -> bool:
    name = "NotAction" if "NotAction" in statement else "Action"
    is_named = any(
        fnmatchcase(action.lower(), str(pattern).lower())
        for pattern in list_values(statement.get(name, ()))
    )
    return is_named is (name == "Action")
