"""Cases of the rules of policy/rules/encryption.py: inputs alone."""

from typing import Final

from tests.policy.cases.model import (
    BACKUP_VAULT_TYPE,
    BUCKET_ENCRYPTION_TYPE,
    DATABASE_TYPE,
    KMS_KEY_ARN,
    LAUNCH_TEMPLATE_TYPE,
    LOG_GROUP_TYPE,
    REPLICATION_GROUP_TYPE,
    SECRET_TYPE,
    TOPIC_TYPE,
    RuleCase,
    build_flag_case,
)

ENCRYPTION_CASES: Final[dict[str, RuleCase]] = {
    "database-encrypted": build_flag_case(DATABASE_TYPE, "storageEncrypted", True),
    "disk-encrypted": RuleCase(
        LAUNCH_TEMPLATE_TYPE,
        {"blockDeviceMappings": [{"deviceName": "/dev/xvda", "ebs": {"encrypted": "true"}}]},
        {
            "blockDeviceMappings.0.ebs.encrypted is 'false'": {
                "blockDeviceMappings": [{"ebs": {"encrypted": "false"}}]
            },
            "blockDeviceMappings.0.ebs.encrypted is not set": {
                "blockDeviceMappings": [{"ebs": {"volumeSize": 8}}]
            },
            "blockDeviceMappings is not set": {},
        },
    ),
    "volume-encrypted": build_flag_case("aws:ebs/volume:Volume", "encrypted", True),
    "cache-encrypted": RuleCase(
        REPLICATION_GROUP_TYPE,
        {"atRestEncryptionEnabled": True, "transitEncryptionEnabled": True},
        {
            "atRestEncryptionEnabled is false": {
                "atRestEncryptionEnabled": False,
                "transitEncryptionEnabled": True,
            },
            "transitEncryptionEnabled is not set": {"atRestEncryptionEnabled": True},
        },
    ),
    "bucket-encrypted": RuleCase(
        BUCKET_ENCRYPTION_TYPE,
        {"rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms"}}]},
        {
            "rules is []": {"rules": []},
            "rules.0.applyServerSideEncryptionByDefault.sseAlgorithm is 'none'": {
                "rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "none"}}]
            },
        },
    ),
    "parameter-secure": RuleCase(
        "aws:ssm/parameter:Parameter",
        {"name": "/app/db-password", "type": "SecureString"},
        {"type is 'String'": {"name": "/app/db-password", "type": "String"}},
    ),
    "secret-key": RuleCase(SECRET_TYPE, {"kmsKeyId": KMS_KEY_ARN}, {"kmsKeyId is not set": {}}),
    "topic-key": RuleCase(
        TOPIC_TYPE, {"kmsMasterKeyId": KMS_KEY_ARN}, {"kmsMasterKeyId is not set": {}}
    ),
    "log-group-key": RuleCase(
        LOG_GROUP_TYPE, {"kmsKeyId": KMS_KEY_ARN}, {"kmsKeyId is ''": {"kmsKeyId": ""}}
    ),
    "vault-key": RuleCase(
        BACKUP_VAULT_TYPE, {"kmsKeyArn": KMS_KEY_ARN}, {"kmsKeyArn is not set": {}}
    ),
    "key-rotates": build_flag_case("aws:kms/key:Key", "enableKeyRotation", True),
}
