"""`ops recover rebuild` and `region`."""

import json
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

from ops.core.local_commands import Workstation
from ops.core.plan import Plan
from ops.recovery import rebuild as rebuilding
from ops.recovery import sources
from ops.state.differences import compute_state_digest
from tests.ops import fake_pulumi as pretended_pulumi
from tests.ops.db_stage import describe_database
from tests.ops.procedures import Procedure
from tests.ops.procedures.recover import PRIMARY_IDENTIFIER, put_recoverable_database
from tests.ops.stage import RECOVERY_REGION, REGION, Stage

REGION_STACK: Final = "test-eu-west-1"
# A checkout's own, and the same for each of its workers: the names of tests have it in them.
PROGRAM_FOLDER: Final = Path(__file__).parents[3] / "build" / "test-program"
STATE_FILE: Final = PROGRAM_FOLDER / "state.json"
PROGRAM_OPTION: Final = f"--program {PROGRAM_FOLDER}"


def put_program_folder() -> None:
    """The folder of a program, and an export of its stack's state."""
    PROGRAM_FOLDER.mkdir(parents=True, exist_ok=True)
    _write_whole(PROGRAM_FOLDER / "Pulumi.yaml", "name: bulwark\n")
    _write_whole(STATE_FILE, json.dumps(pretended_pulumi.build_stack_export("db-lost", "x::y")))


def _write_whole(file: Path, text: str) -> None:
    """A file that another worker may be reading: whole at any time."""
    with tempfile.NamedTemporaryFile(
        "w", dir=PROGRAM_FOLDER, delete=False, encoding="utf-8"
    ) as draft_file:
        draft_file.write(text)
    Path(draft_file.name).replace(file)


def put_lost_database(stage: Stage) -> None:
    """No primary any more: its backups alone, of which a snapshot is the newest."""
    put_program_folder()
    put_recoverable_database(stage)
    rds = stage.client("rds")
    stage.clock.sleep(600)
    rds.modify_db_instance(
        DBInstanceIdentifier=PRIMARY_IDENTIFIER, DeletionProtection=False, ApplyImmediately=True
    )
    stage.clock.sleep(600)
    rds.delete_db_instance(
        DBInstanceIdentifier=PRIMARY_IDENTIFIER,
        FinalDBSnapshotIdentifier=f"{PRIMARY_IDENTIFIER}-final",
        DeleteAutomatedBackups=False,
    )
    stage.clock.sleep(3600)
    pretended_pulumi.get_fake_pulumi(stage)


def put_lost_stack(stage: Stage) -> None:
    """Nor anything that Pulumi knows of the stack."""
    put_lost_database(stage)
    pretended_pulumi.get_fake_pulumi(stage).stacks.clear()


def put_replicated_backups(stage: Stage) -> None:
    """A primary whose backups are replicated to the recovery region."""
    put_program_folder()
    put_recoverable_database(stage)
    recovery_rds = stage.client("rds", RECOVERY_REGION)
    key = stage.client("kms", RECOVERY_REGION).create_key()["KeyMetadata"]["Arn"]
    recovery_rds.start_db_instance_automated_backups_replication(
        SourceDBInstanceArn=describe_database(stage)["DBInstanceArn"], KmsKeyId=key
    )
    stage.clock.sleep(3600)
    pretended_pulumi.get_fake_pulumi(stage)


def build_rebuild_workstation(_stage: Stage) -> Workstation:
    """The program's folder, and the state that the plan begins with where the command puts it."""
    files = Path(tempfile.mkdtemp(dir=_open_files_folder().name))
    shutil.copy(STATE_FILE, files / "rebuild-1.json")
    return Workstation(program=PROGRAM_FOLDER, files=files)


@cache
def _open_files_folder() -> "tempfile.TemporaryDirectory[str]":
    """Gone with this process."""
    return tempfile.TemporaryDirectory(prefix="bulwark-rebuild-")


def plan_rebuild(stage: Stage) -> Plan:
    source = sources.select_backup_source(
        sources.list_backup_sources(stage.aws, stage.outputs, REGION), None, REGION
    )
    state = rebuilding.InitialState(compute_state_digest(rebuilding.load_state_export(STATE_FILE)))
    return rebuilding.build_stack_rebuild_plan(
        stage.outputs,
        PROGRAM_FOLDER,
        source,
        "rebuild-1",
        state,
        rebuilding.RebuildChecks(),
    )


def plan_region(stage: Stage) -> Plan:
    source = sources.select_backup_source(
        sources.list_backup_sources(stage.aws, stage.outputs, RECOVERY_REGION),
        None,
        RECOVERY_REGION,
    )
    return rebuilding.build_region_recovery_plan(
        stage.outputs,
        PROGRAM_FOLDER,
        source,
        REGION_STACK,
        [],
        "region-1",
        rebuilding.RebuildChecks(),
    )


def collect_rebuild_facts(stage: Stage) -> tuple[object, ...]:
    """Who is there in both regions, and what Pulumi has been told."""
    stage.clock.sleep(7200)
    instances = [
        (region, item["DBInstanceIdentifier"], item["DBInstanceStatus"])
        for region in (REGION, RECOVERY_REGION)
        for item in stage.client("rds", region).describe_db_instances()["DBInstances"]
    ]
    stacks = pretended_pulumi.get_fake_pulumi(stage).stacks
    stack_facts = [
        (
            name,
            item.resources,
            sorted(k for k in item.config if "restoreFrom" in k),
            item.config.get("aws:region"),
            item.config.get("bulwark:recoveryRegion"),
        )
        for name, item in sorted(stacks.items())
    ]
    return instances, stack_facts


def list_snapshot_ids(stage: Stage) -> object:
    """What an undo leaves, however far the run had come: the backups that it is made from."""
    rds = stage.client("rds")
    return [
        snapshot["DBSnapshotIdentifier"] for snapshot in rds.describe_db_snapshots()["DBSnapshots"]
    ]


# Pulumi knows the stack, and nothing of another backup: looked at, and mostly so already.
STEPS_DONE_BEFORE: Final = frozenset({"select", "clear", "database"})
PROCEDURES: Final = (
    Procedure(
        "recover rebuild",
        f"--state {STATE_FILE} {PROGRAM_OPTION}",
        put_lost_stack,
        plan_rebuild,
        collect_rebuild_facts,
        collect_undone_facts=list_snapshot_ids,
        build_shell_runner=pretended_pulumi.get_fake_pulumi,
        build_workstation=build_rebuild_workstation,
        steps_maybe_done=STEPS_DONE_BEFORE,
        is_long=True,
    ),
    Procedure(
        "recover region",
        PROGRAM_OPTION,
        put_replicated_backups,
        plan_region,
        collect_rebuild_facts,
        collect_undone_facts=list_snapshot_ids,
        build_shell_runner=pretended_pulumi.get_fake_pulumi,
        build_workstation=build_rebuild_workstation,
        steps_maybe_done=STEPS_DONE_BEFORE,
        is_long=True,
    ),
)
