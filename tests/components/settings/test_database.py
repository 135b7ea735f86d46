"""Settings of the database: each refused value names its key and says what it may be."""

import re

import pytest
from pydantic import JsonValue

from components.settings import SettingsError
from tests.world import build_settings

LARGE_STORAGE: dict[str, JsonValue] = {"storageGb": 400, "maxStorageGb": 1000}
BACKUP_ARN = "arn:aws:rds:eu-north-1:123456789012:auto-backup:ab-x"


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"engineVersion": "13"}, ".engineVersion is '13', must be 14 to 18, or with a minor"),
        ({"engineVersion": "19"}, ".engineVersion is '19', must be 14 to 18"),
        ({"engineVersion": 16.1}, ".engineVersion is 16.1, must be a major, or in quotes"),
        (
            {"engineVersion": "16.9"},
            ".engineVersion is '16.9', must be 16 while autoMinorUpgrade is on: RDS moves on from",
        ),
        ({"instanceClass": "db.m4.large"}, ".instanceClass is 'db.m4.large', must be db.FAMILY."),
        ({"replicaClass": "db.t4g.nano"}, ".replicaClass is 'db.t4g.nano', must be db.t4g. and"),
        ({"storageGb": 10}, ".storageGb is 10, must be"),
        (
            {"storageGb": 100, "maxStorageGb": 109},
            ".maxStorageGb is 109, must be 0, or from 110: a tenth more than storageGb",
        ),
        ({"iops": 12000}, ".iops is 12000, must be set only from 400 GiB of storageGb"),
        ({"throughput": 500}, ".throughput is 500, must be set only from 400 GiB of storageGb"),
        ({**LARGE_STORAGE, "iops": 3000}, ".iops is 3000, must be 12000 to 64000"),
        ({**LARGE_STORAGE, "throughput": 125}, ".throughput is 125, must be 500 to 4000"),
        (
            {**LARGE_STORAGE, "throughput": 3001},
            ".throughput is 3001, must be at most a quarter of iops (12000)",
        ),
        ({"port": 5432}, ".port is 5432, must be another than PostgreSQL's default"),
        ({"port": 80}, ".port is 80, must be 1150 to 65535"),
        ({"adminName": "postgres"}, ".adminName is 'postgres', must be any name but the usual"),
        ({"adminName": "rdsadmin"}, ".adminName is 'rdsadmin', must be any name that does not"),
        ({"adminName": "select"}, ".adminName is 'select', must be any name that is no reserved"),
        ({"adminName": "a-b"}, ".adminName is 'a-b', must be up to 63 lower case letters"),
        (
            {"allowedCidrs": ["10.0.0.1/8"]},
            ".allowedCidrs.0 is '10.0.0.1/8', must be a range like 10.0.0.0/16, without host bits",
        ),
        (
            {"allowedCidrs": ["10.0.0.0/8", "203.0.113.0/24"]},
            ".allowedCidrs is ['10.0.0.0/8', '203.0.113.0/24'], must hold private ranges only, "
            "such as 10.20.0.0/16, not 203.0.113.0/24: the database has no public address",
        ),
        ({"allowedCidrs": ["0.0.0.0/0"]}, ".allowedCidrs is ['0.0.0.0/0'], must hold private"),
        ({"allowedCidrs": ["10.0.0.0/7"]}, "not 10.0.0.0/7"),
        ({"allowedCidrs": ["10.0.0.0/8", "10.0.0.0/8"]}, "must hold each range once"),
        ({"allowedCidrs": [f"10.{n}.0.0/16" for n in range(16)]}, ".allowedCidrs is "),
        ({"name": "postgres"}, ".name is 'postgres', must be any name but that of a database"),
        ({"name": "user"}, ".name is 'user', must be any name that is no reserved word"),
        ({"name": "1st"}, ".name is '1st', must be up to 63 lower case letters"),
        ({"backupDays": 36}, ".backupDays is 36, must be"),
        (
            {"backupDays": 0, "replicas": 1},
            ".backupDays is 0, must be 1 to 35: replicas need automated backups",
        ),
        (
            {"backupDays": 0},
            ".backupDays is 0, must be 1 to 35: crossRegionBackups replicate automated backups",
        ),
        ({"backupWindow": "2-3"}, ".backupWindow is '2-3', must be hh:mm-hh:mm in UTC"),
        (
            {"backupWindow": "02:00-02:20"},
            ".backupWindow is '02:00-02:20', must be a window of 30 minutes or more",
        ),
        (
            {"maintenanceWindow": "sun:02:30-sun:03:00"},
            ".backupWindow is '02:00-03:00', must not overlap maintenanceWindow (sun:02:30-",
        ),
        ({"performanceInsightsDays": 30}, ".performanceInsightsDays is 30, must be 7, a multiple"),
        ({"performanceInsightsDays": 744}, ".performanceInsightsDays is 744, must be 7, a multi"),
        (
            {"databaseInsights": "advanced"},
            ".databaseInsights is 'advanced', must be so only with performanceInsights "
            "kept for 465",
        ),
        ({"monitoringSeconds": 20}, ".monitoringSeconds is 20, must be 0, 1, 5, 10, 15, 30 or 60"),
        (
            {"parameters": {"rds.force_ssl": 0}},
            ".parameters is an object, must not turn rds.force_ssl off: connections are by TLS",
        ),
        (
            {"parameters": {"log_min_duration_statement": "5"}},
            "must not have log_min_duration_statement: slowQueryMs sets it",
        ),
        (
            {"parameters": {"shared_preload_libraries": "pgaudit"}},
            "must have shared_preload_libraries only with pg_stat_statements in it",
        ),
        ({"ca": "rds-ca-2019"}, ".ca is 'rds-ca-2019', must be 'rds-ca-rsa2048-g1', "),
        ({"rotationDays": 91}, ".rotationDays is 91, must be"),
        ({"restoreFrom": {}}, ".restoreFrom is {}, must have exactly one of snapshot, instance"),
        (
            {"restoreFrom": {"snapshot": "a", "instance": "b"}},
            "must have exactly one of snapshot, instance, automatedBackupArn and resourceId",
        ),
        (
            {"restoreFrom": {"snapshot": "a", "time": "2026-01-31T03:00:00Z"}},
            ".restoreFrom.time is '2026-01-31T03:00:00Z', must not be set: a snapshot is of one",
        ),
        (
            {"restoreFrom": {"instance": "a", "time": "2026-02-30T03:00:00Z"}},
            ".restoreFrom.time is '2026-02-30T03:00:00Z', must be 'latest', or a UTC time like",
        ),
        (
            {"restoreFrom": {"instance": "a", "time": "2026-01-31T03:00:00+02:00"}},
            ".restoreFrom.time is '2026-01-31T03:00:00+02:00', must be 'latest', or a UTC time",
        ),
        (
            {"restoreFrom": {"automatedBackupArn": "ab-x"}},
            ".restoreFrom.automatedBackupArn is 'ab-x', must be like arn:aws:rds:REGION:ACCOUNT",
        ),
        ({"restoreFrom": {"resourceId": "old"}}, ".restoreFrom.resourceId is 'old', must match"),
        (
            {"restoreFrom": {"automatedBackupArn": BACKUP_ARN.replace("north", "west")}},
            ".restoreFrom.automatedBackupArn is of eu-west-1, must be of eu-north-1: RDS restores",
        ),
        (
            {"restoreFrom": {"snapshot": "arn:aws:rds:eu-west-1:123456789012:snapshot:x"}},
            ".restoreFrom.snapshot is of eu-west-1, must be of eu-north-1: RDS restores in the",
        ),
    ],
)
def test_what_rds_would_refuse_is_refused_with_the_reason(
    values: dict[str, JsonValue], line: str
) -> None:
    with pytest.raises(SettingsError, match=re.escape(line)) as error:
        build_settings({"database": values})
    assert str(error.value).startswith("bulwark:database.")
    assert "\n" not in str(error.value)


