"""AWS Backup: vaults, plans, what they choose and how restores are tested."""

from typing import Final

from sandbox.resources.entry import (
    REMAINING_INPUTS,
    EntryCall,
    EntryTable,
    PhysicalNaming,
    ResourceEntry,
)

_PLAN_NAMES: Final = {
    "targetVaultName": "TargetBackupVaultName",
    "schedule": "ScheduleExpression",
    "startWindow": "StartWindowMinutes",
    "completionWindow": "CompletionWindowMinutes",
    "deleteAfter": "DeleteAfterDays",
    "coldStorageAfter": "MoveToColdStorageAfterDays",
    "destinationVaultArn": "DestinationBackupVaultArn",
    "name": "BackupPlanName",
}
_SELECTION_NAMES: Final = {
    "name": "SelectionName",
    "selectionTags": "ListOfTags",
    "type": "ConditionType",
    "key": "ConditionKey",
    "value": "ConditionValue",
}

ENTRIES: EntryTable = {
    "aws:backup/vault:Vault": ResourceEntry(
        EntryCall(
            "backup.create_backup_vault",
            inputs=REMAINING_INPUTS,
            rename={"kmsKeyArn": "EncryptionKeyArn"},
        ),
        id="out.BackupVaultName",
        naming=PhysicalNaming(prefix=None, max_length=50),
        outputs={"arn": "out.BackupVaultArn"},
        find_call=EntryCall("backup.describe_backup_vault", {"BackupVaultName": "id"}),
        find_result="out.BackupVaultArn",
    ),
    "aws:backup/plan:Plan": ResourceEntry(
        EntryCall(
            "backup.create_backup_plan",
            {"BackupPlanTags": "in.tags"},
            inputs=REMAINING_INPUTS,
            params_member="BackupPlan",
            rename=_PLAN_NAMES,
        ),
        id="out.BackupPlanId",
        naming=PhysicalNaming(prefix=None, max_length=50),
        outputs={"arn": "out.BackupPlanArn", "version": "out.VersionId"},
        find_call=EntryCall("backup.get_backup_plan", {"BackupPlanId": "id"}),
        find_result="out.BackupPlan",
    ),
    "aws:backup/selection:Selection": ResourceEntry(
        EntryCall(
            "backup.create_backup_selection",
            {"BackupPlanId": "in.planId"},
            inputs=REMAINING_INPUTS,
            params_member="BackupSelection",
            rename=_SELECTION_NAMES,
        ),
        id="out.SelectionId",
        naming=PhysicalNaming(prefix=None, max_length=50),
        find_call=EntryCall(
            "backup.get_backup_selection", {"BackupPlanId": "in.planId", "SelectionId": "id"}
        ),
        find_result="out.BackupSelection",
    ),
    "aws:backup/restoreTestingPlan:RestoreTestingPlan": ResourceEntry(
        EntryCall(
            "backup.create_restore_testing_plan",
            {"Tags": "in.tags"},
            inputs=REMAINING_INPUTS,
            params_member="RestoreTestingPlan",
            rename={"name": "RestoreTestingPlanName"},
        ),
        id="out.RestoreTestingPlanName",
        naming=PhysicalNaming(prefix=None, max_length=50),
        outputs={"arn": "out.RestoreTestingPlanArn"},
        find_call=EntryCall("backup.get_restore_testing_plan", {"RestoreTestingPlanName": "id"}),
        find_result="out.RestoreTestingPlan",
    ),
    "aws:backup/restoreTestingSelection:RestoreTestingSelection": ResourceEntry(
        EntryCall(
            "backup.create_restore_testing_selection",
            {"RestoreTestingPlanName": "in.restoreTestingPlanName"},
            inputs=REMAINING_INPUTS,
            params_member="RestoreTestingSelection",
            rename={"name": "RestoreTestingSelectionName"},
        ),
        id="${out.RestoreTestingSelectionName}:${in.restoreTestingPlanName}",
        naming=PhysicalNaming(prefix=None, max_length=50),
        find_call=EntryCall(
            "backup.get_restore_testing_selection",
            {
                "RestoreTestingPlanName": "in.restoreTestingPlanName",
                "RestoreTestingSelectionName": "in.name",
            },
        ),
        find_result="out.RestoreTestingSelection",
    ),
}
