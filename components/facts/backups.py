"""Facts of AWS Backup, and of the events about its jobs."""

from typing import Final

from components.facts.billing import build_usage_lister
from components.facts.model import (
    FORCE_DESTROY_SAFEGUARDS,
    DataLoss,
    Encryption,
    Guard,
    ProtectionRule,
    ResourceFact,
)

FACTS: Final = (
    ResourceFact(
        type="aws:backup/plan:Plan",
        guard=Guard(
            "no more recovery points are created", "Backup Developer Guide, Deleting a backup plan"
        ),
        is_taggable=True,
    ),
    ResourceFact(
        type="aws:backup/restoreTestingPlan:RestoreTestingPlan",
        list_charges=build_usage_lister("tests", "restore-test"),
        is_taggable=True,
    ),
    ResourceFact(type="aws:backup/restoreTestingSelection:RestoreTestingSelection"),
    ResourceFact(
        type="aws:backup/selection:Selection",
        guard=Guard(
            "what it selects is no longer backed up", "Backup API Reference, DeleteBackupSelection"
        ),
    ),
    ResourceFact(
        type="aws:backup/vault:Vault",
        list_charges=build_usage_lister("recovery points", "backup"),
        data_loss=DataLoss(
            "its recovery points",
            "none; there is nothing to restore from",
            "Backup Developer Guide, Deleting a backup vault: it must be empty",
            FORCE_DESTROY_SAFEGUARDS,
        ),
        protections=(
            ProtectionRule(
                "forceDestroy",
                "on",
                "a later deletion also deletes its recovery points",
                "Backup Developer Guide, Deleting a backup vault",
            ),
        ),
        encryption=Encryption(
            rule="vault-key",
            description="A backup vault is encrypted with a key of the stack's own.",
            controls=("Backup.1",),
            key_property="kmsKeyArn",
            prod_only=True,
        ),
        must_be_protected=True,
        is_taggable=True,
    ),
    ResourceFact(
        type="aws:backup/vaultLockConfiguration:VaultLockConfiguration",
        guard=Guard(
            "recovery points can be deleted before they expire",
            "Backup Developer Guide, AWS Backup Vault Lock",
        ),
    ),
    ResourceFact(type="aws:cloudwatch/eventRule:EventRule", is_taggable=True, service="events"),
    ResourceFact(type="aws:cloudwatch/eventTarget:EventTarget", service="events"),
)
