"""AWS Backup: what is backed up, for how long, where to, and who hears of a failure."""

import json
from typing import cast

import pytest
from pulumi import Output
from pydantic import JsonValue

from components.account import Account
from components.backups import Backups, BackupsArgs
from components.database import Database
from components.keys import Keys, KeysArgs
from components.operations import Operations, OperationsArgs
from components.settings import Settings
from components.topics import Topics, TopicsArgs
from sandbox.program import ResourceGraph
from tests.components.neighbours import ComponentStandIn
from tests.conftest import Build
from tests.world import build_settings

BACKUP_VAULT_TYPE, BACKUP_PLAN_TYPE = "aws:backup/vault:Vault", "aws:backup/plan:Plan"
BACKUP_SELECTION_TYPE = "aws:backup/selection:Selection"
RESTORE_TESTING_SELECTION_TYPE = "aws:backup/restoreTestingSelection:RestoreTestingSelection"
VAULT_LOCK_TYPE = "aws:backup/vaultLockConfiguration:VaultLockConfiguration"
DATABASE_ARN = "arn:aws:rds:eu-north-1:123456789012:db:bulwark-test-database"


def build_backups_graph(build: Build, settings: Settings) -> ResourceGraph:
    """What the component registers with these settings, beside a stand-in of the database."""

    def program() -> None:
        account = Account.get_current()
        keys = Keys("keys", args=KeysArgs(settings=settings, account=account))
        topics = Topics("topics", args=TopicsArgs(settings=settings, account=account, keys=keys))
        part = Output.from_input({"subnetGroup": "bulwark-test-database"})
        database = ComponentStandIn("database", arn=Output.from_input(DATABASE_ARN), part=part)
        operations = Operations(
            "operations",
            args=OperationsArgs(settings=settings, account=account, keys=keys, log_bucket=None),
        )
        backups_args = BackupsArgs(
            settings=settings,
            account=account,
            keys=keys,
            topics=topics,
            database=cast(Database, database),
            operations=operations,
        )
        Backups("backups", args=backups_args)

    return build(program)


def build_backup_settings(value: dict[str, JsonValue]) -> Settings:
    return build_settings({"backups": value})


@pytest.fixture(scope="module")
def prod(build: Build) -> ResourceGraph:
    return build_backups_graph(build, build_settings())


@pytest.mark.parametrize(
    ("name", "key", "region"),
    [("backups", "keys-vault", None), ("backups-recovery", "keys-recovery", "eu-west-1")],
)
def test_backup_1_a_vault_is_encrypted_with_its_regions_own_key(
    prod: ResourceGraph, name: str, key: str, region: str | None
) -> None:
    vault = prod.get_resource(BACKUP_VAULT_TYPE, name)
    assert vault.inputs["kmsKeyArn"] == prod.get_resource("aws:kms/key:Key", key).outputs["arn"]
    assert vault.inputs.get("region") == region
    assert vault.inputs["name"] == "bulwark-test-backups"
    assert vault.ignore_changes == ("kmsKeyArn",), "a vault of before keeps its key"


def test_rds_26_the_database_is_in_the_plan_by_its_arn(prod: ResourceGraph) -> None:
    selection = prod.get_resource(BACKUP_SELECTION_TYPE).inputs
    assert selection["resources"] == [DATABASE_ARN]
    assert selection["planId"] == prod.get_resource(BACKUP_PLAN_TYPE).id
    assert (
        selection["iamRoleArn"]
        == prod.get_resource("aws:iam/role:Role", "backups-service").outputs["arn"]
    )


@pytest.mark.parametrize(
    ("values", "protected", "discarded"),
    [
        ({}, True, False),
        ({"protect": False}, False, False),
        ({"protect": False, "deletion": {"discard": ["recoveryPoints"]}}, False, True),
    ],
)
def test_vaults_are_retained_unless_the_settings_discard_them(
    build: Build, values: dict[str, JsonValue], *, protected: bool, discarded: bool
) -> None:
    vaults = build_backups_graph(build, build_settings(values)).list_resources(BACKUP_VAULT_TYPE)
    assert [(v.protect, v.inputs["forceDestroy"], v.retain_on_delete) for v in vaults] == [
        (protected, discarded, not discarded)
    ] * 2


def test_rarer_backups_are_kept_longer(prod: ResourceGraph) -> None:
    rules = prod.get_resource(BACKUP_PLAN_TYPE).inputs["rules"]
    assert {r["ruleName"]: (r["schedule"], r["lifecycle"]["deleteAfter"]) for r in rules} == {
        "daily": ("cron(0 5 * * ? *)", 35),
        "weekly": ("cron(0 5 ? * SUN *)", 90),
        "monthly": ("cron(0 5 1 * ? *)", 365),
    }


def test_each_backup_is_copied_to_the_recovery_region(prod: ResourceGraph) -> None:
    recovery_vault_arn = prod.get_resource(BACKUP_VAULT_TYPE, "backups-recovery").outputs["arn"]
    for rule in prod.get_resource(BACKUP_PLAN_TYPE).inputs["rules"]:
        [copy] = rule["copyActions"]
        assert (copy["destinationVaultArn"], copy["lifecycle"]) == (
            recovery_vault_arn,
            {"deleteAfter": 35},
        )


