"""Snapshots of the database: made, listed, copied to the recovery region, pruned.

A snapshot that operations make is called `{instance}-{run}` and carries the run as a tag. That
is how it is known to be theirs, and how a repeated call finds that it has happened.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from ops.core.aws import Aws
from ops.core.errors import OpsError, UsageError
from ops.core.plan import Call, Plan, Step, Wait
from ops.core.stack_plan import build_stack_plan
from ops.database import instance as database
from ops.database.instance import Instance
from ops.outputs import Outputs

TAG: Final = "bulwark:run"
STATUS: Final = "DBSnapshots[0].Status"
ABSENT: Final = "DBSnapshotNotFound"
# AWS states no figures: a snapshot takes what has changed since the last one.
TYPICAL, TYPICAL_COPY = 5 * 60, 20 * 60
ASSUMED: Final = "an assumption, AWS states none: the first one and large changes take longer"
AWS_KEY: Final = "alias/aws/rds"  # the key of a stack that leaves encryption to AWS


@dataclass(frozen=True)
class Snapshot:
    """One snapshot, as it was seen."""

    name: str
    arn: str
    instance: str
    region: str
    kind: str
    status: str
    created: str | None
    storage: int
    encrypted: bool
    run: str | None

    @property
    def ours(self) -> bool:
        """Whether operations made it: the tag alone may have come along from an instance."""
        named = self.run is not None and self.name == name_of(self.instance, self.run)
        return self.kind == "manual" and named

    @property
    def at(self) -> datetime:
        """When it was made; one that is being made is the newest."""
        if self.created is None:
            return datetime.max.replace(tzinfo=UTC)
        return datetime.fromisoformat(self.created.replace("Z", "+00:00"))

    def row(self) -> dict[str, object]:
        """What a person sees of it."""
        return {
            "snapshot": self.name,
            "region": self.region,
            "kind": self.kind,
            "status": self.status,
            "created": self.created,
            "storage": f"{self.storage} GiB",
            "encrypted": "yes" if self.encrypted else "no",
            "run": self.run,
        }


COLUMNS: Final = (
    "snapshot",
    "region",
    "kind",
    "status",
    "created",
    "storage",
    "encrypted",
    "run",
)


def found(aws: Aws, outputs: Outputs, region: str) -> list[Snapshot]:
    """All snapshots of the stack's primary in a region, the newest first."""
    items = database.pages(
        aws,
        outputs,
        "rds.describe_db_snapshots",
        "DBSnapshots",
        {"DBInstanceIdentifier": outputs.database.identifier},
        region,
    )
    return sorted((_snapshot(item, region) for item in items), key=lambda s: s.at, reverse=True)


def regions(outputs: Outputs) -> tuple[str, ...]:
    """Where snapshots of the stack may be: its region, then the recovery region."""
    own, recovery = outputs.stack.region, outputs.stack.recovery_region
    return (own, recovery) if recovery else (own,)


def name_of(instance: str, run: str) -> str:
    """What the snapshot of a run is called."""
    return f"{instance}-{run}"


def saving(
    outputs: Outputs, instance: Instance, run: str, name: str = "save", *, wait: bool = True
) -> Step:
    """The step that takes a snapshot. Never undone: what was saved stays."""
    snapshot = name_of(instance.identifier, run)
    own = {key: value for key, value in instance.tags.items() if not key.startswith("aws:")}
    return Step(
        name=name,
        says=f"take the snapshot {snapshot}",
        do=database.where(
            outputs,
            "rds.create_db_snapshot",
            {
                "DBInstanceIdentifier": instance.identifier,
                "DBSnapshotIdentifier": snapshot,
                "Tags": database.tag_list({**own, TAG: run}),
            },
            "DBSnapshotAlreadyExists",
        ),
        goal=_made(outputs.stack.region, snapshot, instance.identifier, TYPICAL, wait=wait),
    )


def create(outputs: Outputs, instance: Instance, run: str, *, wait: bool = True) -> Plan:
    """A snapshot of the primary; without `wait`, one that has begun."""
    database.settled(instance, "for a snapshot")
    pause = (
        "the instance is Multi-AZ: the snapshot is taken from the standby"
        if instance.multi_az
        else "the instance is Single-AZ: its I/O may pause for some seconds when it begins"
    )
    return build_stack_plan(
        outputs,
        run,
        "db snapshot create",
        saving(outputs, instance, run, wait=wait),
        notes=(pause, "the snapshot stays, and costs, until `ops db snapshot prune`"),
    )


