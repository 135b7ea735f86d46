"""Another class or more storage for the database, a snapshot first.

A class goes back when the change is known to have failed; storage never shrinks, so it does not.
"""

from typing import Any, Final

from pydantic import JsonValue

from ops.core.aws import Aws
from ops.core.errors import UsageError
from ops.core.plan import Plan, State, Step, Wait
from ops.core.stack_plan import build_stack_plan
from ops.database import instance as database
from ops.database.instance import PENDING, STATUS, Instance
from ops.database.snapshots import saving
from ops.outputs import Outputs

SIZE: Final = "DBInstances[0].DBInstanceClass"
STORAGE: Final = "DBInstances[0].AllocatedStorage"
# The instance serves while its storage is optimized, which takes hours (RDS User Guide, storage).
SERVING: Final = "contains(['available', 'storage-optimization'], DBInstances[0].DBInstanceStatus)"
OUTAGE, OUTAGE_ALONE = 120, 600
OUTAGE_SOURCE: Final = "RDS User Guide: Multi-AZ changes the standby first, then fails over"
ALONE_SOURCE: Final = "an assumption, AWS states none: a Single-AZ instance is down meanwhile"
TYPICAL: Final = 600
GROWTH: Final = 10  # percent: the least increase that RDS takes (RDS User Guide, storage)


def sizes(aws: Aws, outputs: Outputs, found: Instance, size: str | None) -> list[Any]:
    """What this instance's version can be ordered as: one class, or all."""
    params: State = {"Engine": "postgres", "EngineVersion": found.version, "Vpc": True}
    if size is not None:
        params["DBInstanceClass"] = size
    api = "rds.describe_orderable_db_instance_options"
    options = database.pages(aws, outputs, api, "OrderableDBInstanceOptions", params)
    return [option for option in options if _fits(option, found)]


def orderable(
    aws: Aws, outputs: Outputs, found: Instance, size: str, option: str = "CLASS"
) -> None:
    """Raises UsageError, which names the option, where this instance cannot have a class."""
    if size == found.size:
        raise UsageError(f"{option} is {size!r}, which {found.identifier} has already")
    if not sizes(aws, outputs, found, size):
        known = sorted({o["DBInstanceClass"] for o in sizes(aws, outputs, found, None)})
        family = [name for name in known if name.split(".")[:2] == size.split(".")[:2]]
        raise UsageError(f"{option} is {size!r}, may be {', '.join(family or known)}")


def resize(outputs: Outputs, found: Instance, size: str, run: str) -> Plan:
    """A snapshot, then the class. Undone: the class as it was; the snapshot stays."""
    database.settled(found, "to be resized")
    database.unburdened(found)
    back = _class(outputs, found, "back", found.size)
    change = _class(outputs, found, "resize", size).model_copy(update={"undo": (back,)})
    notes = (
        "connections drop; a larger or smaller memory changes what follows it (max_connections)",
        f"the settings of the stack still say {found.size}: change instanceClass there as well, or "
        "the next `pulumi up` changes it back",
    )
    save = saving(outputs, found, run)
    return build_stack_plan(outputs, run, "db resize", save, change, notes=notes)


def grow(outputs: Outputs, found: Instance, storage: int, run: str) -> Plan:
    """A snapshot, then more storage, which goes on being optimized while the instance serves."""
    least = found.storage + -(-found.storage * GROWTH // 100)
    most = found.storage_limit or 65536
    if storage < least or storage > most:
        raise UsageError(
            f"GIB is {storage}, may be {least} to {most}: {found.identifier} has {found.storage}, "
            f"storage never shrinks, and grows by {GROWTH} % at least"
        )
    database.settled(found, "to be given storage")
    database.unburdened(found)
    step = Step(
        name="grow",
        says=f"give {found.identifier} {storage} GiB instead of {found.storage}",
        do=database.where(
            outputs,
            "rds.modify_db_instance",
            {
                "DBInstanceIdentifier": found.identifier,
                "AllocatedStorage": storage,
                "ApplyImmediately": True,
            },
        ),
        ready=database.calm(outputs, found.identifier),
        goal=Wait(
            read=database.looking(outputs, found.identifier),
            met={STORAGE: storage, PENDING: {}, SERVING: True},
            begun={f"{PENDING}.AllocatedStorage": storage, STORAGE: storage},
            failed={STATUS: list(database.BROKEN)},
            every=60,
            within=6 * 3600,
            typical=TYPICAL,
            source="an assumption, AWS states none",
        ),
    )
    notes = (
        "no outage; there is no undo, and storage cannot change again for 6 hours",
        "change storageGb in the settings of the stack as well",
    )
    save = saving(outputs, found, run)
    return build_stack_plan(outputs, run, "db storage", save, step, notes=notes)


def _class(outputs: Outputs, found: Instance, name: str, size: str) -> Step:
    # On the way back nothing is given up: a failed undo would be left half way.
    broken: dict[str, list[JsonValue]] = {STATUS: list(database.BROKEN)} if name != "back" else {}
    outage = OUTAGE if found.multi_az else OUTAGE_ALONE
    return Step(
        name=name,
        says=f"make {found.identifier} a {size}",
        do=database.where(
            outputs,
            "rds.modify_db_instance",
            {
                "DBInstanceIdentifier": found.identifier,
                "DBInstanceClass": size,
                "ApplyImmediately": True,
            },
        ),
        ready=database.calm(outputs, found.identifier).model_copy(update={"failed": broken}),
        goal=Wait(
            read=database.looking(outputs, found.identifier),
            met={SIZE: size, STATUS: "available", PENDING: {}},
            begun={f"{PENDING}.DBInstanceClass": size, SIZE: size},
            failed=broken,
            every=60,
            within=2 * 3600,
            typical=TYPICAL,
            source=OUTAGE_SOURCE if found.multi_az else ALONE_SOURCE,
        ),
        downtime=outage,
    )


def _fits(option: Any, found: Instance) -> bool:
    """Whether an option has what the instance has: its storage, its standby, its encryption."""
    return (
        option.get("StorageType") == found.storage_type
        and (option.get("MultiAZCapable", False) or not found.multi_az)
        and (option.get("SupportsStorageEncryption", False) or not found.encrypted)
    )