@pytest.mark.parametrize(
    "values", [{"recoveryRegion": None}, {"backups": {"copyToRecovery": False}}]
)
def test_without_a_recovery_region_or_if_turned_off_no_backup_is_copied(
    build: Build, values: dict[str, JsonValue]
) -> None:
    graph = build_backups_graph(build, build_settings(values))
    assert [v.name for v in graph.list_resources(BACKUP_VAULT_TYPE)] == ["backups"]
    assert all(
        not rule["copyActions"] for rule in graph.get_resource(BACKUP_PLAN_TYPE).inputs["rules"]
    )


def test_point_in_time_recovery_stays_with_rds(prod: ResourceGraph) -> None:
    rules = prod.get_resource(BACKUP_PLAN_TYPE).inputs["rules"]
    assert not any(rule.get("enableContinuousBackup") for rule in rules)


def test_the_backup_role_has_the_managed_policies_of_aws_backup(prod: ResourceGraph) -> None:
    role = prod.get_resource("aws:iam/role:Role", "backups-service")
    [trust] = json.loads(role.inputs["assumeRolePolicy"])["Statement"]
    assert trust["Principal"] == {"Service": ["backup.amazonaws.com"]}
    attachments = prod.list_resources("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
    assert sorted(a.inputs["policyArn"].rsplit("/")[-1] for a in attachments) == [
        "AWSBackupServiceRolePolicyForBackup",
        "AWSBackupServiceRolePolicyForRestores",
    ]


def test_the_newest_backup_is_restored_each_week_into_the_databases_subnets(
    prod: ResourceGraph,
) -> None:
    plan = prod.get_resource("aws:backup/restoreTestingPlan:RestoreTestingPlan").inputs
    assert plan["name"] == "bulwark_test_restore_test"  # AWS takes no hyphens here
    assert plan["scheduleExpression"] == "cron(0 5 ? * MON *)"
    selection = plan["recoveryPointSelection"]
    assert selection["includeVaults"] == [
        prod.get_resource(BACKUP_VAULT_TYPE, "backups").outputs["arn"]
    ]
    assert selection["algorithm"] == "LATEST_WITHIN_WINDOW"
    test = prod.get_resource(RESTORE_TESTING_SELECTION_TYPE).inputs
    assert test["protectedResourceConditions"]["stringEquals"] == [
        {"key": "aws:ResourceTag/Name", "value": "bulwark-test-database"}
    ]
    assert test["restoreMetadataOverrides"] == {"dbSubnetGroupName": "bulwark-test-database"}


def test_restores_are_tested_only_if_the_settings_ask_for_it(build: Build) -> None:
    assert (
        build_backups_graph(build, build_backup_settings({"restoreTesting": False})).list_resources(
            RESTORE_TESTING_SELECTION_TYPE
        )
        == []
    )


def test_failed_backups_copies_and_restores_of_this_stack_warn(prod: ResourceGraph) -> None:
    rule = prod.get_resource("aws:cloudwatch/eventRule:EventRule")
    pattern = json.loads(rule.inputs["eventPattern"])
    role = prod.get_resource("aws:iam/role:Role", "backups-service").outputs["arn"]
    assert pattern["detail"]["iamRoleArn"] == [role]
    assert [t.split()[0] for t in pattern["detail-type"]] == ["Backup", "Copy", "Restore"]
    states = [next(iter(option.values())) for option in pattern["detail"]["$or"]]
    assert states == [["ABORTED", "EXPIRED", "FAILED", "PARTIAL"]] * 2
    target = prod.get_resource("aws:cloudwatch/eventTarget:EventTarget").inputs
    assert target["arn"] == prod.get_resource("aws:sns/topic:Topic", "topics-warn").outputs["arn"]
    assert target["rule"] == rule.outputs["name"]
    template = target["inputTransformer"]["inputTemplate"]
    names = target["inputTransformer"]["inputPaths"]
    assert all(f"<{name}>" in template for name in names)


@pytest.mark.parametrize(("lock", "final"), [("governance", None), ("compliance", 3)])
def test_a_locked_vault_keeps_what_the_plan_promises(
    build: Build, lock: str, final: int | None
) -> None:
    locks = {
        entry.name: entry.inputs
        for entry in build_backups_graph(
            build, build_backup_settings({"lock": lock})
        ).list_resources(VAULT_LOCK_TYPE)
    }
    assert {name: entry["minRetentionDays"] for name, entry in locks.items()} == {
        "backups": 35,
        "backups-recovery": 35,
    }
    assert {entry.get("changeableForDays") for entry in locks.values()} == {final}
    assert locks["backups-recovery"]["region"] == "eu-west-1"


def test_a_vault_is_not_locked_by_default(prod: ResourceGraph) -> None:
    assert prod.list_resources(VAULT_LOCK_TYPE) == []


def test_with_backups_off_there_is_no_vault_but_the_operations_bucket(build: Build) -> None:
    graph = build_backups_graph(build, build_settings(profile="dev"))
    assert [r.type for r in graph if r.type.startswith("aws:backup")] == []
    assert graph.get_resource("aws:s3/bucket:Bucket", "operations")
