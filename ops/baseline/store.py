"""Where baselines are kept: the operations bucket, or a file; and the plan that puts one there."""

import os
import re
import uuid
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from ops.baseline.model import Baseline, parsed, text
from ops.core.aws import Aws, explain_error, get_error_code
from ops.core.errors import OpsError, UsageError
from ops.core.lock import LOCK_ABSENT_CODES
from ops.core.plan import Call, JsonObject, Plan, Step, Wait
from ops.outputs import Outputs

PREFIX: Final = "baselines/"
NAME: Final = re.compile(r"[A-Za-z0-9](-?[A-Za-z0-9])*")
LONGEST: Final = 60
HEAD: Final = "s3.head_object"
NONE: Final = "404"  # HEAD has no body that could name an error


@dataclass(frozen=True)
class Kept:
    """A baseline of the bucket: since when it is there, and its size in bytes."""

    name: str
    written: str
    size: int


def checked(name: str, option: str) -> str:
    """A name of a baseline. Raises UsageError."""
    if not NAME.fullmatch(name) or len(name) > LONGEST:
        raise UsageError(
            f"{option} is {name!r}, may be letters, digits and single hyphens, at most {LONGEST}, "
            "like before-the-release"
        )
    return name


def from_time(now: datetime) -> str:
    """A name that sorts by time."""
    return now.strftime("%Y%m%d-%H%M%S")


def is_file(asked: str) -> bool:
    """Whether BASELINE is a file's: those have what no name may."""
    return "." in asked or "/" in asked


def key(name: str) -> str:
    """The object of a baseline."""
    return f"{PREFIX}{name}.json"


def listed(aws: Aws, outputs: Outputs) -> list[Kept]:
    """The baselines of the bucket, the newest first. Raises OpsError."""
    where: JsonObject = {"Bucket": outputs.backups.operations_bucket, "Prefix": PREFIX}
    try:
        found = [
            Kept(
                item["Key"].removeprefix(PREFIX).removesuffix(".json"),
                item["LastModified"],
                item["Size"],
            )
            for item in aws.list_items("s3.list_objects_v2", "Contents", where)
            if item["Key"].endswith(".json")
        ]
    except ClientError as error:
        raise OpsError(f"s3.list_objects_v2: {error}") from error
    return sorted(found, key=lambda one: (one.written, one.name), reverse=True)


def loaded(aws: Aws, outputs: Outputs, asked: str | None) -> tuple[str, Baseline]:
    """A baseline by its name, the newest where it has none; with the name. Raises UsageError."""
    if asked is None:
        newest = next(iter(listed(aws, outputs)), None)
        if newest is None:
            raise UsageError("there is no baseline yet", "ops baseline capture")
        asked = newest.name
    bucket = outputs.backups.operations_bucket
    try:
        answer = aws.client("s3").get_object(Bucket=bucket, Key=key(asked))
        body: bytes = answer["Body"].read()
    except (ClientError, BotoCoreError) as error:
        if get_error_code(error) in LOCK_ABSENT_CODES:
            raise UsageError(
                f"BASELINE is {asked!r}, there is none of that name", "ops baseline list"
            ) from None
        told = explain_error(error, "s3.get_object")
        raise told if isinstance(told, OpsError) else OpsError(f"s3.get_object: {told}") from error
    return asked, parsed(_decoded(body, asked), outputs, asked)


def from_file(outputs: Outputs, asked: str) -> Baseline:
    """A baseline of a file. Raises UsageError."""
    try:
        body = Path(asked).read_bytes()
    except OSError as error:
        raise UsageError(f"BASELINE is {asked!r}, {error.strerror}") from None
    return parsed(_decoded(body, asked), outputs, asked)


def _decoded(body: bytes, asked: str) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise UsageError(f"BASELINE is {asked!r}, which is no JSON: it is no text") from None


def free(to: Path) -> Path:
    """A file that is not there, in a folder that is. Raises UsageError."""
    if to.exists() or to.is_symlink():
        raise UsageError(f"--to is {str(to)!r}, which is there already: it is not written over")
    if not to.parent.is_dir():
        raise UsageError(f"--to is {str(to)!r}, may be in a folder that is there")
    return to


def write(of: Baseline, to: Path) -> None:
    """Written beside and linked into place: whole or absent, and never over another."""
    draft = to.with_name(f".{uuid.uuid4().hex}")
    try:
        draft.write_text(f"{text(of)}\n", encoding="utf-8")
        os.link(draft, to)
    except OSError as error:
        raise UsageError(f"--to is {str(to)!r}, {error.strerror}") from None
    finally:
        draft.unlink(missing_ok=True)


def unused(aws: Aws, outputs: Outputs, name: str) -> None:
    """Raises UsageError where there is a baseline of that name."""
    where = {"Bucket": outputs.backups.operations_bucket, "Key": key(name)}
    try:
        aws.call(HEAD, {**where})
    except ClientError as error:
        if get_error_code(error) in LOCK_ABSENT_CODES:
            return
        raise OpsError(f"{HEAD}: {error}") from error
    raise UsageError(f"--name is {name!r}, which is there already", "ops baseline list")


def capture(outputs: Outputs, of: Baseline, name: str, run: str, *, timed: bool = False) -> Plan:
    """The baseline is in the bucket, under a name that was free. Undone: it is deleted again.

    What is agreed to is the stack as it then is, and where `timed` the name that it then has: of
    what stands in it the hash says nothing.
    """
    bucket = outputs.backups.operations_bucket
    stored = key("${NAME}" if timed else name)
    where = {"Bucket": bucket, "Key": stored}
    read = Call(api=HEAD, params={**where}, expected_errors=(NONE,))
    step = Step(
        name="keep",
        description=f"keep what is now as {stored} in {bucket}",
        action=Call(
            api="s3.put_object",
            params={
                **where,
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
                action=Call(api="s3.delete_object", params={**where}),
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
        notes=("nothing of the stack itself is changed",),
        captured={"STATE": text(of), **({"NAME": name} if timed else {})},
    )
