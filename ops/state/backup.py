"""Pulumi's state: saved beside its backend, listed, fetched.

A state that was exported has its secrets encrypted, as its backend has; everything else of it is in
clear, so it is kept in the operations bucket, below `states/{stack}/`, and on no screen.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import ClientError

from ops.core.aws import explain_error
from ops.core.credentials import CALL_ERRORS
from ops.core.errors import OpsError, UsageError
from ops.core.local_commands import (
    FILES_PLACEHOLDER,
    Workstation,
    build_ops_command,
)
from ops.core.plan import Call, JsonObject, Plan, SavedFile, Step, Wait
from ops.core.private_files import open_private_file
from ops.core.run_context import StackContext
from ops.core.s3 import S3_OBJECTS_API
from ops.core.stack_plan import NO_COST, build_stack_plan
from ops.outputs import Outputs
from ops.stack import pulumi as pulumi_steps

STATES_PREFIX: Final = "states/"
EXPORT_SECONDS: Final = 30
EXPORT_TIME_SOURCE: Final = "an assumption: some seconds for a state of 300 resources"


@dataclass(frozen=True)
class SavedState:
    """One saved state, and where it was found. `size` is in bytes."""

    name: str
    key: str
    written_at: str
    size: int
    bucket: str
    region: str

    @property
    def file(self) -> SavedFile:
        """Where it is in S3."""
        return SavedFile(bucket=self.bucket, key=self.key, region=self.region)

    def row(self) -> dict[str, object]:
        """What a person sees of it."""
        return {
            "state": self.name,
            "written": self.written_at,
            "kib": round(self.size / 1024),
            "region": self.region,
        }


SAVED_STATE_COLUMNS: Final = ("state", "written", "kib", "region")


def get_states_prefix(outputs: Outputs) -> str:
    """Where in the bucket the states of a stack are."""
    return f"{STATES_PREFIX}{outputs.stack.stack}/"


def list_state_buckets(outputs: Outputs) -> list[tuple[str, str]]:
    """Region and name of the buckets that have states: the stack's, and its copy a region away."""
    stack, backups = outputs.stack, outputs.backups
    state_buckets = [(stack.region, backups.operations_bucket)]
    if stack.recovery_region and backups.recovery_bucket:
        state_buckets.append((stack.recovery_region, backups.recovery_bucket))
    return state_buckets


def list_saved_states(context: StackContext) -> list[SavedState]:
    """The saved states of the stack, the newest first.

    From the copy a region away where the stack's own bucket does not answer, is gone or empty.
    """
    first_error: Exception | None = None
    for region, bucket in list_state_buckets(context.outputs):
        try:
            if saved_states := _list_bucket_states(context, region, bucket):
                return saved_states
        except UsageError:
            raise
        except (OpsError, ClientError) as error:
            first_error = first_error or error
    if first_error is not None:
        raise OpsError(f"nobody knows which states were saved: {first_error}") from first_error
    return []


def _list_bucket_states(context: StackContext, region: str, bucket: str) -> list[SavedState]:
    params: JsonObject = {"Bucket": bucket, "Prefix": get_states_prefix(context.outputs)}
    saved_states = [
        SavedState(
            str(item["Key"]).removeprefix(get_states_prefix(context.outputs)).removesuffix(".json"),
            str(item["Key"]),
            str(item["LastModified"]),
            int(item["Size"]),
            bucket,
            region,
        )
        for item in context.aws.list_items(S3_OBJECTS_API, "Contents", params, region)
    ]
    return sorted(saved_states, key=lambda item: item.written_at, reverse=True)


def resolve_saved_state(saved_states: list[SavedState], name: str | None) -> SavedState:
    """The one of that name, else the newest. Raises UsageError or OpsError."""
    if name is not None:
        match = next(
            (saved_state for saved_state in saved_states if saved_state.name == name), None
        )
        if match is None:
            choices = (
                ", ".join(saved_state.name for saved_state in saved_states[:5])
                or "none: nothing was saved"
            )
            raise UsageError(f"STATE is {name!r}, must be {choices}", "ops state list")
        return match
    if not saved_states:
        raise OpsError("no state of this stack was saved", "ops state backup")
    return saved_states[0]


