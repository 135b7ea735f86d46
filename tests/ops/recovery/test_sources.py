"""What the database can be restored from, the newest data first, also once it is gone."""

from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from ops.core.aws import Aws
from ops.core.errors import DeniedError
from ops.database.snapshots import list_snapshots, select_snapshot
from ops.outputs import Outputs
from ops.recovery.sources import BackupSource, build_source_row, list_backup_sources
from sandbox.patches.rds.snapshots import put_backup_service_snapshot
from tests.ops.command_line import OpsConsole
from tests.ops.db_stage import open_database_console
from tests.ops.procedures.recover import PRIMARY_IDENTIFIER, put_primary_secret
from tests.ops.stage import ACCOUNT, REGION, Stage

SERVICE_SNAPSHOT = "awsbackup:job-1"


@pytest.fixture
def ops(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[OpsConsole]:
    with open_database_console(capsys, tmp_path, BackupRetentionPeriod=7) as console:
        put_primary_secret(console.stage)
        put_places(console.stage)
        console.file.write_text(console.stage.outputs.model_dump_json(by_alias=True))
        yield console


def put_places(stage: Stage) -> None:
    """The network and the parameter group that a restore puts a lost database into."""
    ec2, rds, part = stage.client("ec2"), stage.client("rds"), stage.outputs.database
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(
            VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=f"{REGION}{zone}"
        )["Subnet"]["SubnetId"]
        for number, zone in enumerate("ab")
    ]
    rds.create_db_subnet_group(
        DBSubnetGroupName=part.subnet_group, DBSubnetGroupDescription="own", SubnetIds=subnets
    )
    rds.create_db_parameter_group(
        DBParameterGroupName=part.parameter_group,
        DBParameterGroupFamily="postgres16",
        Description="own",
    )
    group = ec2.create_security_group(GroupName="database", Description="own", VpcId=vpc)
    part = part.model_copy(update={"security_group_id": group["GroupId"]})
    stage.outputs = stage.outputs.model_copy(update={"database": part})


def save(stage: Stage, name: str) -> None:
    stage.client("rds").create_db_snapshot(
        DBInstanceIdentifier=PRIMARY_IDENTIFIER, DBSnapshotIdentifier=name
    )
    stage.clock.sleep(3600)


def copy(stage: Stage, name: str, copy_name: str) -> None:
    stage.client("rds").copy_db_snapshot(
        SourceDBSnapshotIdentifier=name, TargetDBSnapshotIdentifier=copy_name
    )
    stage.clock.sleep(3600)


def lose_primary(stage: Stage, *, retain: bool) -> None:
    stage.client("rds").delete_db_instance(
        DBInstanceIdentifier=PRIMARY_IDENTIFIER,
        SkipFinalSnapshot=True,
        DeleteAutomatedBackups=not retain,
    )
    stage.clock.sleep(3600)


def test_a_copy_is_as_old_as_its_data(ops: OpsConsole) -> None:
    for name in ("old", "new"):
        save(ops.stage, f"{PRIMARY_IDENTIFIER}-{name}")
    copy(ops.stage, f"{PRIMARY_IDENTIFIER}-old", f"{PRIMARY_IDENTIFIER}-copy-of-old")
    names = [
        snapshot.name
        for snapshot in list_snapshots(ops.stage.aws, ops.stage.outputs, REGION)
        if snapshot.kind == "manual"
    ]
    assert names[0] == f"{PRIMARY_IDENTIFIER}-new"
    lose_primary(ops.stage, retain=False)
    sources = list_backup_sources(ops.stage.aws, ops.stage.outputs, REGION)
    assert sources[0].name == f"{PRIMARY_IDENTIFIER}-new"


def test_a_recovery_point_of_aws_backup_is_listed_and_restored(ops: OpsConsole) -> None:
    put_backup_service_snapshot(ACCOUNT, REGION, PRIMARY_IDENTIFIER, "job-1")
    ops.stage.clock.sleep(3600)
    assert SERVICE_SNAPSHOT in ops("db snapshot list --kind all")[0]
    out, _ = ops(f"recover snapshot {SERVICE_SNAPSHOT} --name before --no-sql --dry-run")
    assert f"restore the snapshot {SERVICE_SNAPSHOT}" in " ".join(out.split())
    lose_primary(ops.stage, retain=False)
    sources = list_backup_sources(ops.stage.aws, ops.stage.outputs, REGION)
    assert SERVICE_SNAPSHOT in [source.name for source in sources]
    out, _ = ops(f"recover snapshot {SERVICE_SNAPSHOT} --no-sql --dry-run")
    assert f"as {PRIMARY_IDENTIFIER}" in " ".join(out.split())


def test_snapshots_that_are_not_ours_are_never_pruned(ops: OpsConsole) -> None:
    put_backup_service_snapshot(ACCOUNT, REGION, PRIMARY_IDENTIFIER, "job-1")
    ops.stage.clock.sleep(40 * 86400)
    out, _ = ops("db snapshot prune --keep 1 --older-than 1 --dry-run")
    assert SERVICE_SNAPSHOT not in out


