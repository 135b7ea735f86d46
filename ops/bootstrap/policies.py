"""IAM policies of the foundation: roles, buckets and keys.

Sources: Pulumi, "State and backends" (what its S3 backend calls; a preview takes no lock); Amazon
S3 User Guide, "Setting up live replication" and "Enabling Amazon S3 server access logging"; AWS KMS
Developer Guide, "Use aliases to control access to KMS keys".
"""

import json
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from pydantic import JsonValue

from components.facts.resource_types import list_iam_services
from ops.bootstrap.names import ALL_SECRETS, FoundationNames
from ops.outputs import build_outputs_path

PolicyDocument: TypeAlias = dict[str, JsonValue]
# Services without resources of their own, called by AWS Backup, ECS Exec and Session Manager.
UNSCOPED_SERVICES: Final = ("backup-storage", "ssmmessages")
# Services whose calls may go to another region than the stack's.
GLOBAL_SERVICES: Final = ("route53", "wafv2")
NAMED_SERVICES: Final = ("iam", "s3")  # allowed on the stack's own names only
# The services of the components' resources, by IAM's prefix.
STACK_SERVICES: Final = (
    *(
        service
        for service in list_iam_services()
        if service not in (*GLOBAL_SERVICES, *NAMED_SERVICES)
    ),
    *UNSCOPED_SERVICES,
)
# What looks, and would show data of the stack's users or secrets.
DATA_READ_ACTIONS: Final = (
    "backup-storage:*",
    "ec2:GetConsoleOutput",
    "ec2:GetConsoleScreenshot",
    "ec2:GetPasswordData",
    "ecr:GetAuthorizationToken",
    "ecr:GetDownloadUrlForLayer",
    "lambda:GetFunction",
    "logs:FilterLogEvents",
    "logs:GetLogEvents",
    "logs:GetLogRecord",
    "logs:GetQueryResults",
    "secretsmanager:BatchGetSecretValue",
    "secretsmanager:GetSecretValue",
    "ssm:GetCommandInvocation",
    "ssm:ListCommandInvocations",
    "ssm:ListCommands",
    "ssmmessages:*",
    "wafv2:GetSampledRequests",
)
# What a preview reads: Pulumi's invokes, and what a resource that is imported is compared with.
PREVIEW_SERVICES: Final = (
    "acm",
    "application-autoscaling",
    "autoscaling",
    "backup",
    "budgets",
    "ce",
    "cloudwatch",
    "ec2",
    "ecr",
    "ecs",
    "elasticache",
    "elasticloadbalancing",
    "events",
    "iam",
    "kms",
    "lambda",
    "rds",
    "route53",
    "sns",
    "wafv2",
)
# The reads of imports that are neither Describe nor List. None shows what somebody stored.
PREVIEW_GET_ACTIONS: Final = (
    "backup:GetBackup*",
    "cloudwatch:GetDashboard",
    "ecr:GetLifecyclePolicy",
    "ecr:GetRepositoryPolicy",
    "iam:GetInstanceProfile",
    "iam:GetPolicy",
    "iam:GetPolicyVersion",
    "iam:GetRole",
    "iam:GetRolePolicy",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "lambda:GetFunctionConfiguration",
    "lambda:GetPolicy",
    "logs:DescribeLogGroups",
    "logs:ListTagsForResource",
    "route53:GetChange",
    "route53:GetHostedZone",
    "s3:GetBucket*",
    "s3:GetEncryptionConfiguration",
    "s3:GetLifecycleConfiguration",
    "s3:GetReplicationConfiguration",
    "s3:ListAllMyBuckets",
    "secretsmanager:DescribeSecret",
    "secretsmanager:GetResourcePolicy",
    "sns:GetSubscriptionAttributes",
    "sns:GetTopicAttributes",
    "ssm:DescribeParameters",
    "wafv2:GetLoggingConfiguration",
    "wafv2:GetWebACL",
    "wafv2:GetWebACLForResource",
)


