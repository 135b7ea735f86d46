"""Where baselines are kept: the operations bucket, or a file; and the plan that puts one there."""

import os
import re
import uuid
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from botocore.exceptions import ClientError

from ops.baseline.model import Baseline, format_baseline, parse_baseline
from ops.core.aws import Aws, explain_error, get_error_code
from ops.core.credentials import CALL_ERRORS
from ops.core.errors import OpsError, UsageError
from ops.core.plan import Call, JsonObject, Plan, Step, Wait
from ops.core.s3 import HEAD_NOT_FOUND_CODE, OBJECT_NOT_FOUND_CODES
from ops.outputs import Outputs

BASELINES_PREFIX: Final = "baselines/"
BASELINE_NAME_PATTERN: Final = re.compile(r"[A-Za-z0-9](-?[A-Za-z0-9])*")
MAX_BASELINE_NAME_CHARACTERS: Final = 60
HEAD_OBJECT_API: Final = "s3.head_object"


@dataclass(frozen=True)
class StoredBaseline:
    """A baseline of the bucket: since when it is there, and its size in bytes."""

    name: str
    written: str
    size: int


def parse_baseline_name(name: str, option: str) -> str:
    """A name of a baseline. Raises UsageError."""
    if not BASELINE_NAME_PATTERN.fullmatch(name) or len(name) > MAX_BASELINE_NAME_CHARACTERS:
        raise UsageError(
            f"{option} is {name!r}, must be letters, digits and single hyphens, at most "
            f"{MAX_BASELINE_NAME_CHARACTERS}, "
            "like before-the-release"
        )
    return name


def build_baseline_name(now: datetime) -> str:
    """A name that sorts by time."""
    return now.strftime("%Y%m%d-%H%M%S")


def is_baseline_file(reference: str) -> bool:
    """Whether BASELINE is a file's: those have what no name may."""
    return "." in reference or "/" in reference


def get_baseline_key(name: str) -> str:
    """The object of a baseline."""
    return f"{BASELINES_PREFIX}{name}.json"


def list_baselines(aws: Aws, outputs: Outputs) -> list[StoredBaseline]:
    """The baselines of the bucket, the newest first. Raises OpsError."""
    params: JsonObject = {"Bucket": outputs.backups.operations_bucket, "Prefix": BASELINES_PREFIX}
    try:
        baselines = [
            StoredBaseline(
                item["Key"].removeprefix(BASELINES_PREFIX).removesuffix(".json"),
                item["LastModified"],
                item["Size"],
            )
            for item in aws.list_items("s3.list_objects_v2", "Contents", params)
            if item["Key"].endswith(".json")
        ]
    except ClientError as error:
        raise OpsError(f"s3.list_objects_v2: {error}") from error
    return sorted(baselines, key=lambda baseline: (baseline.written, baseline.name), reverse=True)


def load_baseline(aws: Aws, outputs: Outputs, name: str | None) -> tuple[str, Baseline]:
    """A baseline by its name, the newest where it has none; with the name. Raises UsageError."""
    if name is None:
        newest = next(iter(list_baselines(aws, outputs)), None)
        if newest is None:
            raise UsageError("there is no baseline yet", "ops baseline capture")
        name = newest.name
    bucket = outputs.backups.operations_bucket
    try:
        response = aws.client("s3").get_object(Bucket=bucket, Key=get_baseline_key(name))
        body: bytes = response["Body"].read()
    except CALL_ERRORS as error:
        if get_error_code(error) in OBJECT_NOT_FOUND_CODES:
            raise UsageError(
                f"BASELINE must be a name from `ops baseline list`, not {name!r}",
                "ops baseline list",
            ) from None
        failure = explain_error(error, "s3.get_object")
        raise (
            failure if isinstance(failure, OpsError) else OpsError(f"s3.get_object: {failure}")
        ) from error
    return name, parse_baseline(_decode_body(body, name), outputs, name)


