"""Facts of secrets."""

from typing import Final

from components.facts.billing import build_flat_lister
from components.facts.model import (
    ChangeEffect,
    CreationEffect,
    DataLoss,
    Encryption,
    ProtectionRule,
    ResourceFact,
)

# Label of the version that Pulumi writes, whose value is in Pulumi's state.
FIRST_VERSION_STAGE: Final = "first"

FACTS: Final = (
    ResourceFact(
        type="aws:secretsmanager/secret:Secret",
        updates={
            "kmsKeyId": ChangeEffect(
                "the secret is encrypted with another key: readers need to use that one",
                "until their roles allow it",
                "Secrets Manager User Guide, Secret encryption",
            ),
            "policy": ChangeEffect(
                "who may read it changes",
                "at once",
                "Secrets Manager User Guide, Resource-based policies",
            ),
        },
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
        replacing=("secretId",),
        updates={
            "secretString": ChangeEffect(
                "the secret has another value",
                "until clients have read it",
                "Secrets Manager User Guide, Secret versions",
            ),
            "secretBinary": ChangeEffect(
                "the secret has another value",
                "until clients have read it",
                "Secrets Manager User Guide, Secret versions",
            ),
            "versionStages": ChangeEffect(
                "the secret has another value",
                "until clients have read it",
                "Secrets Manager User Guide, Secret versions",
            ),
        },
        creation=CreationEffect(
            "secretId",
            ChangeEffect(
                (
                    "a value is written into a secret that exists already: it replaces "
                    "the current one, which a rotation may have set, and clients are refused"
                ),
                "until the right value is current again",
                "Secrets Manager User Guide, Secret versions; terraform-provider-aws#37302",
            ),
        ),
        removal=ChangeEffect(
            "the secret has another value",
            "until clients have read it",
            "Secrets Manager User Guide, Secret versions",
        ),
    ),
)
