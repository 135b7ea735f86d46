"""IAM policies of a stack's deployment: what it may, and the boundary of every role it makes.

Sources: IAM User Guide, "Permissions boundaries for IAM entities" (delegating with a boundary);
Service Authorization Reference of IAM (which actions have `iam:PermissionsBoundary`), Route 53
("Using IAM policy conditions for fine-grained access control", names without a trailing dot) and
WAFv2 (an ARN names its web ACL).
"""

from typing import Final

from pydantic import JsonValue

from ops.bootstrap.names import ALL_SECRETS, FoundationNames
from ops.bootstrap.policies import (
    STACK_SERVICES,
    PolicyDocument,
    build_alias_condition,
    build_iam_policy,
    build_iam_statement,
    build_other_project_condition,
    build_other_stack_condition,
    list_key_arns,
    list_state_bucket_arns,
    list_state_object_arns,
)
from ops.permissions.grants import USER_TAG

# What gives a role permissions, and takes `iam:PermissionsBoundary` as a condition.
BOUNDED_ACTIONS: Final = (
    "iam:AttachRolePolicy",
    "iam:CreateRole",
    "iam:PutRolePermissionsBoundary",
    "iam:PutRolePolicy",
)
# AWS's policies that no role of a stack has a use for, boundary or not.
REFUSED_POLICIES: Final = (
    "AdministratorAccess*",
    "IAMFullAccess",
    "PowerUserAccess",
    "job-function/*",
)
KEY_CHANGE_ACTIONS: Final = (
    "kms:CreateGrant",
    "kms:Delete*",
    "kms:Disable*",
    "kms:Put*",
    "kms:ScheduleKeyDeletion",
    "kms:Update*",
)
# What no role of a stack may, whatever its policies say.
ADMINISTRATION_ACTIONS: Final = (
    "account:*",
    "iam:*",
    "identitystore:*",
    "organizations:*",
    "route53:*",
    "sso:*",
    "sts:Assume*",
)
# Of hosted zones, beside their records. A zone with records cannot be deleted.
ZONE_ACTIONS: Final = (
    "route53:ChangeTagsForResource",
    "route53:CreateHostedZone",
    "route53:DeleteHostedZone",
    "route53:Get*",
    "route53:List*",
)


def build_deploy_policy(names: FoundationNames, stack: str) -> PolicyDocument:
    """Builds the policy of a stack's deployment: its services, its names and its state.

    Resources tagged by other stacks, of the project or of another one in the account, and changes
    of any foundation are denied. Each role that it makes must have the boundary, so that it cannot
    make an administrator.
    """
    prefix = f"{names.project}-{stack}"
    stack_arns = [
        names.build_iam_arn(f"{kind}/{prefix}-*") for kind in ("role", "policy", "instance-profile")
    ]
    boundary_condition: dict[str, JsonValue] = {
        "StringNotEquals": {"iam:PermissionsBoundary": names.build_boundary_arn(stack)}
    }
    administrator_arns: list[JsonValue] = [
        f"arn:{names.partition}:iam::aws:policy/{name}" for name in REFUSED_POLICIES
    ]
    return build_iam_policy(
        build_iam_statement(
            "Allow",
            [f"{service}:*" for service in STACK_SERVICES],
            ["*"],
            {"StringEquals": {"aws:RequestedRegion": list(names.regions)}},
        ),
        build_iam_statement(
            "Allow",
            [
                *ZONE_ACTIONS,
                *(f"wafv2:{verb}*" for verb in ("Describe", "Get", "List")),
                "iam:Get*",
                "iam:List*",
                "s3:ListAllMyBuckets",
            ],
            ["*"],
        ),
        *_build_record_statements(names, stack),
        build_iam_statement("Allow", ["wafv2:*"], _list_web_acl_arns(names, prefix)),
        build_iam_statement("Allow", ["iam:*"], stack_arns),
        build_iam_statement(
            "Allow",
            ["iam:CreateServiceLinkedRole"],
            [names.build_iam_arn("role/aws-service-role/*")],
        ),
        build_iam_statement("Deny", BOUNDED_ACTIONS, ["*"], boundary_condition),
        build_iam_statement("Deny", ["iam:DeleteRolePermissionsBoundary"], ["*"]),
        build_iam_statement(
            "Deny",
            ["iam:AttachRolePolicy"],
            ["*"],
            {"ArnLike": {"iam:PolicyARN": administrator_arns}},
        ),
        build_iam_statement("Allow", ["s3:*"], [f"arn:{names.partition}:s3:::{prefix}-*"]),
        build_iam_statement(
            "Allow", ["s3:ListBucket", "s3:GetBucketLocation"], list_state_bucket_arns(names)
        ),
        build_iam_statement(
            "Allow", ["s3:GetObject"], list_state_object_arns(names, stack, with_shared=True)
        ),
        build_iam_statement(
            "Allow", ["s3:PutObject", "s3:DeleteObject"], list_state_object_arns(names, stack)
        ),
        build_iam_statement("Deny", ["*"], ["*"], build_other_stack_condition(names, stack)),
        build_iam_statement("Deny", ["*"], ["*"], build_other_project_condition(names)),
        build_iam_statement(  # the foundation of another project tags its keys with its name
            "Deny",
            ["kms:*"],
            list_key_arns(names),
            {
                "StringNotEquals": {"aws:ResourceTag/Project": names.project},
                "Null": {"aws:ResourceTag/Project": "false"},
            },
        ),
        build_iam_statement(
            "Deny",
            KEY_CHANGE_ACTIONS,
            list_key_arns(names),
            build_alias_condition(names, "state", ALL_SECRETS),
        ),
        _build_other_secrets_statement(names, stack),
        {  # a dashboard has no tags
            "Effect": "Deny",
            "Action": ["cloudwatch:DeleteDashboards", "cloudwatch:PutDashboard"],
            "NotResource": [
                f"arn:{names.partition}:cloudwatch::{names.account}:dashboard/{prefix}*"
            ],
        },
    )


