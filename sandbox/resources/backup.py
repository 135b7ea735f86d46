"""AWS Backup: vaults, plans, what they choose and how restores are tested."""

from typing import Final

from sandbox.resources.entry import REST, Call, Entries, Entry, Naming

_PLAN: Final = {
    "targetVaultName": "TargetBackupVaultName",
    "schedule": "ScheduleExpression",
    "startWindow": "StartWindowMinutes",
    "completionWindow": "CompletionWindowMinutes",
    "deleteAfter": "DeleteAfterDays",
    "coldStorageAfter": "MoveToColdStorageAfterDays",
    "destinationVaultArn": "DestinationBackupVaultArn",
    "name": "BackupPlanName",
}
_SELECTION: Final = {
    "name": "SelectionName",
    "selectionTags": "ListOfTags",
    "type": "ConditionType",
    "key": "ConditionKey",
    "value": "ConditionValue",
}

ENTRIES: Entries = {
    "aws:backup/vault:Vault": Entry(
        Call("backup.create_backup_vault", fit=REST, rename={"kmsKeyArn": "EncryptionKeyArn"}),
        id="out.BackupVaultName",
        naming=Naming(prefix=None, limit=50),
        outputs={"arn": "out.BackupVaultArn"},
        find=Call("backup.describe_backup_vault", {"BackupVaultName": "id"}),
        found="out.BackupVaultArn",
    ),
    "aws:backup/plan:Plan": Entry(
        Call(
            "backup.create_backup_plan",
            {"BackupPlanTags": "in.tags"},
            fit=REST,
            into="BackupPlan",
            rename=_PLAN,
        ),
        id="out.BackupPlanId",
        naming=Naming(prefix=None, limit=50),
        outputs={"arn": "out.BackupPlanArn", "version": "out.VersionId"},
        find=Call("backup.get_backup_plan", {"BackupPlanId": "id"}),
        found="out.BackupPlan",
    ),
    "aws:backup/selection:Selection": Entry(
        Call(
            "backup.create_backup_selection",
            {"BackupPlanId": "in.planId"},
            fit=REST,
            into="BackupSelection",
            rename=_SELECTION,
        ),
        id="out.SelectionId",
        naming=Naming(prefix=None, limit=50),
        find=Call(
            "backup.get_backup_selection", {"BackupPlanId": "in.planId", "SelectionId": "id"}
        ),
        found="out.BackupSelection",
    ),
    "aws:backup/restoreTestingPlan:RestoreTestingPlan": Entry(
        Call(
            "backup.create_restore_testing_plan",
            {"Tags": "in.tags"},
            fit=REST,
            into="RestoreTestingPlan",
            rename={"name": "RestoreTestingPlanName"},
        ),
        id="out.RestoreTestingPlanName",
        naming=Naming(prefix=None, limit=50),
        outputs={"arn": "out.RestoreTestingPlanArn"},
        find=Call("backup.get_restore_testing_plan", {"RestoreTestingPlanName": "id"}),
        found="out.RestoreTestingPlan",
    ),
    "aws:backup/restoreTestingSelection:RestoreTestingSelection": Entry(
        Call(
            "backup.create_restore_testing_selection",
            {"RestoreTestingPlanName": "in.restoreTestingPlanName"},
            fit=REST,
            into="RestoreTestingSelection",
            rename={"name": "RestoreTestingSelectionName"},
        ),
        id="${out.RestoreTestingSelectionName}:${in.restoreTestingPlanName}",
        naming=Naming(prefix=None, limit=50),
        find=Call(
            "backup.get_restore_testing_selection",
            {
                "RestoreTestingPlanName": "in.restoreTestingPlanName",
                "RestoreTestingSelectionName": "in.name",
            },
        ),
        found="out.RestoreTestingSelection",
    ),
}
