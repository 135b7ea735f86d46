"""What the roles of `ops bootstrap` may, by their policies, and that IAM has room for these."""

from dataclasses import replace

import pytest

from ops.bootstrap.deployment_policy import build_boundary_policy, build_deploy_policy
from ops.bootstrap.names import FoundationNames, RepositoryIds
from ops.bootstrap.policies import build_preview_policy
from ops.bootstrap.roles import list_foundation_roles
from ops.permissions.policies import MAX_POLICY_CHARACTERS, serialize_policy
from sandbox.policy_evaluation import is_action_allowed
from tests.ops.procedures.bootstrap import FOUNDATION_NAMES
from tests.ops.stage import ACCOUNT, REGION

INLINE_POLICY_CHARACTERS = (
    10_240  # characters of a role's inline policies without white space (IAM quotas)
)
STATE_BUCKET_ARN = f"arn:aws:s3:::bulwark-state-{ACCOUNT}"
IAM_PREFIX = f"arn:aws:iam::{ACCOUNT}"
OUTPUTS_ARN = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/bulwark/dev/outputs"
REGION_CONTEXT = {"aws:RequestedRegion": REGION}
PROJECT_CONTEXT = {"aws:ResourceTag/Project": "bulwark"}
TWO_STACKS = replace(
    FOUNDATION_NAMES, environments=("dev", "prod"), domains=(("dev", "dev.example.com"),)
)
BOUNDED = {"iam:PermissionsBoundary": TWO_STACKS.build_boundary_arn("dev")}
OTHERWISE_BOUNDED = {"iam:PermissionsBoundary": TWO_STACKS.build_boundary_arn("prod")}
RECORD_NAMES_KEY = "route53:ChangeResourceRecordSetsNormalizedRecordNames"


@pytest.mark.parametrize(
    ("action", "arn", "context", "may"),
    [
        (
            "rds:ModifyDBInstance",
            "arn:aws:rds:x:1:db:bulwark-dev-database",
            {**REGION_CONTEXT, **PROJECT_CONTEXT, "aws:ResourceTag/Environment": "dev"},
            True,
        ),
        (
            "rds:DeleteDBInstance",
            "arn:aws:rds:x:1:db:bulwark-prod-database",
            {**REGION_CONTEXT, **PROJECT_CONTEXT, "aws:ResourceTag/Environment": "prod"},
            False,
        ),
        ("ec2:CreateVpc", "*", REGION_CONTEXT, True),
        ("ec2:CreateVpc", "*", {"aws:RequestedRegion": "us-west-2"}, False),
        ("iam:CreateRole", f"{IAM_PREFIX}:role/bulwark-dev-fleet-instance", BOUNDED, True),
        ("iam:PutRolePolicy", f"{IAM_PREFIX}:role/bulwark-dev-fleet-instance", BOUNDED, True),
        ("iam:CreateRole", f"{IAM_PREFIX}:role/bulwark-dev-x", {}, False),
        ("iam:CreateRole", f"{IAM_PREFIX}:role/bulwark-dev-x", OTHERWISE_BOUNDED, False),
        ("iam:PutRolePolicy", f"{IAM_PREFIX}:role/bulwark-dev-x", {}, False),
        ("iam:PutRolePermissionsBoundary", f"{IAM_PREFIX}:role/bulwark-dev-x", BOUNDED, True),
        (
            "iam:PutRolePermissionsBoundary",
            f"{IAM_PREFIX}:role/bulwark-dev-x",
            OTHERWISE_BOUNDED,
            False,
        ),
        ("iam:DeleteRolePermissionsBoundary", f"{IAM_PREFIX}:role/bulwark-dev-x", BOUNDED, False),
        ("iam:CreatePolicyVersion", f"{IAM_PREFIX}:policy/bulwark-boundary-dev", {}, False),
        (
            "iam:AttachRolePolicy",
            f"{IAM_PREFIX}:role/bulwark-dev-x",
            {**BOUNDED, "iam:PolicyARN": "arn:aws:iam::aws:policy/AdministratorAccess"},
            False,
        ),
        (
            "iam:AttachRolePolicy",
            f"{IAM_PREFIX}:role/bulwark-dev-x",
            {**BOUNDED, "iam:PolicyARN": f"{IAM_PREFIX}:policy/bulwark-dev-reader-data"},
            True,
        ),
        (
            "route53:ChangeResourceRecordSets",
            "arn:aws:route53:::hostedzone/Z1",
            {RECORD_NAMES_KEY: "app.dev.example.com"},
            True,
        ),
        (
            "route53:ChangeResourceRecordSets",
            "arn:aws:route53:::hostedzone/Z1",
            {RECORD_NAMES_KEY: "app.example.com"},
            False,
        ),
        ("route53:ChangeResourceRecordSets", "arn:aws:route53:::hostedzone/Z1", {}, False),
        (
            "wafv2:UpdateWebACL",
            f"arn:aws:wafv2:{REGION}:{ACCOUNT}:regional/webacl/bulwark-dev-waf/1",
            {},
            True,
        ),
        (
            "wafv2:DeleteWebACL",
            f"arn:aws:wafv2:{REGION}:{ACCOUNT}:regional/webacl/bulwark-prod-waf/1",
            {},
            False,
        ),
        ("iam:CreateRole", f"{IAM_PREFIX}:role/bulwark-prod-fleet-instance", {}, False),
        ("iam:UpdateAssumeRolePolicy", f"{IAM_PREFIX}:role/bulwark-deploy-dev", {}, False),
        ("iam:PutRolePolicy", f"{IAM_PREFIX}:role/bulwark-preview", {}, False),
        ("iam:CreateUser", f"{IAM_PREFIX}:user/somebody", {}, False),
        ("iam:CreateAccessKey", f"{IAM_PREFIX}:user/somebody", {}, False),
        ("iam:DeleteOpenIDConnectProvider", FOUNDATION_NAMES.oidc_provider_arn, {}, False),
        ("s3:PutObject", f"{STATE_BUCKET_ARN}/.pulumi/stacks/bulwark/dev.json", {}, True),
        (
            "s3:PutObject",
            f"{STATE_BUCKET_ARN}/.pulumi/locks/organization/bulwark/dev/x.json",
            {},
            True,
        ),
        ("s3:PutObject", f"{STATE_BUCKET_ARN}/.pulumi/stacks/bulwark/prod.json", {}, False),
        ("s3:GetObject", f"{STATE_BUCKET_ARN}/.pulumi/meta.yaml", {}, True),
        ("s3:GetObject", f"{STATE_BUCKET_ARN}/.pulumi/stacks/bulwark/dev.json", {}, True),
        ("s3:GetObject", f"{STATE_BUCKET_ARN}/.pulumi/stacks/bulwark/prod.json", {}, False),
        ("s3:GetObject", f"{STATE_BUCKET_ARN}/.pulumi/backups/bulwark/prod/x.json", {}, False),
        ("s3:PutBucketPolicy", STATE_BUCKET_ARN, {}, False),
        ("s3:PutObject", f"arn:aws:s3:::bulwark-dev-operations-{ACCOUNT}/runs/x", {}, True),
        (
            "kms:Decrypt",
            f"arn:aws:kms:{REGION}:{ACCOUNT}:key/k",
            {**REGION_CONTEXT, "kms:ResourceAliases": "alias/bulwark-secrets-dev"},
            True,
        ),
        (
            "kms:Decrypt",
            f"arn:aws:kms:{REGION}:{ACCOUNT}:key/k",
            {**REGION_CONTEXT, "kms:ResourceAliases": "alias/bulwark-secrets-prod"},
            False,
        ),
        (
            "kms:ScheduleKeyDeletion",
            f"arn:aws:kms:{REGION}:{ACCOUNT}:key/k",
            {**REGION_CONTEXT, "kms:ResourceAliases": "alias/bulwark-secrets-dev"},
            False,
        ),
    ],
)
def test_the_deploy_role_may_change_only_its_own_stack(
    action: str, arn: str, context: dict[str, str], may: bool
) -> None:
    assert is_action_allowed(build_deploy_policy(TWO_STACKS, "dev"), action, arn, **context) is may


