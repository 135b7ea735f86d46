"""AWS Backup in the sandbox: selections, vault settings and restore testing are kept."""

from typing import Any

from tests.sandbox.conftest import ClientFactory, RefusalGetter

BACKUP_ROLE_ARN = "arn:aws:iam::123456789012:role/backup"
TOPIC_ARN = "arn:aws:sns:eu-north-1:123456789012:warn"


def create_daily_plan(backup: Any) -> str:
    backup.create_backup_vault(BackupVaultName="vault")
    rule = {"RuleName": "daily", "TargetBackupVaultName": "vault"}
    response = backup.create_backup_plan(BackupPlan={"BackupPlanName": "p", "Rules": [rule]})
    return str(response["BackupPlanId"])


def test_a_selection_is_kept_listed_and_deleted(aws_client: ClientFactory) -> None:
    backup = aws_client("backup")
    plan_id = create_daily_plan(backup)
    backup_selection = {
        "SelectionName": "all",
        "IamRoleArn": BACKUP_ROLE_ARN,
        "Resources": ["arn:aws:rds:*:*:db:x"],
    }
    response = backup.create_backup_selection(
        BackupPlanId=plan_id, BackupSelection=backup_selection
    )
    where = {"BackupPlanId": plan_id, "SelectionId": response["SelectionId"]}
    assert backup.get_backup_selection(**where)["BackupSelection"] == backup_selection
    listed = backup.list_backup_selections(BackupPlanId=plan_id)["BackupSelectionsList"]
    assert [s["SelectionName"] for s in listed] == ["all"]
    backup.delete_backup_selection(**where)
    assert backup.list_backup_selections(BackupPlanId=plan_id)["BackupSelectionsList"] == []


def test_a_plan_with_selections_is_not_deleted(
    aws_client: ClientFactory, get_refusal: RefusalGetter
) -> None:
    backup = aws_client("backup")
    plan_id = create_daily_plan(backup)
    backup.create_backup_selection(
        BackupPlanId=plan_id, BackupSelection={"SelectionName": "s", "IamRoleArn": BACKUP_ROLE_ARN}
    )
    code, message = get_refusal(backup.delete_backup_plan, BackupPlanId=plan_id)
    assert code == "InvalidRequestException"
    assert "selections must be deleted" in message


def test_an_update_makes_a_new_version_of_the_same_plan(aws_client: ClientFactory) -> None:
    backup = aws_client("backup")
    plan_id = create_daily_plan(backup)
    before = backup.get_backup_plan(BackupPlanId=plan_id)
    rule = {"RuleName": "weekly", "TargetBackupVaultName": "vault"}
    backup.update_backup_plan(
        BackupPlanId=plan_id, BackupPlan={"BackupPlanName": "p", "Rules": [rule]}
    )
    after = backup.get_backup_plan(BackupPlanId=plan_id)
    assert after["BackupPlanArn"] == before["BackupPlanArn"]
    assert after["VersionId"] != before["VersionId"]
    assert [r["RuleName"] for r in after["BackupPlan"]["Rules"]] == ["weekly"]


def test_a_rule_for_a_vault_that_is_not_there_is_refused(
    aws_client: ClientFactory, get_refusal: RefusalGetter
) -> None:
    backup = aws_client("backup")
    rule = {"RuleName": "daily", "TargetBackupVaultName": "nowhere"}
    code, _ = get_refusal(
        backup.create_backup_plan, BackupPlan={"BackupPlanName": "p", "Rules": [rule]}
    )
    assert code == "InvalidParameterValueException"


def test_a_vault_keeps_its_notifications_and_policy(
    aws_client: ClientFactory, get_refusal: RefusalGetter
) -> None:
    backup = aws_client("backup")
    backup.create_backup_vault(BackupVaultName="vault")
    vault = {"BackupVaultName": "vault"}
    events = ["BACKUP_JOB_FAILED"]
    backup.put_backup_vault_notifications(**vault, SNSTopicArn=TOPIC_ARN, BackupVaultEvents=events)
    assert backup.get_backup_vault_notifications(**vault)["BackupVaultEvents"] == events
    backup.put_backup_vault_access_policy(**vault, Policy="{}")
    assert backup.get_backup_vault_access_policy(**vault)["Policy"] == "{}"
    backup.delete_backup_vault_notifications(**vault)
    code, _ = get_refusal(backup.get_backup_vault_notifications, **vault)
    assert code == "ResourceNotFoundException"


def test_restore_testing_plans_hold_their_selections(
    aws_client: ClientFactory, get_refusal: RefusalGetter
) -> None:
    backup = aws_client("backup")
    points = {"Algorithm": "LATEST_WITHIN_WINDOW", "IncludeVaults": ["*"]}
    points["RecoveryPointTypes"] = ["SNAPSHOT"]
    name = {"RestoreTestingPlanName": "weekly"}
    schedule = {"ScheduleExpression": "cron(0 8 ? * SUN *)", "RecoveryPointSelection": points}
    backup.create_restore_testing_plan(RestoreTestingPlan={**name, **schedule})
    testing_plan = backup.get_restore_testing_plan(**name)["RestoreTestingPlan"]
    assert testing_plan["RecoveryPointSelection"]["SelectionWindowDays"] == 30
    selection = {"RestoreTestingSelectionName": "db", "ProtectedResourceType": "RDS"}
    expected = {**selection, "IamRoleArn": BACKUP_ROLE_ARN, "ProtectedResourceArns": ["*"]}
    backup.create_restore_testing_selection(**name, RestoreTestingSelection=expected)
    code, _ = get_refusal(backup.delete_restore_testing_plan, **name)
    assert code == "InvalidRequestException"
    backup.delete_restore_testing_selection(**name, RestoreTestingSelectionName="db")
    backup.delete_restore_testing_plan(**name)
    assert backup.list_restore_testing_plans()["RestoreTestingPlans"] == []


def test_each_region_keeps_its_own(aws_client: ClientFactory) -> None:
    points = {"Algorithm": "LATEST_WITHIN_WINDOW", "IncludeVaults": ["*"]}
    points["RecoveryPointTypes"] = ["SNAPSHOT"]
    schedule = {"ScheduleExpression": "cron(0 8 ? * SUN *)", "RecoveryPointSelection": points}
    aws_client("backup").create_restore_testing_plan(
        RestoreTestingPlan={"RestoreTestingPlanName": "weekly", **schedule}
    )
    elsewhere = aws_client("backup", "eu-west-1").list_restore_testing_plans()
    assert elsewhere["RestoreTestingPlans"] == []


def test_tags_are_listed_and_changed(aws_client: ClientFactory) -> None:
    backup = aws_client("backup")
    vault = backup.create_backup_vault(BackupVaultName="v", BackupVaultTags={"Owner": "platform"})
    arn = vault["BackupVaultArn"]
    backup.tag_resource(ResourceArn=arn, Tags={"More": "1"})
    assert backup.list_tags(ResourceArn=arn)["Tags"] == {"Owner": "platform", "More": "1"}
    backup.untag_resource(ResourceArn=arn, TagKeyList=["Owner"])
    assert backup.list_tags(ResourceArn=arn)["Tags"] == {"More": "1"}
