"""IAM: no wildcards if AWS lets a policy name the resource."""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

from policy.rules.model import PolicyResource, ResourceRule, as_list, find_property, list_statements

# Actions for which AWS has no resource level (Service Authorization Reference, "Actions defined
# by" each service: no resource type in the row), or that only list and describe.
ACTIONS_WITHOUT_RESOURCE_LEVEL: Final = (
    "*:describe*",
    "*:list*",
    "ce:getcost*",
    "ce:getreservation*",
    "ce:getsavingsplans*",
    "cloudtrail:lookupevents",
    "cloudwatch:getmetric*",
    "cloudwatch:putmetricdata",
    "acm:requestcertificate",
    "ec2:getebsencryptionbydefault",
    "ec2messages:*",
    "ecr:getauthorizationtoken",
    "ecr:getregistryscanningconfiguration",
    "ecs:deregistertaskdefinition",
    "guardduty:getfindings",
    "inspector2:batchgetaccountstatus",
    "s3:getaccountpublicaccessblock",
    "iam:generatecredentialreport",
    "iam:getaccount*",
    "iam:getcredentialreport",
    "iam:getservicelastaccesseddetails",
    "logs:stopquery",  # names a query by its id
    "secretsmanager:getrandompassword",
    "ssm:getcommandinvocation",
    "ssmmessages:*",
    "servicequotas:getawsdefaultservicequota",
    "sts:getcalleridentity",
    "tag:getresources",
    "xray:put*",
)
# What the SSM agent calls for its own instance. Its id is not known when its role is made, so
# AWS's own policy, AmazonSSMManagedInstanceCore, has these on * too.
SSM_AGENT_ACTIONS: Final = (
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
# Every action of these services has no resource level: nothing narrower can be written.
ALLOWED_SERVICE_WILDCARDS: Final = frozenset({"ssmmessages:*", "ec2messages:*"})
IAM_POLICY_TYPES: Final = (
    "aws:iam/policy:Policy",
    "aws:iam/rolePolicy:RolePolicy",
    "aws:iam/userPolicy:UserPolicy",
    "aws:iam/groupPolicy:GroupPolicy",
    "aws:iam/role:Role",
    "aws:ssoadmin/permissionSetInlinePolicy:PermissionSetInlinePolicy",
)
ADMINISTRATOR_POLICIES: Final = ("AdministratorAccess", "IAMFullAccess", "PowerUserAccess")


def _list_allow_statements(resource: PolicyResource) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yields (path, statement) for each statement that allows something."""
    documents = [
        (name, find_property(resource.inputs, name)) for name in ("policy", "inlinePolicy")
    ]
    documents += [
        (f"inlinePolicies.{index}.policy", find_property(inline_policy, "policy"))
        for index, inline_policy in enumerate(
            as_list(find_property(resource.inputs, "inlinePolicies"))
        )
    ]
    for path, document in documents:
        for index, statement in enumerate(list_statements(document)):
            if statement.get("Effect") == "Allow":
                yield f"{path}.Statement.{index}", statement


def _list_actions(statement: Mapping[str, Any]) -> list[str]:
    return [str(action).lower() for action in as_list(statement.get("Action"))]


def _check_action_wildcards(resource: PolicyResource) -> Iterator[str]:
    for path, statement in _list_allow_statements(resource):
        if "NotAction" in statement:
            yield f"{path}.NotAction is set, must be Action: what it does not name, it allows"
        for action in _list_actions(statement):
            verb = action.partition(":")[2]
            if action == "*" or (not verb.strip("*") and action not in ALLOWED_SERVICE_WILDCARDS):
                yield f"{path}.Action is {action!r}, must be actions by name"


def _check_resource_wildcards(resource: PolicyResource) -> Iterator[str]:
    for path, statement in _list_allow_statements(resource):
        if "NotResource" in statement:
            yield f"{path}.NotResource is set, must be Resource: what it does not name, it allows"
        if "*" not in as_list(statement.get("Resource")):
            continue
        scopable_actions = [
            action
            for action in _list_actions(statement)
            if action != "iam:passrole"  # a rule of its own
            and not any(
                fnmatchcase(action, pattern)
                for pattern in (*ACTIONS_WITHOUT_RESOURCE_LEVEL, *SSM_AGENT_ACTIONS)
            )
        ]
        if scopable_actions:
            yield (
                f"{path}.Resource is '*', must be ARNs: AWS has them for "
                f"{', '.join(scopable_actions[:4])}"
            )


def _check_pass_role(resource: PolicyResource) -> Iterator[str]:
    for path, statement in _list_allow_statements(resource):
        passes_roles = any(
            fnmatchcase("iam:passrole", action) for action in _list_actions(statement)
        )
        for target in as_list(statement.get("Resource")) if passes_roles else ():
            if isinstance(target, str) and (target == "*" or target.endswith(":role/*")):
                yield f"{path}.Resource is {target!r}, must be ARNs of roles to pass"


def _check_administrator_policies(resource: PolicyResource) -> Iterator[str]:
    policy_arns = [
        find_property(resource.inputs, "policyArn"),
        find_property(resource.inputs, "managedPolicyArn"),
        *as_list(find_property(resource.inputs, "policyArns")),
        *as_list(find_property(resource.inputs, "managedPolicyArns")),
    ]
    for arn in policy_arns:
        if isinstance(arn, str) and arn.rsplit("/", 1)[-1] in ADMINISTRATOR_POLICIES:
            yield f"policyArn is {arn!r}, must be a policy that names what its holder needs"


IAM_RULES = (
    ResourceRule(
        "no-action-wildcards",
        ("IAM.1", "IAM.21"),
        IAM_POLICY_TYPES,
        "A policy names its actions.",
        _check_action_wildcards,
    ),
    ResourceRule(
        "no-resource-wildcards",
        ("IAM.1",),
        IAM_POLICY_TYPES,
        "A policy names its resources if AWS supports that for the action.",
        _check_resource_wildcards,
    ),
    ResourceRule(
        "pass-role-by-name",
        ("house",),
        IAM_POLICY_TYPES,
        "iam:PassRole names the roles that it hands on.",
        _check_pass_role,
    ),
    ResourceRule(
        "no-administrators",
        ("IAM.1",),
        (
            "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
            "aws:iam/userPolicyAttachment:UserPolicyAttachment",
            "aws:iam/groupPolicyAttachment:GroupPolicyAttachment",
            "aws:iam/policyAttachment:PolicyAttachment",
            "aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive",
            "aws:iam/userPolicyAttachmentsExclusive:UserPolicyAttachmentsExclusive",
            "aws:iam/groupPolicyAttachmentsExclusive:GroupPolicyAttachmentsExclusive",
            "aws:ssoadmin/managedPolicyAttachment:ManagedPolicyAttachment",
            "aws:iam/role:Role",
        ),
        "No policy that allows everything is attached.",
        _check_administrator_policies,
    ),
)