@pytest.mark.parametrize(
    ("action", "arn", "may"),
    [
        ("wafv2:GetSampledRequests", "*", False),
        ("ssm:GetCommandInvocation", "*", False),
        ("ssm:ListCommandInvocations", "*", False),
        ("ec2:GetConsoleOutput", "*", False),
        ("ec2:GetConsoleScreenshot", "*", False),
        ("ec2:GetPasswordData", "*", False),
        ("backup-storage:GetChunk", "*", False),
        ("rds:DownloadDBLogFilePortion", "*", False),
        ("lambda:GetFunction", "*", False),
        ("ecs:ExecuteCommand", "*", False),
        ("sts:AssumeRole", f"{IAM_PREFIX}:role/bulwark-prod-reader", False),
        ("ec2:DescribeVpcs", "*", True),
        ("rds:DescribeDBInstances", "*", True),
        ("ssm:GetParameter", f"arn:aws:ssm:{REGION}::parameter/aws/service/x", True),
        ("ssm:GetParameter", f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/bulwark/x", False),
        ("ssm:GetParametersByPath", OUTPUTS_ARN, True),
        ("ssm:GetParametersByPath", f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/bulwark/dev", False),
        ("elasticache:DescribeReplicationGroups", "*", True),
        ("secretsmanager:GetSecretValue", "*", False),
        ("logs:FilterLogEvents", "*", False),
        ("rds:DeleteDBInstance", "*", False),
        ("s3:GetObject", f"{STATE_BUCKET_ARN}/.pulumi/stacks/bulwark/prod.json", True),
        ("s3:PutObject", f"{STATE_BUCKET_ARN}/.pulumi/stacks/bulwark/prod.json", False),
        ("s3:GetObject", "arn:aws:s3:::bulwark-prod-operations/exports/users", False),
        ("iam:CreateRole", "*", False),
    ],
)
def test_the_preview_role_reads_resources_and_no_data(action: str, arn: str, may: bool) -> None:
    assert is_action_allowed(build_preview_policy(FOUNDATION_NAMES), action, arn) is may


def test_every_policy_fits_into_its_role() -> None:
    given = FoundationNames(
        project="p" * 12,
        repository="o" * 39 + "/" + "r" * 100,
        repository_ids=RepositoryIds(10**10, 10**10),
        partition="aws-us-gov",
        account=ACCOUNT,
        region="us-gov-northwest-1",
        recovery_region="us-gov-northwest-2",
        environments=tuple(letter * 11 for letter in "stuvw"),
        domains=tuple((letter * 11, "d" * 63 + ".example.com") for letter in "stuvw"),
    )
    for role in list_foundation_roles(given):
        assert len(serialize_policy(role.permissions_policy)) <= INLINE_POLICY_CHARACTERS, role.name
        assert len(serialize_policy(role.trust_policy)) <= 2048, role.name  # IAM quotas
    for stack in given.environments:
        assert len(serialize_policy(build_boundary_policy(given, stack))) <= MAX_POLICY_CHARACTERS
