"""The DB instances as operations see them, and what is typical of every plan about them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError
from pydantic import JsonValue

from ops.core.actions import Actions
from ops.core.aws import Aws
from ops.core.errors import OpsError, RefusedError
from ops.core.plan import Call, State, Wait
from ops.outputs import Outputs

STATUS: Final = "DBInstances[0].DBInstanceStatus"
PENDING: Final = "DBInstances[0].PendingModifiedValues"
# States that end by no waiting: RDS User Guide, "Viewing Amazon RDS DB instance status".
BROKEN: Final[tuple[str, ...]] = (
    "failed",
    "inaccessible-encryption-credentials",
    "incompatible-network",
    "incompatible-option-group",
    "incompatible-parameters",
    "incompatible-restore",
    "insufficient-capacity",
    "restore-error",
    "storage-full",
)
ABSENT: Final = "DBInstanceNotFound"


@dataclass(frozen=True)
class Instance:
    """One DB instance, as it was seen."""

    identifier: str
    role: str
    status: str
    size: str
    version: str
    zone: str | None
    standby: str | None
    multi_az: bool
    storage: int
    storage_limit: int | None
    storage_type: str
    encrypted: bool
    pending: Mapping[str, Any]
    group: str | None
    group_status: str | None
    replicas: tuple[str, ...]
    backup_days: int
    restorable: str | None
    tags: Mapping[str, str]

    @property
    def available(self) -> bool:
        """Whether RDS takes a change of it."""
        return self.status == "available"

    def row(self) -> dict[str, object]:
        """What a person sees of it."""
        waiting = [f"{name}={value}" for name, value in self.pending.items()]
        if self.group_status not in (None, "in-sync"):
            waiting.append(f"{self.group} {self.group_status}")
        return {
            "instance": self.identifier,
            "role": self.role,
            "status": self.status,
            "class": self.size,
            "version": self.version,
            "zone": self.zone,
            "standby": self.standby,
            "storage": f"{self.storage} GiB {self.storage_type}",
            "pending": waiting or None,
            "restorable": self.restorable,
        }


COLUMNS: Final = (
    "instance",
    "role",
    "status",
    "class",
    "version",
    "zone",
    "standby",
    "storage",
    "pending",
    "restorable",
)


def where(
    outputs: Outputs, api: str, params: State, *answers: str, repeatable: bool = True
) -> Call:
    """A call in the stack's own region, wherever the outputs were read from."""
    return Call(
        api=api,
        params=params,
        answers=answers,
        repeatable=repeatable,
        region=outputs.stack.region,
    )


def looking(outputs: Outputs, identifier: str) -> Call:
    """The read of one instance."""
    return where(outputs, "rds.describe_db_instances", {"DBInstanceIdentifier": identifier})


def calm(outputs: Outputs, identifier: str) -> Wait:
    """Available, with nothing waiting to be changed."""
    return Wait(
        read=looking(outputs, identifier),
        met={STATUS: "available", PENDING: {}},
        failed={STATUS: list(BROKEN)},
    )


def look(aws: Aws, outputs: Outputs, identifier: str) -> Instance | None:
    """One instance, or None where there is none. A throttle or a denial raises."""
    seen = described(aws, outputs, identifier)
    return None if seen is None else instance(seen)


def described(aws: Aws, outputs: Outputs, identifier: str) -> dict[str, Any] | None:
    """One instance as RDS describes it, or None where there is none; raises as `look`."""
    call = looking(outputs, identifier).model_copy(update={"answers": (ABSENT,)})
    seen: Any = Actions(aws)(call, {})
    found: dict[str, Any] | None = next(iter(seen.get("DBInstances") or ()), None)
    return found


def primary(aws: Aws, outputs: Outputs) -> Instance:
    """The stack's primary. Raises OpsError where it is not there."""
    identifier = outputs.database.identifier
    found = look(aws, outputs, identifier)
    if found is None:
        raise OpsError(
            f"there is no DB instance {identifier} in {outputs.stack.region}",
            "ops db snapshot list",
        )
    return found


def member(aws: Aws, outputs: Outputs, identifier: str | None) -> Instance:
    """The primary, or the replica of that name. The name is known to be one of the stack's."""
    if identifier in (None, outputs.database.identifier):
        return primary(aws, outputs)
    found = look(aws, outputs, str(identifier))
    if found is None:
        raise OpsError(f"there is no DB instance {identifier} in {outputs.stack.region}")
    return found


def settled(found: Instance, what: str) -> None:
    """Raises OpsError where an instance cannot be changed now."""
    if not found.available:
        raise OpsError(
            f"{found.identifier} is {found.status}, it must be available {what}", "ops db status"
        )


def unburdened(found: Instance) -> None:
    """Raises OpsError where changes wait, which ApplyImmediately would carry out as well."""
    if found.pending:
        waiting = ", ".join(f"{name}={value}" for name, value in found.pending.items())
        raise OpsError(
            f"{found.identifier} has changes waiting for its maintenance window that would be made "
            f"along with this one: {waiting}",
            "ops db status",
        )


def pages(
    aws: Aws, outputs: Outputs, api: str, key: str, params: State, region: str | None = None
) -> Iterator[Any]:
    """All items of a list; what AWS refuses is an error for a person."""
    yield from found(aws, api, key, params, region or outputs.stack.region)


def found(aws: Aws, api: str, key: str, params: State, region: str) -> Iterator[Any]:
    """The same of a list in any region."""
    try:
        yield from aws.pages(api, key, params, region)
    except ClientError as error:
        answer = error.response["Error"]
        raise RefusedError(f"{api}: {answer['Code']}: {answer.get('Message')}") from error


def tags(seen: Any) -> dict[str, str]:
    """A tag list as a mapping."""
    return {tag["Key"]: tag["Value"] for tag in seen or ()}


def tag_list(wanted: Mapping[str, str]) -> list[JsonValue]:
    """A mapping as AWS takes it."""
    return [{"Key": key, "Value": value} for key, value in sorted(wanted.items())]


def instance(seen: Any) -> Instance:
    """An instance from its description by RDS."""
    groups = seen.get("DBParameterGroups") or [{}]
    return Instance(
        identifier=seen["DBInstanceIdentifier"],
        role="replica" if seen.get("ReadReplicaSourceDBInstanceIdentifier") else "primary",
        status=seen["DBInstanceStatus"],
        size=seen["DBInstanceClass"],
        version=seen["EngineVersion"],
        zone=seen.get("AvailabilityZone"),
        standby=seen.get("SecondaryAvailabilityZone"),
        multi_az=bool(seen.get("MultiAZ")),
        storage=int(seen["AllocatedStorage"]),
        storage_limit=seen.get("MaxAllocatedStorage"),
        storage_type=seen.get("StorageType", ""),
        encrypted=bool(seen.get("StorageEncrypted")),
        pending=seen.get("PendingModifiedValues") or {},
        group=groups[0].get("DBParameterGroupName"),
        group_status=groups[0].get("ParameterApplyStatus"),
        replicas=tuple(seen.get("ReadReplicaDBInstanceIdentifiers") or ()),
        backup_days=int(seen.get("BackupRetentionPeriod") or 0),
        restorable=seen.get("LatestRestorableTime"),
        tags=tags(seen.get("TagList")),
    )