def build_iam_policy(*statements: PolicyDocument) -> PolicyDocument:
    """Builds a policy document."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def build_iam_statement(
    effect: str,
    actions: Sequence[str],
    resources: Sequence[str],
    condition: Mapping[str, JsonValue] | None = None,
    **elements: JsonValue,
) -> PolicyDocument:
    """Builds a statement."""
    policy_statement: PolicyDocument = {"Effect": effect, **elements, "Action": list(actions)}
    policy_statement["Resource"] = list(resources)
    if condition:
        policy_statement["Condition"] = dict(condition)
    return policy_statement


def build_alias_condition(names: FoundationNames, *purposes: str) -> dict[str, JsonValue]:
    """Builds a condition that allows only the keys with these aliases, in both regions."""
    aliases: list[JsonValue] = [names.get_key_alias(purpose) for purpose in purposes]
    return {"ForAnyValue:StringLike": {"kms:ResourceAliases": aliases}}


def list_key_arns(names: FoundationNames) -> list[str]:
    return [f"arn:{names.partition}:kms:*:{names.account}:key/*"]


def list_state_bucket_arns(names: FoundationNames) -> list[str]:
    return [
        f"arn:{names.partition}:s3:::{names.get_state_bucket(region)}" for region in names.regions
    ]


def list_state_object_arns(
    names: FoundationNames,
    stack: str,
    *,
    with_shared: bool = False,
    regions: Sequence[str] | None = None,
) -> list[str]:
    """Lists the objects of a stack's state; with `with_shared` also what is of the whole bucket.

    In the region of the state, unless others are given (Pulumi, "State and backends").
    """
    state_path = f"{names.project}/{stack}"
    paths = [
        f"stacks/{state_path}.*",
        f"history/{state_path}/*",
        f"backups/{state_path}/*",
        f"locks/organization/{state_path}/*",
        *(["meta.yaml"] if with_shared else []),
    ]
    return [
        f"arn:{names.partition}:s3:::{names.get_state_bucket(region)}/.pulumi/{path}"
        for region in regions or [names.region]
        for path in paths
    ]


def build_other_stack_condition(names: FoundationNames, stack: str) -> dict[str, JsonValue]:
    """Builds a condition that holds for what another stack of the project has tagged."""
    return {
        "StringEquals": {"aws:ResourceTag/Project": names.project},
        "StringNotEquals": {"aws:ResourceTag/Environment": stack},
        "Null": {"aws:ResourceTag/Environment": "false"},
    }


def build_other_project_condition(names: FoundationNames) -> dict[str, JsonValue]:
    """Builds a condition that holds for what a stack of another project has tagged.

    Something shared that only has a Project tag is none: stacks tag a Component too.
    """
    return {
        "StringEquals": {"aws:ResourceTag/ManagedBy": "pulumi"},
        "StringNotEquals": {"aws:ResourceTag/Project": names.project},
        "Null": {"aws:ResourceTag/Component": "false", "aws:ResourceTag/Project": "false"},
    }


def _build_read_statement(names: FoundationNames) -> PolicyDocument:
    """Builds read access to every service of a stack."""
    services = (*STACK_SERVICES, *GLOBAL_SERVICES, "iam")
    read_actions = [
        f"{service}:{verb}*" for service in services for verb in ("Describe", "Get", "List")
    ]
    return build_iam_statement(
        "Allow", [*read_actions, "s3:GetBucket*", "s3:ListAllMyBuckets"], ["*"]
    )


def _build_state_read_statements(
    names: FoundationNames, object_arns: Sequence[str], secrets_purpose: str
) -> list[PolicyDocument]:
    """Builds read access to objects of the state and to what a key of secrets encrypts in them."""
    return [
        build_iam_statement("Allow", ["s3:ListBucket"], list_state_bucket_arns(names)),
        build_iam_statement("Allow", ["s3:GetObject"], object_arns),
        build_iam_statement(
            "Allow",
            ["kms:Decrypt"],
            list_key_arns(names),
            build_alias_condition(names, "state", secrets_purpose),
        ),
    ]


def build_preview_policy(names: FoundationNames) -> PolicyDocument:
    """Builds the policy of pull request previews: read resources' settings, and all states.

    Beside that, the public parameters of AWS, such as the newest images, and the published outputs,
    which say what stands: the program asks for them by their path before it registers anything.
    """
    described_actions = [
        f"{service}:{verb}*" for service in PREVIEW_SERVICES for verb in ("Describe", "List")
    ]
    public_parameter_arn = f"arn:{names.partition}:ssm:*::parameter/aws/service/*"
    outputs_path = build_outputs_path(names.project, "*")
    outputs_arn = f"arn:{names.partition}:ssm:*:{names.account}:parameter{outputs_path}"
    return build_iam_policy(
        build_iam_statement("Allow", [*described_actions, *PREVIEW_GET_ACTIONS], ["*"]),
        build_iam_statement("Allow", ["ssm:GetParameter*"], [public_parameter_arn]),
        build_iam_statement(
            "Allow", ["ssm:GetParametersByPath"], [outputs_arn, f"{outputs_arn}/*"]
        ),
        build_iam_statement("Deny", DATA_READ_ACTIONS, ["*"]),
        *_build_state_read_statements(
            names, [f"{arn}/.pulumi/*" for arn in list_state_bucket_arns(names)], ALL_SECRETS
        ),
    )


def build_operate_policy(names: FoundationNames, environment: str) -> PolicyDocument:
    """Builds the policy of scheduled operations: refresh the stack, assume its recoverer role.

    A refresh also reads the stack's secret values, which Pulumi compares with its state.
    """
    prefix, secrets_prefix = f"{names.project}-{environment}", f"{names.partition}:secretsmanager"
    secret_arns = [f"arn:{secrets_prefix}:*:{names.account}:secret:{prefix}-*"]
    read_statement = _build_read_statement(names)
    denied_actions = [
        action for action in DATA_READ_ACTIONS if action != "secretsmanager:GetSecretValue"
    ]
    return build_iam_policy(
        read_statement,
        build_iam_statement("Deny", denied_actions, ["*"]),
        {
            "Effect": "Deny",
            "Action": ["secretsmanager:GetSecretValue"],
            "NotResource": list[JsonValue](secret_arns),
        },
        build_iam_statement("Deny", ["*"], ["*"], build_other_stack_condition(names, environment)),
        build_iam_statement("Deny", ["*"], ["*"], build_other_project_condition(names)),
        *_build_state_read_statements(
            names,
            list_state_object_arns(names, environment, with_shared=True, regions=names.regions),
            names.get_secrets_purpose(environment),
        ),
        build_iam_statement(
            "Allow",
            ["kms:Decrypt"],
            list_key_arns(names),
            _build_stack_tag_condition(names, environment),
        ),
        build_iam_statement(
            "Allow", ["sts:AssumeRole"], [names.build_iam_arn(f"role/{prefix}-recoverer")]
        ),
    )


def _build_stack_tag_condition(names: FoundationNames, environment: str) -> dict[str, JsonValue]:
    return {
        "StringEquals": {
            "aws:ResourceTag/Project": names.project,
            "aws:ResourceTag/Environment": environment,
        }
    }


def build_replication_policy(names: FoundationNames, recovery_region: str) -> PolicyDocument:
    """Builds the policy of S3's replication of the state to the recovery region."""
    source_arn = f"arn:{names.partition}:s3:::{names.get_state_bucket(names.region)}"
    copy_arn = f"arn:{names.partition}:s3:::{names.get_state_bucket(recovery_region)}"

    def build_key_statement(region: str, *actions: str) -> PolicyDocument:
        key_arns = f"arn:{names.partition}:kms:{region}:{names.account}:key/*"
        condition = build_alias_condition(names, "state")
        condition["StringEquals"] = {"kms:ViaService": f"s3.{region}.amazonaws.com"}
        return build_iam_statement("Allow", actions, [key_arns], condition)

    return build_iam_policy(
        build_iam_statement(
            "Allow", ["s3:GetReplicationConfiguration", "s3:ListBucket"], [source_arn]
        ),
        build_iam_statement(
            "Allow",
            [
                "s3:GetObjectVersionForReplication",
                "s3:GetObjectVersionAcl",
                "s3:GetObjectVersionTagging",
            ],
            [f"{source_arn}/*"],
        ),
        build_iam_statement(
            "Allow",
            ["s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags"],
            [f"{copy_arn}/*"],
        ),
        build_key_statement(names.region, "kms:Decrypt"),
        build_key_statement(recovery_region, "kms:Encrypt", "kms:GenerateDataKey"),
    )


