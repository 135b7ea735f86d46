"""`ops state backup` and `restore`."""

import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

from ops.core.plan import Plan
from ops.core.run import StackContext
from ops.state import backup as states
from tests.ops import fake_pulumi as pretended_pulumi
from tests.ops.procedures import Procedure
from tests.ops.procedures.recover_rebuild import FOLDER, LINE, put_program
from tests.ops.stage import REGION, Stage

THEN: Final = "before"


def put(on: Stage) -> None:
    """The stack's program and state, and its bucket."""
    put_program()
    on.client("s3").create_bucket(
        Bucket=on.outputs.backups.operations_bucket,
        CreateBucketConfiguration={"LocationConstraint": REGION},
    )
    pretended_pulumi.of(on)


def put_saved(on: Stage) -> None:
    """And a state of before, of another database."""
    put(on)
    on.client("s3").put_object(
        Bucket=on.outputs.backups.operations_bucket,
        Key=f"states/test/{THEN}.json",
        Body=json.dumps(pretended_pulumi.state("db-0", "aws:s3/bucket:Bucket::b")),
    )


def draft(name: str) -> Path:
    """A new folder each: a file of before would be one that is there already."""
    return Path(tempfile.mkdtemp(dir=_drafts().name)) / name


@cache
def _drafts() -> "tempfile.TemporaryDirectory[str]":
    """Gone with this process."""
    return tempfile.TemporaryDirectory(prefix="bulwark-states-")


def saved(on: Stage) -> Plan:
    return states.build_state_backup_plan(on.outputs, FOLDER, draft("state-1.json"), "state-1")


def restored(on: Stage) -> Plan:
    of = StackContext(on.outputs, on.aws)
    then = states.fetch_saved_state(
        of, states.resolve_saved_state(states.list_saved_states(of), THEN)
    )
    given = draft("given.json")
    given.write_text(json.dumps(then), encoding="utf-8")
    now = pretended_pulumi.of(on).stacks["test"].state
    return states.build_state_restore_plan(
        on.outputs, FOLDER, draft("state-1.json"), given, then, now, "state-1"
    )


def facts(on: Stage) -> tuple[object, ...]:
    """What Pulumi knows, and what was saved of what it knew."""
    s3, bucket = on.client("s3"), on.outputs.backups.operations_bucket
    listed = s3.list_objects_v2(Bucket=bucket, Prefix="states/").get("Contents", ())
    kept = {
        one["Key"]: s3.get_object(Bucket=bucket, Key=one["Key"])["Body"].read() for one in listed
    }
    digests = {
        key.rpartition("/")[2][:5]: states.compute_state_digest(json.loads(v))
        for key, v in kept.items()
    }
    return states.compute_state_digest(pretended_pulumi.of(on).stacks["test"].state), digests


def known(on: Stage) -> object:
    """What Pulumi knows: what an undo gives back."""
    return facts(on)[0]


PROCEDURES: Final = (
    Procedure("state backup", LINE, put, saved, facts, shell=pretended_pulumi.of),
    Procedure(
        "state restore",
        f"{THEN} {LINE}",
        put_saved,
        restored,
        facts,
        undone=known,
        shell=pretended_pulumi.of,
    ),
)