def source(listed: Sequence[Snapshot], name: str | None) -> Snapshot:
    """The snapshot to copy: the one named, else the newest whole one that operations made."""
    if name is not None:
        named = next((s for s in listed if s.name == name), None)
        if named is None:
            raise UsageError(
                f"SNAPSHOT is {name!r}, may be the name of one in `ops db snapshot list`"
            )
        if named.status != "available":
            raise OpsError(f"{name} is {named.status}, it must be available to be copied")
        return named
    newest = next((s for s in listed if s.ours and s.status == "available"), None)
    if newest is None:
        raise OpsError("operations have made no snapshot that is whole", "ops db snapshot create")
    return newest


def copy(outputs: Outputs, snapshot: Snapshot, run: str, *, wait: bool = True) -> Plan:
    """A copy in the recovery region under that region's key."""
    recovery = outputs.stack.recovery_region
    if recovery is None:
        raise OpsError("this stack has no recovery region; set recoveryRegion and deploy")
    instance = outputs.database.identifier
    target = name_of(instance, run)
    key = {"KmsKeyId": outputs.stack.recovery_key_arn or AWS_KEY} if snapshot.encrypted else {}
    step = Step(
        name="copy",
        says=f"copy {snapshot.name} to {recovery} as {target}",
        do=Call(
            api="rds.copy_db_snapshot",
            params={
                "SourceDBSnapshotIdentifier": snapshot.arn,
                "TargetDBSnapshotIdentifier": target,
                "SourceRegion": outputs.stack.region,
                "Tags": database.tag_list({TAG: run, "bulwark:source": snapshot.name}),
                **key,
            },
            answers=("DBSnapshotAlreadyExists",),
            region=recovery,
        ),
        goal=_made(recovery, target, instance, TYPICAL_COPY, wait=wait),
    )
    notes = ("between regions each byte is charged; the copy stays until it is pruned there",)
    return build_stack_plan(outputs, run, "db snapshot copy", step, notes=notes)


def superfluous(
    listed: Sequence[Snapshot], keep: int, older_than: float, now: datetime
) -> list[Snapshot]:
    """Those that operations made, beyond the `keep` newest whole ones and old enough.

    The newest whole snapshot of all that operations made stays whatever is asked for.
    """
    whole = [s for s in listed if s.ours and s.status == "available"]
    whole.sort(key=lambda s: s.at, reverse=True)
    before = now - timedelta(days=older_than)
    return [s for s in whole[max(keep, 1) :] if s.at < before]


def prune(outputs: Outputs, gone: Sequence[Snapshot], run: str) -> Plan:
    """Deletes snapshots for good, the oldest first."""
    steps = (
        Step(
            name=f"delete_{number}",
            says=f"delete {snapshot.name} of {snapshot.created} in {snapshot.region}",
            do=Call(
                api="rds.delete_db_snapshot",
                params={"DBSnapshotIdentifier": snapshot.name},
                answers=(ABSENT,),
                region=snapshot.region,
            ),
            goal=Wait(
                read=_looking(snapshot.region, snapshot.name),
                met={"answer": ABSENT},
                every=5,
                within=600,
            ),
        )
        for number, snapshot in enumerate(sorted(gone, key=lambda s: s.at), 1)
    )
    notes = ("deleted snapshots do not come back",)
    return build_stack_plan(outputs, run, "db snapshot prune", *steps, notes=notes)


def _made(region: str, snapshot: str, instance: str, typical: float, *, wait: bool) -> Wait:
    met = {"DBSnapshots[0].DBInstanceIdentifier": instance}
    return Wait(
        read=_looking(region, snapshot),
        met={**met, STATUS: "available"} if wait else met,
        begun={STATUS: "creating"},
        failed={STATUS: ["failed"]},
        every=max(15, typical / 10),
        within=4 * 3600 if wait else 600,
        typical=typical if wait else None,
        source=ASSUMED if wait else None,
    )


def _looking(region: str, snapshot: str) -> Call:
    return Call(
        api="rds.describe_db_snapshots",
        params={"DBSnapshotIdentifier": snapshot},
        answers=(ABSENT,),
        region=region,
    )


def _snapshot(seen: Any, region: str) -> Snapshot:
    tags = database.tags(seen.get("TagList"))
    return Snapshot(
        name=seen["DBSnapshotIdentifier"],
        arn=seen["DBSnapshotArn"],
        instance=seen.get("DBInstanceIdentifier", ""),
        region=region,
        kind=seen.get("SnapshotType", ""),
        status=seen.get("Status", ""),
        created=seen.get("SnapshotCreateTime"),
        storage=int(seen.get("AllocatedStorage") or 0),
        encrypted=bool(seen.get("Encrypted")),
        run=tags.get(TAG),
    )
