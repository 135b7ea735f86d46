"""DB instances: reads, waits and conditions that every database plan uses."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError
from pydantic import JsonValue

from ops.core.actions import Actions
from ops.core.aws import Aws
from ops.core.errors import OpsError, RefusedError
from ops.core.plan import Call, JsonObject, Wait
from ops.database.statuses import (
    Change,
    build_failed_conditions,
    build_status_condition,
    list_statuses_taking,
    require_status_takes,
)
from ops.outputs import Outputs

PENDING_CHANGES_PATH: Final = "DBInstances[0].PendingModifiedValues"
DB_INSTANCE_NOT_FOUND: Final = "DBInstanceNotFound"


@dataclass(frozen=True)
class DatabaseInstance:
    """One DB instance as RDS described it. Storage is in GiB."""

    identifier: str
    role: str
    status: str
    instance_class: str
    version: str
    zone: str | None
    standby_zone: str | None
    multi_az: bool
    storage_gib: int
    storage_limit_gib: int | None
    storage_type: str
    encrypted: bool
    pending_changes: Mapping[str, Any]
    parameter_group: str | None
    parameter_group_status: str | None
    replicas: tuple[str, ...]
    backup_retention_days: int
    latest_restorable_time: str | None
    tags: Mapping[str, str]
    address: str | None = None
    storage_operation: str | None = None
    iops: int | None = None
    storage_throughput: int | None = None

    def row(self) -> dict[str, object]:
        """Returns the table row."""
        pending = [f"{name}={value}" for name, value in self.pending_changes.items()]
        if self.parameter_group_status not in (None, "in-sync"):
            pending.append(f"{self.parameter_group} {self.parameter_group_status}")
        return {
            "instance": self.identifier,
            "role": self.role,
            "status": self.status,
            "class": self.instance_class,
            "version": self.version,
            "zone": self.zone,
            "standby": self.standby_zone,
            "storage": f"{self.storage_gib} GiB {self.storage_type}",
            "pending": pending or None,
            "restorable": self.latest_restorable_time,
        }


DATABASE_INSTANCE_COLUMNS: Final = (
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


def rds_call(
    outputs: Outputs, api: str, params: JsonObject, *expected_errors: str, repeatable: bool = True
) -> Call:
    """Builds a call in the stack's own region."""
    return Call(
        api=api,
        params=params,
        expected_errors=expected_errors,
        repeatable=repeatable,
        region=outputs.stack.region,
    )


def describe_instance_call(outputs: Outputs, identifier: str) -> Call:
    """Builds the read of one instance."""
    return rds_call(outputs, "rds.describe_db_instances", {"DBInstanceIdentifier": identifier})


def build_ready_wait(outputs: Outputs, identifier: str, *changes: Change) -> Wait:
    """Builds the wait until RDS takes these changes of an instance and no change is pending."""
    statuses = list_statuses_taking(*changes)
    return Wait(
        read=describe_instance_call(outputs, identifier),
        met={**build_status_condition(statuses, "ready"), PENDING_CHANGES_PATH: {}},
        failed=build_failed_conditions(*statuses),
    )


def find_instance(aws: Aws, outputs: Outputs, identifier: str) -> DatabaseInstance | None:
    """Returns one instance, or None if it does not exist. Throttled and denied calls raise."""
    description = describe_instance(aws, outputs, identifier)
    return None if description is None else parse_instance(description)


def describe_instance(aws: Aws, outputs: Outputs, identifier: str) -> dict[str, Any] | None:
    """Returns RDS's description of one instance, or None. Raises as `find_instance` does."""
    call = describe_instance_call(outputs, identifier).model_copy(
        update={"expected_errors": (DB_INSTANCE_NOT_FOUND,)}
    )
    response: Any = Actions(aws)(call, {})
    description: dict[str, Any] | None = next(iter(response.get("DBInstances") or ()), None)
    return description


def get_primary(aws: Aws, outputs: Outputs) -> DatabaseInstance:
    """Returns the stack's primary. Raises OpsError if it does not exist."""
    identifier = outputs.database.identifier
    instance = find_instance(aws, outputs, identifier)
    if instance is None:
        raise OpsError(
            f"there is no DB instance {identifier} in {outputs.stack.region}",
            "ops db snapshot list",
        )
    return instance


