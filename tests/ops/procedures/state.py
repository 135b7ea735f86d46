"""`ops state backup` and `restore`."""

import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

from ops.core.local_commands import Workstation
from ops.core.plan import Plan
from ops.core.run_context import StackContext
from ops.state import backup as states
from ops.state.differences import compute_state_digest
from ops.state.restore import build_state_restore_plan
from tests.ops import fake_pulumi as pretended_pulumi
from tests.ops.procedures import Procedure
from tests.ops.procedures.recover_rebuild import PROGRAM_FOLDER, PROGRAM_OPTION, put_program_folder
from tests.ops.stage import REGION, Stage

SAVED_STATE_NAME: Final = "before"


def put_program_and_bucket(stage: Stage) -> None:
    """The stack's program and state, and its bucket."""
    put_program_folder()
    stage.client("s3").create_bucket(
        Bucket=stage.outputs.backups.operations_bucket,
        CreateBucketConfiguration={"LocationConstraint": REGION},
    )
    pretended_pulumi.get_fake_pulumi(stage)


def put_saved_state(stage: Stage) -> None:
    """And a state of before, of another database."""
    put_program_and_bucket(stage)
    stage.client("s3").put_object(
        Bucket=stage.outputs.backups.operations_bucket,
        Key=f"states/test/{SAVED_STATE_NAME}.json",
        Body=json.dumps(pretended_pulumi.build_stack_export("db-0", "aws:s3/bucket:Bucket::b")),
    )


def new_workstation(_stage: Stage) -> Workstation:
    """A new folder for the files of runs: a file of before would be one that is there already."""
    files = Path(tempfile.mkdtemp(dir=_open_files_folder().name))
    return Workstation(program=PROGRAM_FOLDER, files=files, checkouts=files / "checkouts")


@cache
def _open_files_folder() -> "tempfile.TemporaryDirectory[str]":
    """Gone with this process."""
    return tempfile.TemporaryDirectory(prefix="bulwark-states-")


def plan_state_backup(stage: Stage) -> Plan:
    return states.build_state_backup_plan(stage.outputs, "state-1")


def plan_state_restore(stage: Stage) -> Plan:
    context = StackContext(stage.outputs, stage.aws)
    saved_state = states.resolve_saved_state(states.list_saved_states(context), SAVED_STATE_NAME)
    current_state = pretended_pulumi.get_fake_pulumi(stage).stacks["test"].state
    return build_state_restore_plan(
        stage.outputs,
        saved_state.file,
        states.fetch_saved_state(context, saved_state),
        current_state,
        "state-1",
    )


def collect_state_facts(stage: Stage) -> tuple[object, ...]:
    """What Pulumi knows, and what was saved of what it knew."""
    s3, bucket = stage.client("s3"), stage.outputs.backups.operations_bucket
    objects = s3.list_objects_v2(Bucket=bucket, Prefix="states/").get("Contents", ())
    bodies = {
        item["Key"]: s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
        for item in objects
    }
    digests = {
        key.rpartition("/")[2][:5]: compute_state_digest(json.loads(body))
        for key, body in bodies.items()
    }
    return compute_state_digest(
        pretended_pulumi.get_fake_pulumi(stage).stacks["test"].state
    ), digests


def get_known_state_digest(stage: Stage) -> object:
    """What Pulumi knows: what an undo gives back."""
    return collect_state_facts(stage)[0]


PROCEDURES: Final = (
    Procedure(
        "state backup",
        PROGRAM_OPTION,
        put_program_and_bucket,
        plan_state_backup,
        collect_state_facts,
        build_shell_runner=pretended_pulumi.get_fake_pulumi,
        build_workstation=new_workstation,
    ),
    Procedure(
        "state restore",
        f"{SAVED_STATE_NAME} {PROGRAM_OPTION}",
        put_saved_state,
        plan_state_restore,
        collect_state_facts,
        collect_undone_facts=get_known_state_digest,
        build_shell_runner=pretended_pulumi.get_fake_pulumi,
        build_workstation=new_workstation,
    ),
)
