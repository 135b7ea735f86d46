"""IAM: no wildcards where AWS lets a policy name the thing."""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

from policy.rules.model import Resource, Rule, at, listed, statements

# Actions for which AWS has no resource level (Service Authorization Reference, "Actions defined
# by" each service: no resource type in the row), or that only list and describe.
WITHOUT_LEVEL: Final = (
    "*:describe*",
    "*:list*",
    "cloudwatch:getmetric*",
    "cloudwatch:putmetricdata",
    "ec2messages:*",
    "ecr:getauthorizationtoken",
    "secretsmanager:getrandompassword",
    "ssm:getcommandinvocation",
    "ssmmessages:*",
    "sts:getcalleridentity",
    "tag:getresources",
    "xray:put*",
)
# What the SSM agent calls for its own instance. Its id is not known when its role is made, so
# AWS's own policy, AmazonSSMManagedInstanceCore, has these on * too.
AGENT: Final = (
    "ssm:getdeployablepatchsnapshotforinstance",
    "ssm:getdocument",
    "ssm:getmanifest",
    "ssm:putcomplianceitems",
    "ssm:putconfigurepackageresult",
    "ssm:putinventory",
    "ssm:updateassociationstatus",
    "ssm:updateinstanceassociationstatus",
    "ssm:updateinstanceinformation",
)
# Of these every action is one: there is nothing narrower to write.
WHOLE_SERVICES: Final = frozenset({"ssmmessages:*", "ec2messages:*"})
POLICIES: Final = (
    "aws:iam/policy:Policy",
    "aws:iam/rolePolicy:RolePolicy",
    "aws:iam/userPolicy:UserPolicy",
    "aws:iam/groupPolicy:GroupPolicy",
    "aws:iam/role:Role",
)
ADMINISTRATORS: Final = ("AdministratorAccess", "IAMFullAccess", "PowerUserAccess")


def _allowed(resource: Resource) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(path, statement) of each statement that allows something."""
    documents = [("policy", at(resource.props, "policy"))]
    documents += [
        (f"inlinePolicies.{index}.policy", at(inline, "policy"))
        for index, inline in enumerate(listed(at(resource.props, "inlinePolicies")))
    ]
    for path, document in documents:
        for index, statement in enumerate(statements(document)):
            if statement.get("Effect") == "Allow":
                yield f"{path}.Statement.{index}", statement


def _actions(statement: Mapping[str, Any]) -> list[str]:
    return [str(action).lower() for action in listed(statement.get("Action"))]


def _wild_actions(resource: Resource) -> Iterator[str]:
    for path, statement in _allowed(resource):
        if "NotAction" in statement:
            yield f"{path}.NotAction is set, may be Action: what it does not name, it allows"
        for action in _actions(statement):
            verb = action.partition(":")[2]
            if action == "*" or (not verb.strip("*") and action not in WHOLE_SERVICES):
                yield f"{path}.Action is {action!r}, may be actions by name"


def _wild_resources(resource: Resource) -> Iterator[str]:
    for path, statement in _allowed(resource):
        if "NotResource" in statement:
            yield f"{path}.NotResource is set, may be Resource: what it does not name, it allows"
        if "*" not in listed(statement.get("Resource")):
            continue
        narrow = [
            action
            for action in _actions(statement)
            if action != "iam:passrole"  # a rule of its own
            and not any(fnmatchcase(action, pattern) for pattern in (*WITHOUT_LEVEL, *AGENT))
        ]
        if narrow:
            yield f"{path}.Resource is '*', may be ARNs: AWS has them for {', '.join(narrow[:4])}"


def _pass_role(resource: Resource) -> Iterator[str]:
    for path, statement in _allowed(resource):
        passes = any(fnmatchcase("iam:passrole", action) for action in _actions(statement))
        for target in listed(statement.get("Resource")) if passes else ():
            if isinstance(target, str) and (target == "*" or target.endswith(":role/*")):
                yield f"{path}.Resource is {target!r}, may be ARNs of roles to pass"


def _administrator(resource: Resource) -> Iterator[str]:
    attached = [at(resource.props, "policyArn"), *listed(at(resource.props, "managedPolicyArns"))]
    for arn in attached:
        if isinstance(arn, str) and arn.rsplit("/", 1)[-1] in ADMINISTRATORS:
            yield f"policyArn is {arn!r}, may be a policy that names what its holder needs"


RULES = (
    Rule(
        "no-action-wildcards",
        ("IAM.1", "IAM.21"),
        POLICIES,
        "A policy names its actions.",
        _wild_actions,
    ),
    Rule(
        "no-resource-wildcards",
        ("IAM.1",),
        POLICIES,
        "A policy names its resources, where AWS has them.",
        _wild_resources,
    ),
    Rule(
        "pass-role-by-name",
        ("house",),
        POLICIES,
        "iam:PassRole names the roles that it hands on.",
        _pass_role,
    ),
    Rule(
        "no-administrators",
        ("IAM.1",),
        (
            "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
            "aws:iam/userPolicyAttachment:UserPolicyAttachment",
            "aws:iam/role:Role",
        ),
        "Nothing is attached that allows everything.",
        _administrator,
    ),
)
