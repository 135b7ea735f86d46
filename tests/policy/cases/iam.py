"""Cases of the rules of policy/rules/iam.py: inputs alone."""

from typing import Final

from tests.policy.cases.model import (
    ALL_ROLES,
    IAM_POLICY_TYPE,
    ROLE_POLICY_ATTACHMENT_TYPE,
    RuleCase,
    build_allow_statement,
    build_policy_properties,
)

IAM_CASES: Final[dict[str, RuleCase]] = {
    "no-action-wildcards": RuleCase(
        IAM_POLICY_TYPE,
        build_policy_properties(
            build_allow_statement(["s3:GetObject", "s3:List*"], "arn:aws:s3:::b/*")
        ),
        {
            "policy.Statement.0.Action is '*'": build_policy_properties(
                build_allow_statement("*", "arn:aws:s3:::b")
            ),
            "policy.Statement.0.Action is 's3:*'": build_policy_properties(
                build_allow_statement(["s3:*"], "arn:aws:s3:::b")
            ),
            "policy.Statement.0.NotAction is set": build_policy_properties(
                {"Effect": "Allow", "NotAction": "iam:*", "Resource": "arn:aws:s3:::b"}
            ),
        },
    ),
    "no-resource-wildcards": RuleCase(
        IAM_POLICY_TYPE,
        build_policy_properties(
            build_allow_statement(["rds:DescribeDBInstances", "ecr:GetAuthorizationToken"], "*"),
            build_allow_statement("s3:GetObject", "arn:aws:s3:::b/*"),
        ),
        {
            "policy.Statement.0.Resource is '*'": build_policy_properties(
                build_allow_statement("s3:GetObject", "*")
            ),
            "policy.Statement.1.Resource is '*'": build_policy_properties(
                build_allow_statement("s3:GetObject", "arn:aws:s3:::b/*"),
                build_allow_statement(["kms:Decrypt"], ["*"]),
            ),
            "policy.Statement.0.NotResource is set": build_policy_properties(
                {"Effect": "Allow", "Action": "s3:GetObject", "NotResource": "arn:aws:s3:::b"}
            ),
        },
    ),
    "pass-role-by-name": RuleCase(
        IAM_POLICY_TYPE,
        build_policy_properties(
            build_allow_statement("iam:PassRole", "arn:aws:iam::123456789012:role/task")
        ),
        {
            "policy.Statement.0.Resource is '*'": build_policy_properties(
                build_allow_statement("iam:PassRole", "*")
            ),
            f"policy.Statement.0.Resource is {ALL_ROLES!r}": build_policy_properties(
                build_allow_statement("iam:Pass*", ALL_ROLES)
            ),
        },
    ),
    "no-administrators": RuleCase(
        ROLE_POLICY_ATTACHMENT_TYPE,
        {"policyArn": "arn:aws:iam::aws:policy/CloudWatchReadOnlyAccess"},
        {"policyArn is": {"policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}},
    ),
}
