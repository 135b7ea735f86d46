"""Facts of KMS keys."""

from typing import Final

from components.facts.billing import build_flat_lister
from components.facts.model import ChangeEffect, DataLoss, Encryption, ProtectionRule, ResourceFact

FACTS: Final = (
    ResourceFact(
        type="aws:kms/alias:Alias",
        updates={
            "targetKeyId": ChangeEffect(
                "the alias points to another key",
                "none for what is encrypted already",
                "KMS Developer Guide, Aliases",
            ),
        },
        removal=ChangeEffect(
            "calls that name the key by its alias fail",
            "until it is created again",
            "KMS Developer Guide, Aliases",
        ),
    ),
    ResourceFact(
        type="aws:kms/key:Key",
        updates={
            "policy": ChangeEffect(
                "who may use it changes: a principal that is removed cannot read what it encrypts",
                "at once",
                "KMS Developer Guide, Key policies",
            ),
        },
        list_charges=build_flat_lister("key", "kms_key"),
        data_loss=DataLoss(
            (
                "everything encrypted with it, for good: databases, snapshots, objects, "
                "secrets, logs"
            ),
            (
                "everything that needs it fails at once; the deletion can be cancelled "
                "for 7 to 30 days"
            ),
            "KMS Developer Guide, Deleting AWS KMS keys",
        ),
        protections=(
            ProtectionRule(
                "enableKeyRotation",
                "off",
                "the key is no longer rotated",
                "KMS Developer Guide, Rotating keys",
            ),
            ProtectionRule(
                "rotationPeriodInDays",
                "changed",
                "the key is rotated at other times",
                "KMS Developer Guide, Rotating keys",
            ),
            ProtectionRule(
                "isEnabled",
                "off",
                "data encrypted with it cannot be read while it is disabled",
                "KMS Developer Guide, Enable and disable keys",
            ),
            ProtectionRule(
                "deletionWindowInDays",
                "lower",
                "less time to cancel a later deletion",
                "KMS Developer Guide, Deleting AWS KMS keys",
            ),
        ),
        encryption=Encryption(
            rule="key-rotates",
            description="A KMS key rotates.",
            controls=("KMS.4",),
            true_properties=("enableKeyRotation",),
        ),
        must_be_protected=True,
        is_taggable=True,
    ),
)
