"""Keys and their aliases."""

from sandbox.resources.entry import REST, Call, Entries, Entry, Naming

ENTRIES: Entries = {
    "aws:kms/key:Key": Entry(
        Call("kms.create_key", fit=REST, rename={"customerMasterKeySpec": "KeySpec"}),
        id="out.KeyMetadata.KeyId",
        shown="out.KeyMetadata",
        left={"deletionWindowInDays": "it is for the deletion"},
        then=(
            Call(
                "kms.enable_key_rotation",
                {"KeyId": "id", "RotationPeriodInDays": "in.rotationPeriodInDays"},
                when="in.enableKeyRotation",
            ),
            Call("kms.disable_key", {"KeyId": "id"}, when="in.isEnabled == `false`"),
        ),
        outputs={"arn": "out.KeyMetadata.Arn"},
        find=Call("kms.describe_key", {"KeyId": "id"}),
        found="out.KeyMetadata",
    ),
    "aws:kms/alias:Alias": Entry(
        Call("kms.create_alias", fit=REST, rename={"name": "AliasName"}),
        id="in.name",
        naming=Naming(),
        outputs={
            "arn": "arn:${partition}:kms:${region}:${account}:${in.name}",
            "targetKeyArn": "arn:${partition}:kms:${region}:${account}:key/"
            "${after(in.targetKeyId, '/')}",
        },
        find=Call("kms.describe_key", {"KeyId": "id"}),
        found="out.KeyMetadata",
    ),
}