def fetch_saved_state(context: StackContext, saved_state: SavedState) -> dict[str, Any]:
    """A saved state. Raises OpsError where it is none."""
    client = context.aws.client("s3", saved_state.region)
    try:
        text = (
            client.get_object(Bucket=saved_state.bucket, Key=saved_state.key)["Body"]
            .read()
            .decode()
        )
    except CALL_ERRORS as error:
        raise explain_error(error, "s3.get_object") from error
    try:
        state: dict[str, Any] = json.loads(text)
        state["deployment"]["resources"][0]["urn"]
    except (ValueError, KeyError, IndexError, TypeError):
        raise OpsError(f"{saved_state.key} is no export of a state") from None
    return state


def export_state(stack: str, folder: Path) -> dict[str, Any]:
    """The state as its backend has it now. Raises OpsError where Pulumi does not say."""
    state = pulumi_steps.read_pulumi_json(
        pulumi_steps.build_pulumi_shell(folder, "stack", "export", "--stack", stack)
    )
    if not isinstance(state, dict):
        raise OpsError("pulumi stack export did not print a state")
    return state


def get_draft_file(run: str) -> Path:
    """A file of this run, below the user's own cache folder."""
    draft_folder = Workstation().files
    draft_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return draft_folder / f"{run}.json"


def get_draft_path(run: str) -> str:
    """The same file as a plan names it."""
    return f"{FILES_PLACEHOLDER}/{run}.json"


def get_saved_file(outputs: Outputs, name: str) -> SavedFile:
    """Where a saved state is in the stack's own bucket."""
    return SavedFile(
        bucket=outputs.backups.operations_bucket,
        key=f"{get_states_prefix(outputs)}{name}.json",
        region=outputs.stack.region,
    )


def write_state(file: Path, state: Mapping[str, Any], option: str | None = None) -> None:
    """Writes a state as `pulumi stack import` takes it, readable by its owner alone.

    Raises UsageError, which names `option`, if the file cannot be written.
    """
    with open_private_file(file, option) as stream:
        stream.write(json.dumps(state, indent=4).encode())


def build_state_backup_steps(outputs: Outputs, run: str) -> list[Step]:
    """The steps that save the state as it is now. Never undone: what was saved stays."""
    stack, draft, saved_file = (
        outputs.stack.stack,
        get_draft_path(run),
        get_saved_file(outputs, run),
    )
    head_call = Call(
        api="s3.head_object",
        params={"Bucket": saved_file.bucket, "Key": saved_file.key},
        expected_errors=("404",),
        region=saved_file.region,
    )
    digest_command = build_ops_command("state", "digest", "--file", draft)
    return [
        Step(
            name="export",
            description=f"export the state of {stack} to this machine",
            action=pulumi_steps.build_pulumi_command(
                "stack", "export", "--stack", stack, "--file", draft, strict=True
            ),
            goal=Wait(
                read=digest_command,
                met={"exit": 0},
                every=2,
                within=300,
                typical=EXPORT_SECONDS,
                source=EXPORT_TIME_SOURCE,
            ),
        ),
        Step(
            name="keep",
            description=f"keep it as {saved_file.key}",
            action=Call(
                api="s3.put_object",
                params={
                    "Bucket": saved_file.bucket,
                    "Key": saved_file.key,
                    "IfNoneMatch": "*",
                    "ContentType": "application/json",
                    "Metadata": {"run": run},
                },
                files={"Body": draft},
                expected_errors=("PreconditionFailed",),
                region=saved_file.region,
            ),
            goal=Wait(read=head_call, met={"Metadata.run": run}, every=2, within=300),
        ),
    ]


def build_state_backup_plan(outputs: Outputs, run: str) -> Plan:
    """The state of now, saved in the operations bucket."""
    notes = ("secrets in it are encrypted as in the backend; everything else is in clear text",)
    steps = build_state_backup_steps(outputs, run)
    return build_stack_plan(
        outputs,
        run,
        "state backup",
        *steps,
        changes=["one copy of Pulumi's state more, in the operations bucket"],
        losses=(),
        cost=NO_COST,
        notes=notes,
    )
