"""Keys and their aliases."""

from sandbox.resources.entry import (
    REMAINING_INPUTS,
    EntryCall,
    EntryTable,
    PhysicalNaming,
    ResourceEntry,
)

ENTRIES: EntryTable = {
    "aws:kms/key:Key": ResourceEntry(
        EntryCall(
            "kms.create_key", inputs=REMAINING_INPUTS, rename={"customerMasterKeySpec": "KeySpec"}
        ),
        id="out.KeyMetadata.KeyId",
        description="out.KeyMetadata",
        ignored_inputs={"deletionWindowInDays": "it is for the deletion"},
        later_calls=(
            EntryCall(
                "kms.enable_key_rotation",
                {"KeyId": "id", "RotationPeriodInDays": "in.rotationPeriodInDays"},
                condition="in.enableKeyRotation",
            ),
            EntryCall("kms.disable_key", {"KeyId": "id"}, condition="in.isEnabled == `false`"),
        ),
        outputs={"arn": "out.KeyMetadata.Arn"},
        find_call=EntryCall("kms.describe_key", {"KeyId": "id"}),
        find_result="out.KeyMetadata",
    ),
    "aws:kms/alias:Alias": ResourceEntry(
        EntryCall("kms.create_alias", inputs=REMAINING_INPUTS, rename={"name": "AliasName"}),
        id="in.name",
        naming=PhysicalNaming(),
        outputs={
            "arn": "arn:${partition}:kms:${region}:${account}:${in.name}",
            "targetKeyArn": "arn:${partition}:kms:${region}:${account}:key/"
            "${after(in.targetKeyId, '/')}",
        },
        find_call=EntryCall("kms.describe_key", {"KeyId": "id"}),
        find_result="out.KeyMetadata",
    ),
}
