"""`ops recover rebuild` and `region`."""

import json
import tempfile
from pathlib import Path
from typing import Final

from ops.core.plan import Plan
from ops.recovery import rebuild as rebuilding
from ops.recovery import sources
from ops.state import backup as states
from tests.ops import fake_pulumi as pretended_pulumi
from tests.ops.db_stage import seen
from tests.ops.procedures import Procedure
from tests.ops.procedures.recover import OWN, put
from tests.ops.stage import RECOVERY, REGION, Stage

NAME: Final = "test-eu-west-1"
# A checkout's own, and the same for each of its workers: the names of tests have it in them.
FOLDER: Final = Path(__file__).parents[3] / "build" / "test-program"
STATE: Final = FOLDER / "state.json"
LINE: Final = f"--program {FOLDER}"


def put_program() -> None:
    """The folder of a program, and an export of its stack's state."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    _put(FOLDER / "Pulumi.yaml", "name: bulwark\n")
    _put(STATE, json.dumps(pretended_pulumi.state("db-lost", "x::y")))


def _put(file: Path, text: str) -> None:
    """A file that another worker may be reading: whole at any time."""
    with tempfile.NamedTemporaryFile("w", dir=FOLDER, delete=False, encoding="utf-8") as new:
        new.write(text)
    Path(new.name).replace(file)


def put_lost(on: Stage) -> None:
    """No primary any more: its backups alone, of which a snapshot is the newest."""
    put_program()
    put(on)
    rds = on.client("rds")
    on.clock.sleep(600)
    rds.modify_db_instance(
        DBInstanceIdentifier=OWN, DeletionProtection=False, ApplyImmediately=True
    )
    on.clock.sleep(600)
    rds.delete_db_instance(
        DBInstanceIdentifier=OWN,
        FinalDBSnapshotIdentifier=f"{OWN}-final",
        DeleteAutomatedBackups=False,
    )
    on.clock.sleep(3600)
    pretended_pulumi.of(on)


def put_all_lost(on: Stage) -> None:
    """Nor anything that Pulumi knows of the stack."""
    put_lost(on)
    pretended_pulumi.of(on).stacks.clear()


def put_replicated(on: Stage) -> None:
    """A primary whose backups are replicated to the recovery region."""
    put_program()
    put(on)
    there = on.client("rds", RECOVERY)
    key = on.client("kms", RECOVERY).create_key()["KeyMetadata"]["Arn"]
    there.start_db_instance_automated_backups_replication(
        SourceDBInstanceArn=seen(on)["DBInstanceArn"], KmsKeyId=key
    )
    on.clock.sleep(3600)
    pretended_pulumi.of(on)


def rebuilt(on: Stage) -> Plan:
    source = sources.chosen(sources.whole(on.aws, on.outputs, REGION), None, REGION)
    known = (STATE, states.compute_state_digest(rebuilding.state_of(STATE)))
    return rebuilding.rebuild(on.outputs, FOLDER, source, "rebuild-1", known, rebuilding.Looks())


def elsewhere(on: Stage) -> Plan:
    source = sources.chosen(sources.whole(on.aws, on.outputs, RECOVERY), None, RECOVERY)
    return rebuilding.region(on.outputs, FOLDER, source, NAME, [], "region-1", rebuilding.Looks())


def facts(on: Stage) -> tuple[object, ...]:
    """Who is there in both regions, and what Pulumi has been told."""
    on.clock.sleep(7200)
    listed = [
        (region, one["DBInstanceIdentifier"], one["DBInstanceStatus"])
        for region in (REGION, RECOVERY)
        for one in on.client("rds", region).describe_db_instances()["DBInstances"]
    ]
    stacks = pretended_pulumi.of(on).stacks
    told = [
        (
            name,
            one.resources,
            sorted(k for k in one.config if "restoreFrom" in k),
            one.config.get("aws:region"),
            one.config.get("bulwark:recoveryRegion"),
        )
        for name, one in sorted(stacks.items())
    ]
    return listed, told


def kept(on: Stage) -> object:
    """What an undo leaves, however far the run had come: the backups that it is made from."""
    rds = on.client("rds")
    return [one["DBSnapshotIdentifier"] for one in rds.describe_db_snapshots()["DBSnapshots"]]


# Pulumi knows the stack, and nothing of another backup: looked at, and mostly so already.
KNOWN: Final = frozenset({"select", "clear", "database"})
PROCEDURES: Final = (
    Procedure(
        "recover rebuild",
        f"--state {STATE} {LINE}",
        put_all_lost,
        rebuilt,
        facts,
        undone=kept,
        shell=pretended_pulumi.of,
        already=KNOWN,
        long=True,
    ),
    Procedure(
        "recover region",
        LINE,
        put_replicated,
        elsewhere,
        facts,
        undone=kept,
        shell=pretended_pulumi.of,
        already=KNOWN,
        long=True,
    ),
)
