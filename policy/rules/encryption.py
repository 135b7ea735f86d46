"""Encryption at rest: whatever holds data is encrypted, in prod with the stack's own key."""

from collections.abc import Iterator

from policy.rules.model import (
    IS_TRUE,
    PROD_ONLY,
    UNKNOWN,
    PolicyResource,
    ResourceRule,
    any_value,
    as_list,
    build_property_check,
    check_value,
    find_property,
    format_violation,
    one_of,
)

KMS_KEY_ARN = any_value("the ARN of a KMS key")
ENCRYPTION_ALGORITHMS = one_of("AES256", "aws:kms", "aws:kms:dsse")
SECRET_NAME_WORDS = ("password", "secret", "token", "credential", "private-key", "api-key")


def _check_disks(resource: PolicyResource) -> Iterator[str]:
    """Checks the disks of an instance or a template: each must be set to encrypted."""
    for key in ("rootBlockDevice", "ebsBlockDevices", "blockDeviceMappings"):
        for index, disk in enumerate(as_list(find_property(resource.inputs, key))):
            if key == "blockDeviceMappings":
                if find_property(disk, "ebs") is not None:
                    yield from check_value(
                        f"{key}.{index}.ebs.encrypted",
                        find_property(disk, "ebs.encrypted"),
                        IS_TRUE,
                    )
            else:
                yield from check_value(
                    f"{key}.encrypted", find_property(disk, "encrypted"), IS_TRUE
                )
    if resource.type.endswith(":LaunchTemplate"):
        mappings = find_property(resource.inputs, "blockDeviceMappings")
        yield from check_value(
            "blockDeviceMappings", mappings, any_value("a list with the root disk")
        )
    else:
        root_disk = find_property(resource.inputs, "rootBlockDevice")
        yield from check_value("rootBlockDevice", root_disk, any_value("an encrypted disk"))


def _check_bucket_encryption(resource: PolicyResource) -> Iterator[str]:
    rules = find_property(resource.inputs, "rules")
    yield from check_value("rules", rules, any_value("a list with a default encryption"))
    for index, rule in enumerate(as_list(rules)):
        path = "applyServerSideEncryptionByDefault.sseAlgorithm"
        yield from check_value(
            f"rules.{index}.{path}", find_property(rule, path), ENCRYPTION_ALGORITHMS
        )


def _check_secret_parameter(resource: PolicyResource) -> Iterator[str]:
    name, kind = find_property(resource.inputs, "name"), find_property(resource.inputs, "type")
    full_name = f"{resource.name} {name if isinstance(name, str) else ''}".lower()
    if kind not in ("SecureString", UNKNOWN) and any(
        word in full_name for word in SECRET_NAME_WORDS
    ):
        yield format_violation("type", kind, "SecureString, for a name that says it is a secret")


ENCRYPTION_RULES = (
    ResourceRule(
        "database-encrypted",
        ("RDS.3",),
        ("aws:rds/instance:Instance",),
        "A database's storage is encrypted.",
        build_property_check(storageEncrypted=IS_TRUE),
    ),
    ResourceRule(
        "disk-encrypted",
        ("EC2.3", "EC2.181"),
        ("aws:ec2/launchTemplate:LaunchTemplate", "aws:ec2/instance:Instance"),
        "Disks of instances are encrypted.",
        _check_disks,
    ),
    ResourceRule(
        "volume-encrypted",
        ("EC2.3",),
        ("aws:ebs/volume:Volume",),
        "A volume is encrypted.",
        build_property_check(encrypted=IS_TRUE),
    ),
    ResourceRule(
        "cache-encrypted",
        ("ElastiCache.4", "ElastiCache.5"),
        ("aws:elasticache/replicationGroup:ReplicationGroup",),
        "A cache is encrypted at rest and in transit.",
        build_property_check(atRestEncryptionEnabled=IS_TRUE, transitEncryptionEnabled=IS_TRUE),
    ),
    ResourceRule(
        "bucket-encrypted",
        ("house",),
        ("aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",),
        "A bucket encrypts what is put into it.",
        _check_bucket_encryption,
    ),
    ResourceRule(
        "parameter-secure",
        ("house",),
        ("aws:ssm/parameter:Parameter",),
        "A parameter that is named as a secret is a SecureString.",
        _check_secret_parameter,
    ),
    ResourceRule(
        "secret-key",
        ("house",),
        ("aws:secretsmanager/secret:Secret",),
        "A secret is encrypted with a key of the stack's own.",
        build_property_check(kmsKeyId=KMS_KEY_ARN),
        PROD_ONLY,
    ),
    ResourceRule(
        "topic-key",
        ("SNS.1",),
        ("aws:sns/topic:Topic",),
        "A topic is encrypted.",
        build_property_check(kmsMasterKeyId=KMS_KEY_ARN),
        PROD_ONLY,
    ),
    ResourceRule(
        "log-group-key",
        ("house",),
        ("aws:cloudwatch/logGroup:LogGroup",),
        "A log group is encrypted with a key of the stack's own.",
        build_property_check(kmsKeyId=KMS_KEY_ARN),
        PROD_ONLY,
    ),
    ResourceRule(
        "vault-key",
        ("Backup.1",),
        ("aws:backup/vault:Vault",),
        "A backup vault is encrypted with a key of the stack's own.",
        build_property_check(kmsKeyArn=KMS_KEY_ARN),
        PROD_ONLY,
    ),
    ResourceRule(
        "key-rotates",
        ("KMS.4",),
        ("aws:kms/key:Key",),
        "A KMS key rotates.",
        build_property_check(enableKeyRotation=IS_TRUE),
    ),
)