def test_a_shared_snapshot_is_restored_by_its_arn(ops: OpsConsole) -> None:
    save(ops.stage, f"{PRIMARY_IDENTIFIER}-shared")
    arn = f"arn:aws:rds:{REGION}:210987654321:snapshot:{PRIMARY_IDENTIFIER}-shared"
    (own,) = [
        snapshot
        for snapshot in list_snapshots(ops.stage.aws, ops.stage.outputs, REGION)
        if snapshot.name == f"{PRIMARY_IDENTIFIER}-shared"
    ]
    assert own.restore_identifier == own.name
    shared = type(own)(**{**vars(own), "kind": "shared", "arn": arn})
    assert select_snapshot([shared], own.name).restore_identifier == arn
    assert not shared.is_from_operations


def test_a_deleted_primary_is_restored_from_the_backups_that_it_left(ops: OpsConsole) -> None:
    lose_primary(ops.stage, retain=True)
    _, err = ops("recover point-in-time --to 2001-01-01T00:00:00Z --no-sql", expected_code=2)
    assert "--to must be latest or from" in err
    out, _ = ops("recover point-in-time --to latest --no-sql --dry-run --details")
    assert "SourceDbiResourceId" in out
    assert "is gone: what is restored takes its name" in out
    assert f"as {PRIMARY_IDENTIFIER}" in " ".join(out.split())


def test_without_backups_that_it_left_it_says_that_it_is_gone(ops: OpsConsole) -> None:
    lose_primary(ops.stage, retain=False)
    _, err = ops("recover point-in-time --to latest --no-sql", expected_code=1)
    assert f"there is no DB instance {PRIMARY_IDENTIFIER}" in err


def test_every_source_is_listed_with_its_command_the_newest_data_first(ops: OpsConsole) -> None:
    save(ops.stage, f"{PRIMARY_IDENTIFIER}-old")
    put_backup_service_snapshot(ACCOUNT, REGION, PRIMARY_IDENTIFIER, "job-1")
    ops.stage.clock.sleep(3600)
    copy(ops.stage, f"{PRIMARY_IDENTIFIER}-old", f"{PRIMARY_IDENTIFIER}-copy")
    lose_primary(ops.stage, retain=True)
    rows = ops.run_for_json("recover sources")["items"]
    times = [row["newest data"] for row in rows]
    assert times == sorted(times, reverse=True)
    commands = {row["kind"]: row["restore with"] for row in rows}
    assert commands["retained backup"] == "ops recover point-in-time --to latest"
    ops(f"{commands['retained backup'].removeprefix('ops ')} --no-sql --dry-run")
    by_name = {row["backup"]: row for row in rows}
    for name in (SERVICE_SNAPSHOT, f"{PRIMARY_IDENTIFIER}-old", f"{PRIMARY_IDENTIFIER}-copy"):
        assert by_name[name]["restore with"] == f"ops recover snapshot {name}"
        ops(f"recover snapshot {name} --no-sql --dry-run")
    ages = [by_name[f"{PRIMARY_IDENTIFIER}-{name}"]["newest data"] for name in ("old", "copy")]
    assert ages[0] == ages[1], "a copy is as old as its data"


def test_a_shared_snapshot_and_one_of_the_other_region_have_their_own_commands(
    ops: OpsConsole,
) -> None:
    arn = f"arn:aws:rds:{REGION}:210987654321:snapshot:rds:theirs"
    shared = BackupSource("snapshot", arn, "2026-11-01T00:00:00Z", 20)
    outputs = ops.stage.outputs
    row = build_source_row(outputs, REGION, shared)
    assert row["restore with"] == "ops recover snapshot rds:theirs"
    away = build_source_row(outputs, "eu-west-1", shared)
    assert away["restore with"] == f"ops recover region --from {arn}"


def test_a_region_that_cannot_be_read_is_unknown_and_not_empty(ops: OpsConsole) -> None:
    save(ops.stage, f"{PRIMARY_IDENTIFIER}-old")
    part = ops.stage.outputs.stack.model_copy(update={"recovery_region": "eu-west-1"})
    ops.stage.outputs = ops.stage.outputs.model_copy(update={"stack": part})
    ops.file.write_text(ops.stage.outputs.model_dump_json(by_alias=True))

    def list_sources(aws: Aws, outputs: Outputs, region: str) -> list[BackupSource]:
        if region == "eu-west-1":
            raise DeniedError("rds:DescribeDBSnapshots is denied")
        return list_backup_sources(aws, outputs, region)

    with patch("ops.recovery.commands.sources.list_backup_sources", list_sources):
        out, err = ops("recover sources", expected_code=1)
    assert f"{PRIMARY_IDENTIFIER}-old" in out
    assert "which backups eu-west-1 has is unknown: rds:DescribeDBSnapshots is denied" in err
