"""Pulumi's state: saved beside its backend, listed, compared, given back.

A state that was exported has its secrets encrypted, as its backend has; everything else of it is in
clear, so it is kept in the operations bucket, below `states/{stack}/`, and on no screen.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import JsonValue

from ops.core import ourselves
from ops.core.aws import explained
from ops.core.errors import OpsError, UsageError
from ops.core.plan import Call, Plan, State, Step, Wait
from ops.core.run import Target
from ops.core.stack_plan import build_stack_plan
from ops.outputs import Outputs
from ops.stack import pulumi as pulumi_steps

PREFIX: Final = "states/"
API: Final = "s3.list_objects_v2"
SAVED: Final = 30
ASSUMED: Final = "an assumption: some seconds for a state of 300 resources"


@dataclass(frozen=True)
class Saved:
    """One saved state, and where it was found. `size` is in bytes."""

    name: str
    key: str
    written: str
    size: int
    bucket: str
    region: str

    def row(self) -> dict[str, object]:
        """What a person sees of it."""
        return {
            "state": self.name,
            "written": self.written,
            "kib": round(self.size / 1024),
            "region": self.region,
        }


COLUMNS: Final = ("state", "written", "kib", "region")


def folder(outputs: Outputs) -> str:
    """Where in the bucket the states of a stack are."""
    return f"{PREFIX}{outputs.stack.stack}/"


def places(outputs: Outputs) -> list[tuple[str, str]]:
    """Region and name of the buckets that have states: the stack's, and its copy a region away."""
    stack, own = outputs.stack, outputs.backups
    found = [(stack.region, own.operations_bucket)]
    if stack.recovery_region and own.recovery_bucket:
        found.append((stack.recovery_region, own.recovery_bucket))
    return found


def listed(of: Target) -> list[Saved]:
    """The saved states of the stack, the newest first.

    From the copy a region away where the stack's own bucket does not answer, is gone or empty.
    """
    why: Exception | None = None
    for region, bucket in places(of.outputs):
        try:
            if found := _in(of, region, bucket):
                return found
        except UsageError:
            raise
        except (OpsError, ClientError) as error:
            why = why or error
    if why is not None:
        raise OpsError(f"nobody knows which states were saved: {why}") from why
    return []


def _in(of: Target, region: str, bucket: str) -> list[Saved]:
    params: State = {"Bucket": bucket, "Prefix": folder(of.outputs)}
    found = [
        Saved(
            str(one["Key"]).removeprefix(folder(of.outputs)).removesuffix(".json"),
            str(one["Key"]),
            str(one["LastModified"]),
            int(one["Size"]),
            bucket,
            region,
        )
        for one in of.aws.pages(API, "Contents", params, region)
    ]
    return sorted(found, key=lambda one: one.written, reverse=True)


def chosen(found: list[Saved], name: str | None) -> Saved:
    """The one of that name, else the newest. Raises UsageError or OpsError."""
    if name is not None:
        named = next((one for one in found if one.name == name), None)
        if named is None:
            may = ", ".join(one.name for one in found[:5]) or "none: nothing was saved"
            raise UsageError(f"STATE is {name!r}, may be {may}", "ops state list")
        return named
    if not found:
        raise OpsError("no state of this stack was saved", "ops state backup")
    return found[0]


def fetched(of: Target, one: Saved) -> dict[str, Any]:
    """A saved state. Raises OpsError where it is none."""
    client = of.aws.client("s3", one.region)
    try:
        text = client.get_object(Bucket=one.bucket, Key=one.key)["Body"].read().decode()
    except (ClientError, BotoCoreError) as error:
        raise explained(error, "s3.get_object") from error
    try:
        found: dict[str, Any] = json.loads(text)
        found["deployment"]["resources"][0]["urn"]
    except (ValueError, KeyError, IndexError, TypeError):
        raise OpsError(f"{one.key} is no export of a state") from None
    return found


def exported(stack: str, folder: Path) -> dict[str, Any]:
    """The state as its backend has it now. Raises OpsError where Pulumi does not say."""
    found = pulumi_steps.asked(pulumi_steps.pulumi(folder, "stack", "export", "--stack", stack))
    if not isinstance(found, dict):
        raise OpsError("pulumi stack export did not print a state")
    return found


def resources(state: Mapping[str, Any]) -> dict[str, str]:
    """The id of each resource of a state, by URN."""
    listed = (state.get("deployment") or {}).get("resources") or ()
    return {str(one["urn"]): str(one.get("id", "")) for one in listed}


def draft(run: str) -> Path:
    """A file of this run's, below the user's own cache folder."""
    from ops.core.service_models import folder as cache

    place = cache() / "states"
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    return place / f"{run}.json"


def write(to: Path, state: Mapping[str, Any]) -> None:
    """A state as `pulumi stack import` takes it, readable by its owner alone."""
    to.touch(mode=0o600)
    to.write_text(json.dumps(state, indent=4), encoding="utf-8")


