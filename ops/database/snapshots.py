"""Snapshots of the database: create, list, copy to the recovery region, prune.

A snapshot that ops creates is named `{instance}-{run}` and has the run as a tag. This marks it as
created by ops, and lets a repeated call find it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from ops.core.aws import Aws
from ops.core.counts import format_count
from ops.core.errors import OpsError, UsageError
from ops.core.plan import RUN_TAG, Call, JsonObject, Plan, Step, Wait
from ops.core.stack_plan import build_stack_plan
from ops.database.instance import (
    DatabaseInstance,
    format_tags,
    list_in_region,
    parse_tags,
    rds_call,
    require_takes,
)
from ops.database.statuses import Change
from ops.outputs import Outputs
from ops.prices.difference import describe_snapshots_cost

SNAPSHOT_STATUS_PATH: Final = "DBSnapshots[0].Status"
SNAPSHOT_NOT_FOUND: Final = "DBSnapshotNotFound"
# AWS gives no figures; a snapshot saves what has changed since the last one.
TYPICAL_SNAPSHOT_SECONDS, TYPICAL_SNAPSHOT_COPY_SECONDS = 5 * 60, 20 * 60
SNAPSHOT_TIME_SOURCE: Final = (
    "an assumption, AWS gives no figure: the first one and large changes take longer"
)
# The lists that together hold all snapshots: without a type RDS lists automated and manual ones
# only. Source: API reference, DescribeDBSnapshots.
SNAPSHOT_LISTS: Final = (None, "awsbackup", "shared")
SHARED: Final = "shared"
AWS_MANAGED_KEY_ALIAS: Final = "alias/aws/rds"  # used by a stack without own keys


@dataclass(frozen=True)
class Snapshot:
    """One snapshot as RDS described it. Storage is in GiB."""

    name: str
    arn: str
    instance_identifier: str
    region: str
    kind: str
    status: str
    created_at: str | None
    storage_gib: int
    encrypted: bool
    run: str | None
    data_time: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def restore_identifier(self) -> str:
        """What a restore names: of a snapshot that another account shares, its ARN."""
        return self.arn if self.kind == SHARED else self.name

    @property
    def is_from_operations(self) -> bool:
        """True if ops created it. A tag alone may be copied from an instance."""
        has_run_name = self.run is not None and self.name == get_snapshot_name(
            self.instance_identifier, self.run
        )
        return self.kind == "manual" and has_run_name

    @property
    def creation_time(self) -> datetime:
        """When its data was saved; a snapshot in progress sorts as the newest.

        A copy has the time of the copied snapshot, not that of the copy.
        """
        saved_at = self.data_time or self.created_at
        if saved_at is None:
            return datetime.max.replace(tzinfo=UTC)
        return datetime.fromisoformat(saved_at.replace("Z", "+00:00"))

    def row(self) -> dict[str, object]:
        """Returns the table row."""
        return {
            "snapshot": self.name,
            "region": self.region,
            "kind": self.kind,
            "status": self.status,
            "created": self.data_time or self.created_at,
            "storage": f"{self.storage_gib} GiB",
            "encrypted": "yes" if self.encrypted else "no",
            "run": self.run,
        }


SNAPSHOT_COLUMNS: Final = (
    "snapshot",
    "region",
    "kind",
    "status",
    "created",
    "storage",
    "encrypted",
    "run",
)


def list_snapshots(aws: Aws, outputs: Outputs, region: str) -> list[Snapshot]:
    """Lists the primary's snapshots in a region, the newest data first.

    Includes those of AWS Backup, and those that another account shares with this one.
    """
    items = list_snapshot_descriptions(aws, outputs.database.identifier, region)
    return sorted(
        (_parse_snapshot(item, region) for item in items),
        key=lambda snapshot: snapshot.creation_time,
        reverse=True,
    )


def list_snapshot_descriptions(aws: Aws, identifier: str, region: str) -> Iterator[dict[str, Any]]:
    """Yields RDS's descriptions of all snapshots of an instance; shared ones have that type."""
    arns: set[str] = set()
    for kind in SNAPSHOT_LISTS:
        params: JsonObject = {} if kind is None else {"SnapshotType": kind}
        if kind != SHARED:  # RDS lists those of other accounts' instances
            params["DBInstanceIdentifier"] = identifier
        api = "rds.describe_db_snapshots"
        for item in list_in_region(aws, api, "DBSnapshots", params, region):
            arn = str(item["DBSnapshotArn"])
            if item.get("DBInstanceIdentifier") == identifier and arn not in arns:
                arns.add(arn)
                yield {**item, "SnapshotType": SHARED} if kind == SHARED else item


