"""Secrets, their versions, policies and rotation."""

from sandbox.resources.entry import REST, Call, Entries, Entry, Naming

ENTRIES: Entries = {
    "aws:secretsmanager/secret:Secret": Entry(
        Call(
            "secretsmanager.create_secret",
            fit=REST,
            rename={
                "replicas": "AddReplicaRegions",
                "forceOverwriteReplicaSecret": "ForceOverwriteReplicaSecret",
            },
        ),
        id="out.ARN",
        naming=Naming(limit=512),
        left={"recoveryWindowInDays": "it is for the deletion"},
        then=(
            Call(
                "secretsmanager.put_resource_policy",
                {"SecretId": "id", "ResourcePolicy": "in.policy"},
                when="in.policy",
            ),
        ),
        outputs={"arn": "id"},
        find=Call("secretsmanager.describe_secret", {"SecretId": "id"}),
        found="out.ARN",
    ),
    "aws:secretsmanager/secretVersion:SecretVersion": Entry(
        "secretsmanager.put_secret_value",
        id="${in.secretId}|${out.VersionId}",
        outputs={"arn": "out.ARN", "secretArn": "out.ARN", "versionId": "out.VersionId"},
        find=Call("secretsmanager.get_secret_value", {"SecretId": "in.secretId"}),
        found="out.SecretString",
    ),
    "aws:secretsmanager/secretRotation:SecretRotation": Entry(
        "secretsmanager.rotate_secret",
        id="in.secretId",
        outputs={"rotationEnabled": True},
        find=Call("secretsmanager.describe_secret", {"SecretId": "id"}),
        found="out.RotationEnabled",
    ),
}
