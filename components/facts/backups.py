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
        harmless=("advancedBackupSettings",),
        protections=(
            ProtectionRule(
                "rules[].lifecycle.deleteAfter",
                "shorter",
                "recovery points are kept for fewer days",
                "Backup Developer Guide, Backup plan options",
            ),
            ProtectionRule(
                "rules[].copyActions[].lifecycle.deleteAfter",
                "shorter",
                "copies of recovery points are kept for fewer days",
                "Backup Developer Guide, Backup plan options",
            ),
            ProtectionRule(
                "rules[].copyActions[].destinationVaultArn",
                "removed",
                "recovery points are no longer copied to that vault",
                "Backup Developer Guide, Backup plan options",
            ),
            ProtectionRule(
                "rules[].ruleName",
                "removed",
                "a rule is removed: it creates no more recovery points",
                "Backup Developer Guide, Backup plan options",
            ),
            ProtectionRule(
                "rules",
                "changed",
                "recovery points are created or deleted at other times, or in another vault",
                "Backup Developer Guide, Backup plan options",
            ),
        ),
        guard=Guard(
            "no more recovery points are created", "Backup Developer Guide, Deleting a backup plan"
        ),
        is_taggable=True,
    ),
    ResourceFact(
        type="aws:backup/restoreTestingPlan:RestoreTestingPlan",
        harmless=(
            "scheduleExpression",
            "startWindowHours",
            "recoveryPointSelection",
            "scheduleExpressionTimezone",
        ),
        guard=Guard(
            "recovery points are no longer restored as a test",
            "Backup Developer Guide, Restore testing",
        ),
        list_charges=build_usage_lister("tests", "restore-test"),
        is_taggable=True,
    ),
    ResourceFact(
        type="aws:backup/restoreTestingSelection:RestoreTestingSelection",
        replacing=("restoreTestingPlanName", "protectedResourceType"),
        harmless=(
            "iamRoleArn",
            "protectedResourceConditions",
            "restoreMetadataOverrides",
            "validationWindowHours",
            "protectedResourceArns",
        ),
        guard=Guard(
            "what it selects is no longer restored as a test",
            "Backup Developer Guide, Restore testing",
        ),
    ),
    ResourceFact(
        type="aws:backup/selection:Selection",
        replacing=("iamRoleArn", "planId", "resources"),
        guard=Guard(
            "what it selects is no longer backed up", "Backup API Reference, DeleteBackupSelection"
        ),
    ),
    ResourceFact(
        type="aws:backup/vault:Vault",
        replacing=("kmsKeyArn",),
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
    ResourceFact(
        type="aws:cloudwatch/eventRule:EventRule",
        protections=(
            ProtectionRule(
                "eventPattern",
                "changed",
                "other events are passed on",
                "EventBridge User Guide, Event patterns",
            ),
            ProtectionRule(
                "state",
                "changed",
                "the rule may be disabled",
                "EventBridge User Guide, Disable or delete a rule",
            ),
            ProtectionRule(
                "scheduleExpression",
                "changed",
                "it runs at other times",
                "EventBridge User Guide, Schedule rules",
            ),
        ),
        guard=Guard(
            "its events are no longer passed on", "EventBridge User Guide, Disable or delete a rule"
        ),
        is_taggable=True,
        service="events",
    ),
    ResourceFact(
        type="aws:cloudwatch/eventTarget:EventTarget",
        replacing=("rule",),
        harmless=("inputTransformer",),
        protections=(
            ProtectionRule(
                "arn", "changed", "events go to another target", "EventBridge User Guide, Targets"
            ),
        ),
        guard=Guard(
            "events of its rule no longer reach the target",
            "EventBridge API Reference, RemoveTargets",
        ),
        service="events",
    ),
)