def build_boundary_policy(names: FoundationNames, stack: str) -> PolicyDocument:
    """Builds the boundary of every role that a stack makes: at most this, if its policies allow it.

    Applications may use any service. No role may change IAM, pass or assume a role of another
    stack or of the foundation, or reach what another stack has tagged, named or encrypted.
    """
    prefix, bucket_arn = f"{names.project}-{stack}", f"arn:{names.partition}:s3:::{names.project}"
    return build_iam_policy(
        {
            "Effect": "Allow",
            "NotAction": list[JsonValue]([*ADMINISTRATION_ACTIONS, "s3:*"]),
            "Resource": "*",
        },
        {"Effect": "Allow", "Action": ["s3:*"], "NotResource": [f"{bucket_arn}-*"]},
        build_iam_statement("Allow", ["s3:*"], [f"{bucket_arn}-{stack}-*"]),
        build_iam_statement(
            "Allow",
            ["iam:GetRole", "iam:ListRolePolicies", "iam:PassRole"],
            [names.build_iam_arn(f"role/{prefix}-*")],
        ),
        build_iam_statement(
            "Allow",
            ["iam:GenerateServiceLastAccessedDetails"],
            [
                names.build_iam_arn(f"role/{name}")
                for name in (
                    f"{prefix}-*",
                    f"{names.project}-deploy-{stack}",
                    f"{names.project}-operate-{stack}",
                )
            ],
        ),
        # What an audit of the account reads, and the role that a request for more of a quota makes.
        build_iam_statement(
            "Allow",
            [
                "iam:GenerateCredentialReport",
                "iam:GetAccount*",
                "iam:GetCredentialReport",
                "iam:GetServiceLastAccessedDetails",
            ],
            ["*"],
        ),
        *_build_access_key_statements(names, prefix),
        build_iam_statement(
            "Allow",
            ["iam:CreateServiceLinkedRole"],
            [names.build_iam_arn("role/aws-service-role/servicequotas.amazonaws.com/*")],
        ),
        {
            "Effect": "Allow",
            "Action": ["sts:AssumeRole"],
            "NotResource": [names.build_iam_arn(f"role/{names.project}-*")],
        },
        build_iam_statement("Allow", ["route53:Get*", "route53:List*"], ["*"]),
        *_build_record_statements(names, stack),
        build_iam_statement("Deny", ["*"], ["*"], build_other_stack_condition(names, stack)),
        build_iam_statement(
            "Deny", ["kms:*"], ["*"], build_alias_condition(names, "state", ALL_SECRETS)
        ),
    )


def _build_access_key_statements(names: FoundationNames, prefix: str) -> list[PolicyDocument]:
    """Builds the right to rotate keys of the users that are tagged for the stack, and of no other.

    Whoever may create a key of a user can do what the user can, which no boundary limits.
    """
    users = [names.build_iam_arn("user/*")]
    return [
        build_iam_statement(
            "Allow",
            ["iam:GetAccessKeyLastUsed", "iam:ListAccessKeys", "iam:ListUserTags"],
            users,
        ),
        build_iam_statement(
            "Allow",
            ["iam:CreateAccessKey", "iam:DeleteAccessKey", "iam:UpdateAccessKey"],
            users,
            {"StringEquals": {f"aws:ResourceTag/{USER_TAG}": prefix}},
        ),
    ]


def _build_record_statements(names: FoundationNames, stack: str) -> list[PolicyDocument]:
    """Builds the right to the records of a stack's domain, in whatever zone; none without one."""
    domain = names.get_domain(stack)
    if domain is None:
        return []
    key = "route53:ChangeResourceRecordSetsNormalizedRecordNames"
    return [
        build_iam_statement(
            "Allow",
            ["route53:ChangeResourceRecordSets"],
            [f"arn:{names.partition}:route53:::hostedzone/*"],
            {
                "ForAllValues:StringLike": {key: [domain, f"*.{domain}"]},
                "Null": {key: "false"},
            },
        )
    ]


def _list_web_acl_arns(names: FoundationNames, prefix: str) -> list[str]:
    """Lists the stack's web ACLs, and the load balancers and rule groups that they refer to."""
    return [
        arn
        for region in names.regions
        for arn in (
            f"arn:{names.partition}:wafv2:{region}:{names.account}:regional/*/{prefix}-*/*",
            f"arn:{names.partition}:wafv2:{region}:*:regional/managedruleset/*/*",
            f"arn:{names.partition}:elasticloadbalancing:{region}:{names.account}:"
            f"loadbalancer/app/{prefix}-*/*",
        )
    ]


def _build_other_secrets_statement(names: FoundationNames, stack: str) -> PolicyDocument:
    """Denies the keys of the secrets in the states of other stacks."""
    own_alias = names.get_key_alias(names.get_secrets_purpose(stack))
    condition = build_alias_condition(names, ALL_SECRETS)
    condition["ForAllValues:StringNotEquals"] = {"kms:ResourceAliases": own_alias}
    return build_iam_statement("Deny", ["kms:*"], ["*"], condition)
