"""Who may do what of the foundation: trust in GitHub, roles, bucket and key policies.

Sources: GitHub, "Configuring OpenID Connect in Amazon Web Services" (the subject of a token);
IAM User Guide, "Create a role for OpenID Connect federation"; Pulumi, "State and backends" (what
its S3 backend calls; a preview takes no lock); Amazon S3 User Guide, "Setting up live replication"
and "Enabling Amazon S3 server access logging"; AWS KMS Developer Guide, "Use aliases to control
access to KMS keys".
"""

import json
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from pydantic import JsonValue

from ops.bootstrap.names import AUDIENCE, ISSUER, Given

Document: TypeAlias = dict[str, JsonValue]
# What has no resources of its own, and is called all the same: by AWS Backup's vaults, by ECS Exec
# and Session Manager.
BESIDE: Final = ("backup-storage", "ssmmessages")
# What a stack's resources are of, by IAM's prefix of the service; S3 and IAM stand apart.
SERVICES: Final = (
    "acm",
    "application-autoscaling",
    "autoscaling",
    "backup",
    "cloudwatch",
    "ec2",
    "ecr",
    "ecs",
    "elasticache",
    "elasticloadbalancing",
    "events",
    "kms",
    "lambda",
    "logs",
    "rds",
    "secretsmanager",
    "sns",
    "ssm",
    *BESIDE,
)
# Services whose calls may go to another region than the stack's.
GLOBAL: Final = ("route53", "wafv2")
# What looks, and would show data of the stack's users or secrets.
DATA: Final = (
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
CHANGES: Final = (
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
KEYS_KEPT: Final = (
    "kms:CreateGrant",
    "kms:Delete*",
    "kms:Disable*",
    "kms:Put*",
    "kms:ScheduleKeyDeletion",
    "kms:Update*",
)


def policy(*statements: Document) -> Document:
    """A policy document."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def statement(
    effect: str,
    actions: Sequence[str],
    resources: Sequence[str],
    when: Mapping[str, JsonValue] | None = None,
    **more: JsonValue,
) -> Document:
    """One statement."""
    found: Document = {"Effect": effect, **more, "Action": list(actions)}
    found["Resource"] = list(resources)
    if when:
        found["Condition"] = dict(when)
    return found


def trusted(given: Given, subject: str) -> Document:
    """Who may assume a role: a workflow of the repository whose token has exactly this subject."""
    claims: JsonValue = {
        f"{ISSUER}:aud": AUDIENCE,
        f"{ISSUER}:sub": f"repo:{given.repository}:{subject}",
    }
    return policy(
        {
            "Effect": "Allow",
            "Principal": {"Federated": given.provider},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": claims},
        }
    )


def of_service(service: str, account: str) -> Document:
    """A role that a service of AWS assumes, for this account only."""
    return policy(
        {
            "Effect": "Allow",
            "Principal": {"Service": service},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"aws:SourceAccount": account}},
        }
    )


def _by_alias(given: Given, *purposes: str) -> dict[str, JsonValue]:
    """Only keys with these aliases, which name them in both regions."""
    aliases: list[JsonValue] = [given.alias(purpose) for purpose in purposes]
    return {"ForAnyValue:StringEquals": {"kms:ResourceAliases": aliases}}


def _keys(given: Given) -> list[str]:
    return [f"arn:{given.partition}:kms:*:{given.account}:key/*"]


def _buckets(given: Given) -> list[str]:
    return [f"arn:{given.partition}:s3:::{given.bucket(region)}" for region in given.regions]


def _looks(given: Given) -> list[Document]:
    """Looks at whatever a stack is made of; at no data."""
    services = (*SERVICES, *GLOBAL, "iam")
    looks = [f"{one}:{verb}*" for one in services for verb in ("Describe", "Get", "List")]
    own = f"arn:{given.partition}:ssm:*:{given.account}:parameter/*"
    return [
        statement("Allow", [*looks, "s3:GetBucket*", "s3:ListAllMyBuckets"], ["*"]),
        statement("Deny", ["ssm:GetParameter*"], [own]),
    ]


def _reads_state(given: Given) -> list[Document]:
    """Reads every stack's state, and the secrets in it."""
    objects = [f"{bucket}/.pulumi/*" for bucket in _buckets(given)]
    return [
        statement("Allow", ["s3:ListBucket"], _buckets(given)),
        statement("Allow", ["s3:GetObject"], objects),
        statement("Allow", ["kms:Decrypt"], _keys(given), _by_alias(given, "state", "secrets")),
    ]


def previews(given: Given) -> Document:
    """What the preview of a pull request may: look, and read the state."""
    looks, kept = _looks(given)
    return policy(looks, statement("Deny", DATA, ["*"]), kept, *_reads_state(given))


def operates(given: Given, environment: str) -> Document:
    """What a scheduled look at a stack may: a refresh, and to become the stack's own recoverer.

    A refresh reads the values of secrets too, since Pulumi holds them against its state.
    """
    prefix, where = f"{given.project}-{environment}", f"{given.partition}:secretsmanager"
    own = [f"arn:{where}:*:{given.account}:secret:{prefix}-*"]
    looks, _ = _looks(given)
    data = [one for one in DATA if one != "secretsmanager:GetSecretValue"]
    return policy(
        looks,
        statement("Deny", data, ["*"]),
        {
            "Effect": "Deny",
            "Action": ["secretsmanager:GetSecretValue"],
            "NotResource": list[JsonValue](own),
        },
        *_reads_state(given),
        statement("Allow", ["kms:Decrypt"], _keys(given), _of_stack(given, environment)),
        statement("Allow", ["sts:AssumeRole"], [given.iam(f"role/{prefix}-recoverer")]),
    )


def _of_stack(given: Given, environment: str) -> dict[str, JsonValue]:
    return {
        "StringEquals": {
            "aws:ResourceTag/Project": given.project,
            "aws:ResourceTag/Environment": environment,
        }
    }


def deploys(given: Given, environment: str) -> Document:
    """What the deployment of one stack may: all of its services, its own names, its own state.

    What another stack of the project has tagged as its own is denied, and so is whatever would
    change the foundation. A stack makes roles, and who makes roles can give them anything: what
    keeps a deployment in bounds is who may start it, and for prod an account of its own.
    """
    prefix, part = f"{given.project}-{environment}", given.partition
    own = [given.iam(f"{kind}/{prefix}-*") for kind in ("role", "policy", "instance-profile")]
    roles = [given.iam(f"role/{given.role('preview')}")]
    roles += [given.iam(f"role/{given.role(name)}-*") for name in ("deploy", "operate", "state")]
    bucket = _buckets(given)[0]
    inside = f"{given.project}/{environment}"
    objects = [
        f"{bucket}/.pulumi/stacks/{inside}.*",
        f"{bucket}/.pulumi/history/{inside}/*",
        f"{bucket}/.pulumi/backups/{inside}/*",
        f"{bucket}/.pulumi/locks/organization/{inside}/*",
    ]
    regions: dict[str, JsonValue] = {"StringEquals": {"aws:RequestedRegion": list(given.regions)}}
    others: dict[str, JsonValue] = {
        "StringEquals": {"aws:ResourceTag/Project": given.project},
        "StringNotEquals": {"aws:ResourceTag/Environment": environment},
        "Null": {"aws:ResourceTag/Environment": "false"},
    }
    return policy(
        statement("Allow", [f"{one}:*" for one in SERVICES], ["*"], regions),
        statement(
            "Allow",
            [*(f"{one}:*" for one in GLOBAL), "iam:Get*", "iam:List*", "s3:ListAllMyBuckets"],
            ["*"],
        ),
        statement("Allow", ["iam:*"], own),
        statement("Allow", ["iam:CreateServiceLinkedRole"], [given.iam("role/aws-service-role/*")]),
        statement("Allow", ["s3:*"], [f"arn:{part}:s3:::{prefix}-*"]),
        statement("Allow", ["s3:ListBucket", "s3:GetBucketLocation"], _buckets(given)),
        statement("Allow", ["s3:GetObject"], [f"{bucket}/.pulumi/*"]),
        statement("Allow", ["s3:PutObject", "s3:DeleteObject"], objects),
        statement("Deny", ["*"], ["*"], others),
        statement("Deny", CHANGES, [*roles, given.provider]),
        statement("Deny", KEYS_KEPT, _keys(given), _by_alias(given, "state", "secrets")),
    )


def replicates(given: Given, there: str) -> Document:
    """What S3 may to copy the state into the recovery region."""
    source = f"arn:{given.partition}:s3:::{given.bucket(given.region)}"
    copy = f"arn:{given.partition}:s3:::{given.bucket(there)}"

    def through(region: str, *actions: str) -> Document:
        keys = f"arn:{given.partition}:kms:{region}:{given.account}:key/*"
        when = _by_alias(given, "state")
        when["StringEquals"] = {"kms:ViaService": f"s3.{region}.amazonaws.com"}
        return statement("Allow", actions, [keys], when)

    return policy(
        statement("Allow", ["s3:GetReplicationConfiguration", "s3:ListBucket"], [source]),
        statement(
            "Allow",
            [
                "s3:GetObjectVersionForReplication",
                "s3:GetObjectVersionAcl",
                "s3:GetObjectVersionTagging",
            ],
            [f"{source}/*"],
        ),
        statement(
            "Allow",
            ["s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags"],
            [f"{copy}/*"],
        ),
        through(given.region, "kms:Decrypt"),
        through(there, "kms:Encrypt", "kms:GenerateDataKey"),
    )


def key(given: Given) -> Document:
    """The policy of both keys: IAM of this account decides, as AWS advises for keys of one."""
    root = given.iam("root")
    return policy(statement("Allow", ["kms:*"], ["*"], Sid="iam", Principal={"AWS": root}))


def bucket(given: Given, region: str, *, logs: bool = False) -> Document:
    """The policy of a bucket: by TLS only, and neither it nor what was in it can be deleted.

    To take it down, an administrator takes this policy away first, which is recorded by CloudTrail.
    """
    name = given.logs(region) if logs else given.bucket(region)
    arn = f"arn:{given.partition}:s3:::{name}"
    found = [
        statement(
            "Deny",
            ["s3:*"],
            [arn, f"{arn}/*"],
            {"Bool": {"aws:SecureTransport": "false"}},
            Sid="tls",
            Principal="*",
        ),
        statement(
            "Deny",
            ["s3:DeleteBucket", "s3:DeleteObjectVersion"],
            [arn, f"{arn}/*"],
            Sid="kept",
            Principal="*",
        ),
    ]
    if logs:
        of = f"arn:{given.partition}:s3:::{given.bucket(region)}"
        found.append(
            statement(
                "Allow",
                ["s3:PutObject"],
                [f"{arn}/*"],
                {
                    "ArnLike": {"aws:SourceArn": of},
                    "StringEquals": {"aws:SourceAccount": given.account},
                },
                Sid="logs",
                Principal={"Service": "logging.s3.amazonaws.com"},
            )
        )
    return policy(*found)


def text(document: Document) -> str:
    """A document as AWS takes it."""
    return json.dumps(document, separators=(",", ":"))