def get_snapshot_data_time(description: Any) -> str | None:
    """Returns when the data was saved; None if the snapshot is in progress.

    SnapshotCreateTime changes when a snapshot is copied, OriginalSnapshotCreateTime does not: API
    reference, DBSnapshot.
    """
    time: str | None = description.get("OriginalSnapshotCreateTime") or description.get(
        "SnapshotCreateTime"
    )
    return time


def get_snapshot_name(instance_identifier: str, run: str) -> str:
    """Returns the name of a run's snapshot."""
    return f"{instance_identifier}-{run}"


def build_snapshot_step(
    outputs: Outputs, instance: DatabaseInstance, run: str, name: str = "save", *, wait: bool = True
) -> Step:
    """Builds the step that takes a snapshot. It has no undo: the snapshot stays."""
    snapshot_name = get_snapshot_name(instance.identifier, run)
    user_tags = {key: value for key, value in instance.tags.items() if not key.startswith("aws:")}
    return Step(
        name=name,
        description=f"take the snapshot {snapshot_name}",
        action=rds_call(
            outputs,
            "rds.create_db_snapshot",
            {
                "DBInstanceIdentifier": instance.identifier,
                "DBSnapshotIdentifier": snapshot_name,
                "Tags": format_tags({**user_tags, RUN_TAG: run}),
            },
            "DBSnapshotAlreadyExists",
        ),
        goal=_build_snapshot_wait(
            outputs.stack.region,
            snapshot_name,
            instance.identifier,
            TYPICAL_SNAPSHOT_SECONDS,
            wait=wait,
        ),
    )


def build_database_snapshot_plan(
    outputs: Outputs, instance: DatabaseInstance, run: str, *, wait: bool = True
) -> Plan:
    """Builds the plan that takes a snapshot; without `wait` it ends once the snapshot has started.

    Raises OpsError unless RDS takes a snapshot now.
    """
    require_takes(instance, "before a snapshot is taken", Change.SNAPSHOT)
    pause_note = (
        "the snapshot is taken from the standby"
        if instance.multi_az
        else "the instance is Single-AZ: its I/O may pause for a few seconds at the start"
    )
    return build_stack_plan(
        outputs,
        run,
        "db snapshot create",
        build_snapshot_step(outputs, instance, run, wait=wait),
        changes=[f"one snapshot more: {get_snapshot_name(instance.identifier, run)}"],
        losses=(),
        cost=describe_snapshots_cost(instance.storage_gib),
        notes=(pause_note, "it stays until `ops db snapshot prune` deletes it"),
    )


def select_snapshot(snapshots: Sequence[Snapshot], name: str | None) -> Snapshot:
    """Returns the named snapshot, or the newest available one that ops created.

    Raises UsageError if the name does not exist, OpsError if no snapshot is available.
    """
    if name is not None:
        snapshot = next((candidate for candidate in snapshots if candidate.name == name), None)
        if snapshot is None:
            raise UsageError(f"SNAPSHOT must be a name from `ops db snapshot list`, not {name!r}")
        if snapshot.status != "available":
            raise OpsError(f"{name} is {snapshot.status}; it must be available")
        return snapshot
    newest = next(
        (
            candidate
            for candidate in snapshots
            if candidate.is_from_operations and candidate.status == "available"
        ),
        None,
    )
    if newest is None:
        raise OpsError("ops has created no snapshot that is available", "ops db snapshot create")
    return newest


def build_database_snapshot_copy_plan(
    outputs: Outputs, snapshot: Snapshot, run: str, *, wait: bool = True, encrypt: bool = False
) -> Plan:
    """Builds the plan that copies a snapshot to the recovery region, under that region's key.

    With `encrypt`, one that is not encrypted is copied in its own region, under the stack's data
    key: RDS encrypts such a copy (API reference, CopyDBSnapshot, KmsKeyId). Raises OpsError if the
    stack has no recovery region, UsageError if what is to be encrypted is so already.
    """
    stack = outputs.stack
    if encrypt and snapshot.encrypted:
        raise UsageError(f"--encrypt needs a snapshot without encryption; {snapshot.name} has it")
    region = stack.region if encrypt else stack.recovery_region
    if region is None:
        raise OpsError("this stack has no recovery region: set recoveryRegion and deploy")
    key = stack.data_key_arn if encrypt else stack.recovery_key_arn
    instance_identifier = outputs.database.identifier
    copy_name = get_snapshot_name(instance_identifier, run)
    # RDS copies the source's own tags only if no others are given (assumed).
    user_tags = {key: value for key, value in snapshot.tags.items() if not key.startswith("aws:")}
    key_params = {"KmsKeyId": key or AWS_MANAGED_KEY_ALIAS} if encrypt or snapshot.encrypted else {}
    step = Step(
        name="copy",
        description=f"copy {snapshot.name} to {region} as {copy_name}"
        + (", encrypted" if encrypt else ""),
        action=Call(
            api="rds.copy_db_snapshot",
            params={
                "SourceDBSnapshotIdentifier": snapshot.arn,
                "TargetDBSnapshotIdentifier": copy_name,
                **({} if encrypt else {"SourceRegion": stack.region}),
                "Tags": format_tags({**user_tags, RUN_TAG: run, "bulwark:source": snapshot.name}),
                **key_params,
            },
            expected_errors=("DBSnapshotAlreadyExists",),
            region=region,
        ),
        goal=_build_snapshot_wait(
            region,
            copy_name,
            instance_identifier,
            TYPICAL_SNAPSHOT_COPY_SECONDS,
            wait=wait,
        ),
    )
    note = (
        "the copy alone is encrypted: restore it with `ops recover snapshot`, and prune the source"
        if encrypt
        else "AWS charges for the transfer between regions too; the copy stays until you prune it "
        "there"
    )
    return build_stack_plan(
        outputs,
        run,
        "db snapshot copy",
        step,
        changes=[f"one snapshot more in {region}: {copy_name}"],
        losses=(),
        cost=describe_snapshots_cost(snapshot.storage_gib),
        notes=(note,),
    )