def test_replicated_backups_need_own_keys() -> None:
    with pytest.raises(
        SettingsError,
        match=r"database\.crossRegionBackups is True, must be so only with encryption",
    ):
        build_settings({"encryption": "aws"})


def test_names_that_rds_refuses_for_two_hyphens_are_refused() -> None:
    from components.settings import parse_settings

    config = {"bulwark:profile": "dev", "bulwark:owner": "a", "bulwark:costCenter": "b"}
    assert (
        parse_settings(
            "bulwark", stack="a-b", region="eu-north-1", config=config
        ).database_identifier
        == "bulwark-a-b-database"
    )
    for stack in ("a--b", "a-"):
        with pytest.raises(SettingsError, match=f"stack is '{stack}'"):
            parse_settings("bulwark", stack=stack, region="eu-north-1", config=config)


@pytest.mark.parametrize(
    "values",
    [
        {**LARGE_STORAGE, "iops": 64000, "throughput": 4000},
        {**LARGE_STORAGE, "throughput": 3000},
        {"engineVersion": 17},
        {"engineVersion": "16.9", "autoMinorUpgrade": False},
        {"maxStorageGb": 0},
        {"storageGb": 100, "maxStorageGb": 110},
        {"performanceInsightsDays": 465, "databaseInsights": "advanced"},
        {"allowedCidrs": ["10.20.0.0/16", "172.31.255.0/24", "192.168.1.7/32", "100.64.0.0/10"]},
        {"restoreFrom": {"instance": "old", "time": "2026-01-31T03:00:00Z"}},
        {"restoreFrom": {"automatedBackupArn": BACKUP_ARN}},
        {"restoreFrom": {"resourceId": "db-ABCDEFGHIJKL01234"}},
        {"restoreFrom": {"snapshot": "rds:old-2026-01-31"}},
        {"parameters": {"shared_preload_libraries": "pgaudit,pg_stat_statements"}},
        {"backupDays": 0, "crossRegionBackups": False},
    ],
)
def test_what_rds_takes_is_taken(values: dict[str, JsonValue]) -> None:
    build_settings({"database": values})


def test_a_parameter_may_be_written_as_a_number() -> None:
    database = build_settings(
        {"database": {"parameters": {"work_mem": 65536, "jit": "off"}}}
    ).database
    assert database.parameters == {"work_mem": "65536", "jit": "off"}


def test_iops_and_throughput_are_sent_together() -> None:
    assert build_settings().database.provisioned_performance is None
    assert build_settings(
        {"database": {**LARGE_STORAGE, "iops": 20000}}
    ).database.provisioned_performance == (
        20000,
        500,
    )
    assert build_settings(
        {"database": {**LARGE_STORAGE, "throughput": 700}}
    ).database.provisioned_performance == (12000, 700)


def test_adjacent_windows_are_accepted_with_capitals_in_days() -> None:
    database = build_settings(
        {"database": {"backupWindow": "03:00-04:00", "maintenanceWindow": "Sun:04:00-Sun:05:00"}}
    ).database
    assert database.maintenance_window == "sun:04:00-sun:05:00"
