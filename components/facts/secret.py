"""Facts of secrets."""

from typing import Final

from components.facts.billing import build_flat_lister
from components.facts.model import ChangeEffect, DataLoss, Encryption, ProtectionRule, ResourceFact

FACTS: Final = (
    ResourceFact(
        type="aws:secretsmanager/secret:Secret",
        list_charges=build_flat_lister("secret", "secret"),
        data_loss=DataLoss(
            "the secret and all its versions",
            (
                "everything that reads it fails at once; it can be restored within its "
                "recovery window"
            ),
            "Secrets Manager User Guide, Delete an AWS Secrets Manager secret",
        ),
        protections=(
            ProtectionRule(
                "recoveryWindowInDays",
                "lower",
                "less time to restore it once it is deleted",
                "Secrets Manager User Guide, Delete an AWS Secrets Manager secret",
            ),
        ),
        encryption=Encryption(
            rule="secret-key",
            description="A secret is encrypted with a key of the stack's own.",
            key_property="kmsKeyId",
            prod_only=True,
        ),
        must_be_protected=True,
        is_taggable=True,
    ),
    ResourceFact(
        type="aws:secretsmanager/secretVersion:SecretVersion",
        removal=ChangeEffect(
            "the secret has another value",
            "until clients have read it",
            "Secrets Manager User Guide, Secret versions",
        ),
    ),
)
