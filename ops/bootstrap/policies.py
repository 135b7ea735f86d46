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
from ops.bootstrap.names import FoundationNames

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
    "ecr:GetAuthorizationToken",
    "ecr:GetDownloadUrlForLayer",
    "lambda:GetFunction",
    "logs:FilterLogEvents",
    "logs:GetLogEvents",
    "logs:GetLogRecord",
    "logs:GetQueryResults",
    "secretsmanager:BatchGetSecretValue",
    "secretsmanager:GetSecretValue",
)
IAM_CHANGE_ACTIONS: Final = (
    "iam:Add*",
    "iam:Attach*",
    "iam:Create*",
    "iam:Delete*",
    "iam:Detach*",
    "iam:Put*",
    "iam:Remove*",
    "iam:Tag*",
    "iam:Untag*",
    "iam:Update*",
)
KEY_CHANGE_ACTIONS: Final = (
    "kms:CreateGrant",
    "kms:Delete*",
    "kms:Disable*",
    "kms:Put*",
    "kms:ScheduleKeyDeletion",
    "kms:Update*",
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


def _build_alias_condition(names: FoundationNames, *purposes: str) -> dict[str, JsonValue]:
    """Builds a condition that allows only the keys with these aliases, in both regions."""
    aliases: list[JsonValue] = [names.get_key_alias(purpose) for purpose in purposes]
    return {"ForAnyValue:StringEquals": {"kms:ResourceAliases": aliases}}


def _list_key_arns(names: FoundationNames) -> list[str]:
    return [f"arn:{names.partition}:kms:*:{names.account}:key/*"]


def _list_state_bucket_arns(names: FoundationNames) -> list[str]:
    return [
        f"arn:{names.partition}:s3:::{names.get_state_bucket(region)}" for region in names.regions
    ]


def _build_read_statements(names: FoundationNames) -> list[PolicyDocument]:
    """Builds read access to a stack's resources, without SSM parameters."""
    services = (*STACK_SERVICES, *GLOBAL_SERVICES, "iam")
    read_actions = [
        f"{service}:{verb}*" for service in services for verb in ("Describe", "Get", "List")
    ]
    parameter_arn = f"arn:{names.partition}:ssm:*:{names.account}:parameter/*"
    return [
        build_iam_statement(
            "Allow", [*read_actions, "s3:GetBucket*", "s3:ListAllMyBuckets"], ["*"]
        ),
        build_iam_statement("Deny", ["ssm:GetParameter*"], [parameter_arn]),
    ]


def _build_state_read_statements(names: FoundationNames) -> list[PolicyDocument]:
    """Builds read access to every stack's state and the secrets in it."""
    objects = [f"{bucket}/.pulumi/*" for bucket in _list_state_bucket_arns(names)]
    return [
        build_iam_statement("Allow", ["s3:ListBucket"], _list_state_bucket_arns(names)),
        build_iam_statement("Allow", ["s3:GetObject"], objects),
        build_iam_statement(
            "Allow",
            ["kms:Decrypt"],
            _list_key_arns(names),
            _build_alias_condition(names, "state", "secrets"),
        ),
    ]


def build_preview_policy(names: FoundationNames) -> PolicyDocument:
    """Builds the policy of pull request previews: read resources and the state."""
    read_statement, deny_statement = _build_read_statements(names)
    return build_iam_policy(
        read_statement,
        build_iam_statement("Deny", DATA_READ_ACTIONS, ["*"]),
        deny_statement,
        *_build_state_read_statements(names),
    )


def build_operate_policy(names: FoundationNames, environment: str) -> PolicyDocument:
    """Builds the policy of scheduled operations: refresh the stack, assume its recoverer role.

    A refresh also reads the stack's secret values, which Pulumi compares with its state.
    """
    prefix, secrets_prefix = f"{names.project}-{environment}", f"{names.partition}:secretsmanager"
    secret_arns = [f"arn:{secrets_prefix}:*:{names.account}:secret:{prefix}-*"]
    read_statement, _ = _build_read_statements(names)
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
        *_build_state_read_statements(names),
        build_iam_statement(
            "Allow",
            ["kms:Decrypt"],
            _list_key_arns(names),
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


def build_deploy_policy(names: FoundationNames, environment: str) -> PolicyDocument:
    """Builds the policy of a stack's deployment: its services, its names and its state.

    Resources tagged by other stacks of the project and changes of the foundation are denied. A
    deployment creates roles, which can have any permission; the real limits are who may start it
    and a separate account for prod.
    """
    prefix, partition = f"{names.project}-{environment}", names.partition
    stack_arns = [
        names.build_iam_arn(f"{kind}/{prefix}-*") for kind in ("role", "policy", "instance-profile")
    ]
    foundation_role_arns = [names.build_iam_arn(f"role/{names.get_role_name('preview')}")]
    foundation_role_arns += [
        names.build_iam_arn(f"role/{names.get_role_name(name)}-*")
        for name in ("deploy", "operate", "state")
    ]
    bucket_arn = _list_state_bucket_arns(names)[0]
    state_path = f"{names.project}/{environment}"
    object_arns = [
        f"{bucket_arn}/.pulumi/stacks/{state_path}.*",
        f"{bucket_arn}/.pulumi/history/{state_path}/*",
        f"{bucket_arn}/.pulumi/backups/{state_path}/*",
        f"{bucket_arn}/.pulumi/locks/organization/{state_path}/*",
    ]
    region_condition: dict[str, JsonValue] = {
        "StringEquals": {"aws:RequestedRegion": list(names.regions)}
    }
    other_stack_condition: dict[str, JsonValue] = {
        "StringEquals": {"aws:ResourceTag/Project": names.project},
        "StringNotEquals": {"aws:ResourceTag/Environment": environment},
        "Null": {"aws:ResourceTag/Environment": "false"},
    }
    return build_iam_policy(
        build_iam_statement(
            "Allow", [f"{service}:*" for service in STACK_SERVICES], ["*"], region_condition
        ),
        build_iam_statement(
            "Allow",
            [
                *(f"{service}:*" for service in GLOBAL_SERVICES),
                "iam:Get*",
                "iam:List*",
                "s3:ListAllMyBuckets",
            ],
            ["*"],
        ),
        build_iam_statement("Allow", ["iam:*"], stack_arns),
        build_iam_statement(
            "Allow",
            ["iam:CreateServiceLinkedRole"],
            [names.build_iam_arn("role/aws-service-role/*")],
        ),
        build_iam_statement("Allow", ["s3:*"], [f"arn:{partition}:s3:::{prefix}-*"]),
        build_iam_statement(
            "Allow", ["s3:ListBucket", "s3:GetBucketLocation"], _list_state_bucket_arns(names)
        ),
        build_iam_statement("Allow", ["s3:GetObject"], [f"{bucket_arn}/.pulumi/*"]),
        build_iam_statement("Allow", ["s3:PutObject", "s3:DeleteObject"], object_arns),
        build_iam_statement("Deny", ["*"], ["*"], other_stack_condition),
        build_iam_statement(
            "Deny", IAM_CHANGE_ACTIONS, [*foundation_role_arns, names.oidc_provider_arn]
        ),
        build_iam_statement(
            "Deny",
            KEY_CHANGE_ACTIONS,
            _list_key_arns(names),
            _build_alias_condition(names, "state", "secrets"),
        ),
    )


def build_replication_policy(names: FoundationNames, recovery_region: str) -> PolicyDocument:
    """Builds the policy of S3's replication of the state to the recovery region."""
    source_arn = f"arn:{names.partition}:s3:::{names.get_state_bucket(names.region)}"
    copy_arn = f"arn:{names.partition}:s3:::{names.get_state_bucket(recovery_region)}"

    def build_key_statement(region: str, *actions: str) -> PolicyDocument:
        key_arns = f"arn:{names.partition}:kms:{region}:{names.account}:key/*"
        condition = _build_alias_condition(names, "state")
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
    """Builds the policy of both keys: IAM policies of this account decide, as AWS recommends."""
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