def build_key_policy(names: FoundationNames) -> PolicyDocument:
    """Builds the policy of all keys: IAM policies of this account decide, as AWS recommends."""
    root_arn = names.build_iam_arn("root")
    return build_iam_policy(
        build_iam_statement("Allow", ["kms:*"], ["*"], Sid="iam", Principal={"AWS": root_arn})
    )


def build_bucket_policy(
    names: FoundationNames, region: str, *, logs: bool = False
) -> PolicyDocument:
    """Builds the policy of a bucket: TLS only, no deletion of the bucket or of versions.

    To delete the bucket, an administrator must remove this policy first; CloudTrail records that.
    """
    name = names.get_log_bucket(region) if logs else names.get_state_bucket(region)
    arn = f"arn:{names.partition}:s3:::{name}"
    statements = [
        build_iam_statement(
            "Deny",
            ["s3:*"],
            [arn, f"{arn}/*"],
            {"Bool": {"aws:SecureTransport": "false"}},
            Sid="tls",
            Principal="*",
        ),
        build_iam_statement(
            "Deny",
            ["s3:DeleteBucket", "s3:DeleteObjectVersion"],
            [arn, f"{arn}/*"],
            Sid="kept",
            Principal="*",
        ),
    ]
    if logs:
        state_bucket_arn = f"arn:{names.partition}:s3:::{names.get_state_bucket(region)}"
        statements.append(
            build_iam_statement(
                "Allow",
                ["s3:PutObject"],
                [f"{arn}/*"],
                {
                    "ArnLike": {"aws:SourceArn": state_bucket_arn},
                    "StringEquals": {"aws:SourceAccount": names.account},
                },
                Sid="logs",
                Principal={"Service": "logging.s3.amazonaws.com"},
            )
        )
    return build_iam_policy(*statements)


def format_policy_document(document: PolicyDocument) -> str:
    """Formats a document as compact JSON."""
    return json.dumps(document, separators=(",", ":"))