def get_primary_or_replica(aws: Aws, outputs: Outputs, identifier: str | None) -> DatabaseInstance:
    """Returns the primary, or a replica by its identifier. Raises OpsError if it does not exist."""
    if identifier in (None, outputs.database.identifier):
        return get_primary(aws, outputs)
    instance = find_instance(aws, outputs, str(identifier))
    if instance is None:
        raise OpsError(f"there is no DB instance {identifier} in {outputs.stack.region}")
    return instance


def require_takes(instance: DatabaseInstance, purpose: str, *changes: Change) -> None:
    """Raises OpsError unless RDS takes these changes of the instance now.

    `purpose` ends the message.
    """
    for change in changes:
        require_status_takes(instance.identifier, instance.status, change, purpose)


def require_no_pending_changes(instance: DatabaseInstance) -> None:
    """Raises OpsError if changes are pending, which ApplyImmediately would apply too."""
    if instance.pending_changes:
        pending = ", ".join(f"{name}={value}" for name, value in instance.pending_changes.items())
        raise OpsError(
            f"{instance.identifier} has changes pending for its maintenance window, which this "
            f"change would apply too: {pending}",
            "ops db status",
        )


def list_in_stack_region(
    aws: Aws, outputs: Outputs, api: str, key: str, params: JsonObject, region: str | None = None
) -> Iterator[Any]:
    """Yields all items of a list in the stack's or another region. Raises as `list_in_region`."""
    yield from list_in_region(aws, api, key, params, region or outputs.stack.region)


def list_in_region(aws: Aws, api: str, key: str, params: JsonObject, region: str) -> Iterator[Any]:
    """Yields all items of a list in a region. Raises RefusedError if AWS refuses the call."""
    try:
        yield from aws.list_items(api, key, params, region)
    except ClientError as error:
        details = error.response["Error"]
        raise RefusedError(f"{api}: {details['Code']}: {details.get('Message')}") from error


def parse_tags(tag_items: Any) -> dict[str, str]:
    """Converts an AWS tag list to a mapping."""
    return {tag["Key"]: tag["Value"] for tag in tag_items or ()}


def format_tags(tags: Mapping[str, str]) -> list[JsonValue]:
    """Converts a mapping to an AWS tag list, sorted by key."""
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


def parse_instance(description: Any) -> DatabaseInstance:
    """Parses an instance from its description by RDS."""
    parameter_groups = description.get("DBParameterGroups") or [{}]
    return DatabaseInstance(
        identifier=description["DBInstanceIdentifier"],
        role="replica" if description.get("ReadReplicaSourceDBInstanceIdentifier") else "primary",
        status=description["DBInstanceStatus"],
        instance_class=description["DBInstanceClass"],
        version=description["EngineVersion"],
        zone=description.get("AvailabilityZone"),
        standby_zone=description.get("SecondaryAvailabilityZone"),
        multi_az=bool(description.get("MultiAZ")),
        storage_gib=int(description["AllocatedStorage"]),
        storage_limit_gib=description.get("MaxAllocatedStorage"),
        storage_type=description.get("StorageType", ""),
        encrypted=bool(description.get("StorageEncrypted")),
        pending_changes=description.get("PendingModifiedValues") or {},
        parameter_group=parameter_groups[0].get("DBParameterGroupName"),
        parameter_group_status=parameter_groups[0].get("ParameterApplyStatus"),
        replicas=tuple(description.get("ReadReplicaDBInstanceIdentifiers") or ()),
        backup_retention_days=int(description.get("BackupRetentionPeriod") or 0),
        latest_restorable_time=description.get("LatestRestorableTime"),
        tags=parse_tags(description.get("TagList")),
        address=(description.get("Endpoint") or {}).get("Address"),
        storage_operation=description.get("StorageOperationStatus"),
        iops=description.get("Iops"),
        storage_throughput=description.get("StorageThroughput"),
    )
