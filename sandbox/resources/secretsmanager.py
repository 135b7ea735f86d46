"""Secrets, their versions, policies and rotation."""

from sandbox.resources.entry import (
    REMAINING_INPUTS,
    EntryCall,
    EntryTable,
    PhysicalNaming,
    ResourceEntry,
)

ENTRIES: EntryTable = {
    "aws:secretsmanager/secret:Secret": ResourceEntry(
        EntryCall(
            "secretsmanager.create_secret",
            inputs=REMAINING_INPUTS,
            rename={
                "replicas": "AddReplicaRegions",
                "forceOverwriteReplicaSecret": "ForceOverwriteReplicaSecret",
            },
        ),
        id="out.ARN",
        naming=PhysicalNaming(max_length=512),
        ignored_inputs={"recoveryWindowInDays": "it is for the deletion"},
        later_calls=(
            EntryCall(
                "secretsmanager.put_resource_policy",
                {"SecretId": "id", "ResourcePolicy": "in.policy"},
                condition="in.policy",
            ),
        ),
        outputs={"arn": "id"},
        find_call=EntryCall("secretsmanager.describe_secret", {"SecretId": "id"}),
        find_result="out.ARN",
    ),
    "aws:secretsmanager/secretVersion:SecretVersion": ResourceEntry(
        "secretsmanager.put_secret_value",
        id="${in.secretId}|${out.VersionId}",
        outputs={"arn": "out.ARN", "secretArn": "out.ARN", "versionId": "out.VersionId"},
        find_call=EntryCall("secretsmanager.get_secret_value", {"SecretId": "in.secretId"}),
        find_result="out.SecretString",
    ),
    "aws:secretsmanager/secretRotation:SecretRotation": ResourceEntry(
        "secretsmanager.rotate_secret",
        id="in.secretId",
        outputs={"rotationEnabled": True},
        find_call=EntryCall("secretsmanager.describe_secret", {"SecretId": "id"}),
        find_result="out.RotationEnabled",
    ),
}