def load_baseline_file(outputs: Outputs, reference: str) -> Baseline:
    """A baseline of a file. Raises UsageError."""
    try:
        body = Path(reference).read_bytes()
    except OSError as error:
        raise UsageError(
            f"BASELINE must be a file that can be read, not {reference!r}: {error.strerror}"
        ) from None
    return parse_baseline(_decode_body(body, reference), outputs, reference)


def _decode_body(body: bytes, reference: str) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise UsageError(f"BASELINE is {reference!r}, which is no JSON: it is no text") from None


def require_new_baseline_file(path: Path) -> Path:
    """A file that is not there, in a folder that is. Raises UsageError."""
    if path.exists() or path.is_symlink():
        raise UsageError(f"--to is {str(path)!r}, which is there already: it is not written over")
    if not path.parent.is_dir():
        raise UsageError(f"--to is {str(path)!r}, must be in a folder that is there")
    return path


def write_baseline_file(baseline: Baseline, path: Path) -> None:
    """Written beside and linked into place: whole or absent, and never over another."""
    draft = path.with_name(f".{uuid.uuid4().hex}")
    try:
        draft.write_text(f"{format_baseline(baseline)}\n", encoding="utf-8")
        os.link(draft, path)
    except OSError as error:
        raise UsageError(
            f"--to must be a file that can be written, not {str(path)!r}: {error.strerror}"
        ) from None
    finally:
        draft.unlink(missing_ok=True)


def require_unused_baseline_name(aws: Aws, outputs: Outputs, name: str) -> None:
    """Raises UsageError where there is a baseline of that name."""
    object_params = {"Bucket": outputs.backups.operations_bucket, "Key": get_baseline_key(name)}
    try:
        aws.call(HEAD_OBJECT_API, {**object_params})
    except ClientError as error:
        if get_error_code(error) in OBJECT_NOT_FOUND_CODES:
            return
        raise OpsError(f"{HEAD_OBJECT_API}: {error}") from error
    raise UsageError(f"--name is {name!r}, which is there already", "ops baseline list")


def build_baseline_capture_plan(
    outputs: Outputs, baseline: Baseline, name: str, run: str, *, is_named_by_time: bool = False
) -> Plan:
    """The baseline is in the bucket, under a name that was free. Undone: it is deleted again.

    What is agreed to is the stack as it then is, and where `timed` the name that it then has: of
    what stands in it the hash says nothing.
    """
    bucket = outputs.backups.operations_bucket
    stored = get_baseline_key("${NAME}" if is_named_by_time else name)
    object_params = {"Bucket": bucket, "Key": stored}
    read = Call(
        api=HEAD_OBJECT_API, params={**object_params}, expected_errors=(HEAD_NOT_FOUND_CODE,)
    )
    step = Step(
        name="keep",
        description=f"keep what is now as {stored} in {bucket}",
        action=Call(
            api="s3.put_object",
            params={
                **object_params,
                "Body": "${STATE}",
                "ContentType": "application/json",
                "IfNoneMatch": "*",
                "Metadata": {"run": run},
            },
        ),
        goal=Wait(read=read, met={"Metadata.run": run}, every=5, within=300),
        undo=(
            Step(
                name="remove",
                description=f"delete {stored}, where it is of this run",
                action=Call(api="s3.delete_object", params={**object_params}),
                # Somebody else's, who was quicker, stays.
                goal=Wait(read=read, met={f"Metadata.run == '{run}'": False}, every=5, within=300),
            ),
        ),
    )
    stack = outputs.stack
    return Plan(
        run=run,
        kind="baseline capture",
        stack=stack.stack,
        account=stack.account,
        region=stack.region,
        steps=(step,),
        changes=("one baseline more; nothing of the stack itself",),
        captured={
            "STATE": format_baseline(baseline),
            **({"NAME": name} if is_named_by_time else {}),
        },
    )
