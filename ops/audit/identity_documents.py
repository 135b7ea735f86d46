"""The account's roles, users, groups and policies as IAM has them, all in one read."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ops.core.checks import ReadAnswer, ReadRequest, build_read, get_answer_items
from ops.outputs import Outputs

AUTHORIZATION_API: Final = "iam.get_account_authorization_details"
# The answer's lists, and the filter that each is of: AWS pages through one at a time.
AUTHORIZATION_LISTS: Final[Mapping[str, str]] = {
    "UserDetailList": "User",
    "RoleDetailList": "Role",
    "GroupDetailList": "Group",
    "Policies": "LocalManagedPolicy",
}
# Roles that AWS's own services own; nobody else can change them.
SERVICE_ROLE_PATHS: Final = ("/aws-service-role/", "/aws-reserved/")
_INLINE: Final = (
    ("RoleDetailList", "role", "RoleName", "RolePolicyList"),
    ("UserDetailList", "user", "UserName", "UserPolicyList"),
    ("GroupDetailList", "group", "GroupName", "GroupPolicyList"),
)


@dataclass(frozen=True)
class PolicyDocument:
    """A policy that is in force: `holder` is who has it, `policy` the ARN of a managed one."""

    kind: str
    holder: str
    name: str
    document: Mapping[str, Any]
    policy: str = ""


def build_authorization_reads() -> list[ReadRequest]:
    """The reads of everybody in the account and the policies they have, over all pages."""
    return [
        build_read(AUTHORIZATION_API, field, Filter=[kind])
        for field, kind in AUTHORIZATION_LISTS.items()
    ]


def get_authorization(answers: Sequence[ReadAnswer]) -> Mapping[str, Any]:
    """The lists by their names. Raises UnknownAnswerError if one had no answer."""
    return {
        field: get_answer_items(answer)
        for field, answer in zip(AUTHORIZATION_LISTS, answers, strict=True)
    }


def list_roles(authorization: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The roles, without those of AWS's services."""
    return [
        role
        for role in authorization.get("RoleDetailList", ())
        if not str(role["Path"]).startswith(SERVICE_ROLE_PATHS)
    ]


def list_policy_documents(authorization: Mapping[str, Any]) -> Iterator[PolicyDocument]:
    """Inline policies, and the account's own managed ones that are attached to anybody."""
    roles = {role["RoleName"] for role in list_roles(authorization)}
    for field, kind, name, policies in _INLINE:
        for holder in authorization.get(field, ()):
            if kind != "role" or holder[name] in roles:
                for policy in holder.get(policies, ()):
                    yield PolicyDocument(
                        kind, holder[name], policy["PolicyName"], policy["PolicyDocument"]
                    )
    managed = {
        str(policy["Arn"]): version["Document"]
        for policy in authorization.get("Policies", ())
        for version in policy.get("PolicyVersionList", ())
        if version["IsDefaultVersion"]
    }
    for kind, holder, arn in list_attachments(authorization):
        if arn in managed and (kind != "role" or holder in roles):
            yield PolicyDocument(kind, holder, arn.rpartition("/")[2], managed[arn], arn)


def list_attachments(authorization: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Who has which managed policy: kind and name of the holder, ARN of the policy."""
    for field, kind, name, _ in _INLINE:
        for holder in authorization.get(field, ()):
            for policy in holder.get("AttachedManagedPolicies", ()):
                yield kind, str(holder[name]), str(policy["PolicyArn"])


def list_statements(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The statements that allow something; IAM takes one alone as well as a list."""
    statements = list_values(document.get("Statement", ()))
    return [statement for statement in statements if statement.get("Effect") == "Allow"]


def list_values(value: Any) -> list[Any]:
    """A value of IAM's JSON that is one or a list of them, as a list."""
    return list(value) if isinstance(value, list | tuple) else [value]


def describe_owner(outputs: Outputs, name: str, tags: Sequence[Mapping[str, str]] = ()) -> str:
    """Whose it is, by its tags or its name: this stack's, another's, or nobody knows."""
    stack = outputs.stack
    values = {tag["Key"]: tag["Value"] for tag in tags}
    if values.get("Project") == stack.project and "Environment" in values:
        return "" if values["Environment"] == stack.stack else f"of {values['Environment']}"
    return "" if name.startswith(f"{stack.project}-{stack.stack}-") else "not of this stack"