def digest(state: Mapping[str, Any]) -> str:
    """What tells two states apart: their resources, in any order, not when they were written."""
    listed = (state.get("deployment") or {}).get("resources") or ()
    left = ("modified", "created", "sourcePosition", "stackTrace")
    plain = [{k: v for k, v in one.items() if k not in left} for one in listed]
    text = json.dumps(sorted(plain, key=lambda one: str(one.get("urn"))), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def differences(now: Mapping[str, Any], then: Mapping[str, Any]) -> list[dict[str, object]]:
    """What giving a state back would change of what Pulumi knows."""
    here, there = resources(now), resources(then)
    rows: list[dict[str, object]] = []
    for urn in sorted(here.keys() | there.keys()):
        if here.get(urn) != there.get(urn):
            what = "forgotten" if urn not in there else "known again" if urn not in here else "id"
            rows.append(
                {
                    "what": what,
                    "resource": urn.split("::", 2)[-1],
                    "now": here.get(urn),
                    "then": there.get(urn),
                }
            )
    return rows


def saving(outputs: Outputs, folder_: Path, draft: Path, run: str) -> list[Step]:
    """The steps that save the state as it is now. Never undone: what was saved stays."""
    stack = outputs.stack.stack
    key = f"{folder(outputs)}{run}.json"
    read = Call(
        api="s3.head_object",
        params={"Bucket": outputs.backups.operations_bucket, "Key": key},
        answers=("404",),
        region=outputs.stack.region,
    )
    look = ourselves.typed("state", "digest", "--file", str(draft))
    return [
        Step(
            name="export",
            says=f"export the state of {stack} to {draft}",
            do=pulumi_steps.pulumi(
                folder_, "stack", "export", "--stack", stack, "--file", str(draft), strict=True
            ),
            goal=Wait(
                read=look, met={"exit": 0}, every=2, within=300, typical=SAVED, source=ASSUMED
            ),
        ),
        Step(
            name="keep",
            says=f"keep it as {key}",
            do=Call(
                api="s3.put_object",
                params={
                    "Bucket": outputs.backups.operations_bucket,
                    "Key": key,
                    "IfNoneMatch": "*",
                    "ContentType": "application/json",
                    "Metadata": {"run": run},
                },
                files={"Body": str(draft)},
                answers=("PreconditionFailed",),
                region=outputs.stack.region,
            ),
            goal=Wait(read=read, met={"Metadata.run": run}, every=2, within=300),
        ),
    ]


def backup(outputs: Outputs, folder_: Path, draft: Path, run: str) -> Plan:
    """The state of now, saved in the operations bucket."""
    notes = ("its secrets are encrypted in it as in its backend; all else is in clear",)
    steps = saving(outputs, folder_, draft, run)
    return build_stack_plan(outputs, run, "state backup", *steps, notes=notes)


def restore(
    outputs: Outputs,
    folder_: Path,
    draft: Path,
    given: Path,
    then: Mapping[str, Any],
    now: Mapping[str, Any],
    run: str,
) -> Plan:
    """A saved state instead of that of now, which is saved first. Undone: that of now again."""
    stack = outputs.stack.stack
    steps = saving(outputs, folder_, draft, run)
    back = importing(stack, folder_, "back", draft, digest(now))
    step = importing(stack, folder_, "import", given, digest(then))
    steps.append(step.model_copy(update={"undo": (back,)}))
    notes = (
        "nothing in AWS is changed: only what Pulumi knows of it; look at a preview with --refresh "
        "afterwards",
    )
    return build_stack_plan(outputs, run, "state restore", *steps, notes=notes)


def importing(stack: str, folder_: Path, name: str, file: Path, wanted: str) -> Step:
    """Pulumi has a state that stands in a file, known by its digest."""
    look = ourselves.typed("state", "digest", "--of", stack, "--program", str(folder_))
    return Step(
        name=name,
        says=f"give Pulumi the state of {stack} that stands in {file}",
        do=pulumi_steps.pulumi(
            folder_, "stack", "import", "--file", str(file), "--stack", stack, strict=True
        ),
        goal=Wait(read=look, met={"output.digest": wanted}, every=2, within=300),
    )


def drifted(preview: JsonValue) -> list[dict[str, object]]:
    """What a preview with a refresh would change, though nobody changed the program.

    Raises OpsError where it is no preview.
    """
    steps = preview.get("steps") if isinstance(preview, dict) else None
    if not isinstance(steps, list):
        raise OpsError("pulumi preview --json did not print a preview")
    found: list[dict[str, object]] = []
    for step in steps:
        if isinstance(step, dict) and step.get("op") not in ("same", "read", "refresh"):
            detail = step.get("detailedDiff")
            names = sorted(detail) if isinstance(detail, dict) else []
            found.append(
                {
                    "op": step.get("op"),
                    "resource": str(step.get("urn")).split("::", 2)[-1],
                    "properties": names or None,
                }
            )
    return found