def list_prunable(
    snapshots: Sequence[Snapshot], keep: int, older_than: float, now: datetime
) -> list[Snapshot]:
    """Lists snapshots of ops that are not among the `keep` newest and older than so many days.

    The newest available snapshot of ops is never among them.
    """
    complete_snapshots = [
        snapshot
        for snapshot in snapshots
        if snapshot.is_from_operations and snapshot.status == "available"
    ]
    complete_snapshots.sort(key=lambda snapshot: snapshot.creation_time, reverse=True)
    cutoff = now - timedelta(days=older_than)
    return [
        snapshot
        for snapshot in complete_snapshots[max(keep, 1) :]
        if snapshot.creation_time < cutoff
    ]


def build_database_snapshot_prune_plan(
    outputs: Outputs, snapshots: Sequence[Snapshot], run: str
) -> Plan:
    """Builds the plan that deletes snapshots, the oldest first. There is no undo."""
    steps = (
        Step(
            name=f"delete_{number}",
            description=f"delete {snapshot.name} from {snapshot.created_at} in {snapshot.region}",
            action=Call(
                api="rds.delete_db_snapshot",
                params={"DBSnapshotIdentifier": snapshot.name},
                expected_errors=(SNAPSHOT_NOT_FOUND,),
                region=snapshot.region,
            ),
            goal=Wait(
                read=_describe_snapshot_call(snapshot.region, snapshot.name),
                met={"answer": SNAPSHOT_NOT_FOUND},
                every=5,
                within=600,
            ),
        )
        for number, snapshot in enumerate(sorted(snapshots, key=lambda s: s.creation_time), 1)
    )
    return build_stack_plan(
        outputs,
        run,
        "db snapshot prune",
        *steps,
        changes=[f"{format_count(len(snapshots), 'snapshot')} fewer"],
        losses=["what only these snapshots have: a deleted snapshot cannot be restored"],
        cost=describe_snapshots_cost(sum(snapshot.storage_gib for snapshot in snapshots), count=-1),
    )


def _build_snapshot_wait(
    region: str, snapshot_name: str, instance_identifier: str, typical_seconds: float, *, wait: bool
) -> Wait:
    conditions = {"DBSnapshots[0].DBInstanceIdentifier": instance_identifier}
    return Wait(
        read=_describe_snapshot_call(region, snapshot_name),
        met={**conditions, SNAPSHOT_STATUS_PATH: "available"} if wait else conditions,
        begun={SNAPSHOT_STATUS_PATH: "creating"},
        failed={SNAPSHOT_STATUS_PATH: ["failed"]},
        every=max(15, typical_seconds / 10),
        within=4 * 3600 if wait else 600,
        typical=typical_seconds if wait else None,
        source=SNAPSHOT_TIME_SOURCE if wait else None,
    )


def _describe_snapshot_call(region: str, snapshot_name: str) -> Call:
    return Call(
        api="rds.describe_db_snapshots",
        params={"DBSnapshotIdentifier": snapshot_name},
        expected_errors=(SNAPSHOT_NOT_FOUND,),
        region=region,
    )


def _parse_snapshot(description: Any, region: str) -> Snapshot:
    tags = parse_tags(description.get("TagList"))
    return Snapshot(
        name=description["DBSnapshotIdentifier"],
        arn=description["DBSnapshotArn"],
        instance_identifier=description.get("DBInstanceIdentifier", ""),
        region=region,
        kind=description.get("SnapshotType", ""),
        status=description.get("Status", ""),
        created_at=description.get("SnapshotCreateTime"),
        storage_gib=int(description.get("AllocatedStorage") or 0),
        encrypted=bool(description.get("Encrypted")),
        run=tags.get(RUN_TAG),
        data_time=get_snapshot_data_time(description),
        tags=tags,
    )
