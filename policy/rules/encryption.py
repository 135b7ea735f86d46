"""Encryption at rest: what holds data is encrypted, in prod with a key of the stack's own."""

from collections.abc import Iterator

from policy.rules.model import (
    PROD,
    TRUE,
    UNKNOWN,
    Resource,
    Rule,
    at,
    given,
    judge,
    line,
    listed,
    needs,
    one_of,
)

KEY = given("the ARN of a KMS key")
ALGORITHMS = one_of("AES256", "aws:kms", "aws:kms:dsse")
SECRET_NAMES = ("password", "secret", "token", "credential", "private-key", "api-key")


def _disks(resource: Resource) -> Iterator[str]:
    """The disks of an instance or a template: each says that it is encrypted."""
    for key in ("rootBlockDevice", "ebsBlockDevices", "blockDeviceMappings"):
        for index, disk in enumerate(listed(at(resource.props, key))):
            if key == "blockDeviceMappings":
                if at(disk, "ebs") is not None:
                    yield from judge(
                        f"{key}.{index}.ebs.encrypted", at(disk, "ebs.encrypted"), TRUE
                    )
            else:
                yield from judge(f"{key}.encrypted", at(disk, "encrypted"), TRUE)
    if resource.type.endswith(":LaunchTemplate"):
        mappings = at(resource.props, "blockDeviceMappings")
        yield from judge("blockDeviceMappings", mappings, given("a list with the root disk"))
    else:
        root = at(resource.props, "rootBlockDevice")
        yield from judge("rootBlockDevice", root, given("an encrypted disk"))


def _bucket(resource: Resource) -> Iterator[str]:
    rules = at(resource.props, "rules")
    yield from judge("rules", rules, given("a list with a default encryption"))
    for index, rule in enumerate(listed(rules)):
        path = "applyServerSideEncryptionByDefault.sseAlgorithm"
        yield from judge(f"rules.{index}.{path}", at(rule, path), ALGORITHMS)


def _parameter(resource: Resource) -> Iterator[str]:
    name, kind = at(resource.props, "name"), at(resource.props, "type")
    called = f"{resource.name} {name if isinstance(name, str) else ''}".lower()
    if kind not in ("SecureString", UNKNOWN) and any(word in called for word in SECRET_NAMES):
        yield line("type", kind, "SecureString, for a name that says it is a secret")


RULES = (
    Rule(
        "database-encrypted",
        ("RDS.3",),
        ("aws:rds/instance:Instance",),
        "A database's storage is encrypted.",
        needs(storageEncrypted=TRUE),
    ),
    Rule(
        "disk-encrypted",
        ("EC2.3", "EC2.181"),
        ("aws:ec2/launchTemplate:LaunchTemplate", "aws:ec2/instance:Instance"),
        "Disks of instances are encrypted.",
        _disks,
    ),
    Rule(
        "volume-encrypted",
        ("EC2.3",),
        ("aws:ebs/volume:Volume",),
        "A volume is encrypted.",
        needs(encrypted=TRUE),
    ),
    Rule(
        "cache-encrypted",
        ("ElastiCache.4", "ElastiCache.5"),
        ("aws:elasticache/replicationGroup:ReplicationGroup",),
        "A cache is encrypted at rest and in transit.",
        needs(atRestEncryptionEnabled=TRUE, transitEncryptionEnabled=TRUE),
    ),
    Rule(
        "bucket-encrypted",
        ("house",),
        ("aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",),
        "A bucket encrypts what is put into it.",
        _bucket,
    ),
    Rule(
        "parameter-secure",
        ("house",),
        ("aws:ssm/parameter:Parameter",),
        "A parameter that is named as a secret is a SecureString.",
        _parameter,
    ),
    Rule(
        "secret-key",
        ("house",),
        ("aws:secretsmanager/secret:Secret",),
        "A secret is encrypted with a key of the stack's own.",
        needs(kmsKeyId=KEY),
        PROD,
    ),
    Rule(
        "topic-key",
        ("SNS.1",),
        ("aws:sns/topic:Topic",),
        "A topic is encrypted.",
        needs(kmsMasterKeyId=KEY),
        PROD,
    ),
    Rule(
        "log-group-key",
        ("house",),
        ("aws:cloudwatch/logGroup:LogGroup",),
        "A log group is encrypted with a key of the stack's own.",
        needs(kmsKeyId=KEY),
        PROD,
    ),
    Rule(
        "vault-key",
        ("Backup.1",),
        ("aws:backup/vault:Vault",),
        "A backup vault is encrypted with a key of the stack's own.",
        needs(kmsKeyArn=KEY),
        PROD,
    ),
    Rule(
        "key-rotates",
        ("KMS.4",),
        ("aws:kms/key:Key",),
        "A KMS key rotates.",
        needs(enableKeyRotation=TRUE),
    ),
)
