"""Read replicas beside those of the settings: added with the primary's settings, and removed."""

import re
from collections.abc import Mapping
from typing import Any, Final

from ops.core.aws import Aws
from ops.core.errors import OpsError, UsageError
from ops.core.plan import Plan, Step, Wait
from ops.core.stack_plan import build_stack_plan
from ops.database import copied_settings as likeness
from ops.database import instance as database
from ops.database.instance import ABSENT, STATUS
from ops.database.snapshots import TAG
from ops.outputs import Outputs

MOST: Final = 15  # replicas of one primary. Source: RDS User Guide, read replicas of PostgreSQL
TAGGED: Final = f"DBInstances[0].TagList[?Key=='{TAG}'].Value | [0]"
LONGEST: Final = 63  # characters of an identifier. Source: API reference
NAME: Final = re.compile(r"[a-z]([a-z0-9]|-(?=[a-z0-9]))*")
TYPICAL: Final = 15 * 60
ASSUMED: Final = "an assumption, AWS states none: a snapshot of the primary, and its data copied"


def described(aws: Aws, outputs: Outputs, identifier: str | None = None) -> dict[str, Any]:
    """The primary, or another, as RDS describes it. Raises OpsError where it is not there."""
    identifier = identifier or outputs.database.identifier
    found = database.described(aws, outputs, identifier)
    if found is None:
        raise OpsError(f"there is no DB instance {identifier} in {outputs.stack.region}")
    return found


def full_name(outputs: Outputs, name: str) -> str:
    """The identifier of a replica: the primary's, and the name. Raises UsageError."""
    head = f"{outputs.database.identifier}-"
    whole = name if name.startswith(head) else f"{head}{name}"
    if not NAME.fullmatch(name) or len(whole) > LONGEST:
        raise UsageError(
            f"NAME is {name!r}, may be letters, digits and single hyphens, like reports"
        )
    return whole


def add(
    aws: Aws,
    outputs: Outputs,
    primary: Mapping[str, Any],
    name: str,
    run: str,
    *,
    size: str | None = None,
) -> Plan:
    """Another replica, with the primary's settings. Undone: it is deleted again."""
    replica = full_name(outputs, name)
    own = primary["DBInstanceIdentifier"]
    if database.look(aws, outputs, replica) is not None:
        raise UsageError(f"NAME is {name!r}, and {replica} is there already", "ops db status")
    if primary["DBInstanceStatus"] != "available":
        raise OpsError(
            f"{own} is {primary['DBInstanceStatus']}, it must be available to be replicated",
            "ops db status",
        )
    if not primary.get("BackupRetentionPeriod"):
        raise OpsError(f"{own} keeps no automated backups, which a replica is made from")
    if len(primary.get("ReadReplicaDBInstanceIdentifiers") or ()) >= MOST:
        raise OpsError(f"{own} has {MOST} replicas, which is the most", "ops db status")
    size = size or str(primary["DBInstanceClass"])
    copied = likeness.told(primary, likeness.REPLICA)
    tags = database.tags(primary.get("TagList"))
    kept = {key: value for key, value in tags.items() if not key.startswith("aws:")}
    read = database.looking(outputs, replica).model_copy(update={"answers": (ABSENT,)})
    step = Step(
        name="add",
        says=f"make {replica} a {size} that follows {own}",
        do=database.where(
            outputs,
            "rds.create_db_instance_read_replica",
            {
                "DBInstanceIdentifier": replica,
                "SourceDBInstanceIdentifier": own,
                "DBInstanceClass": size,
                "PubliclyAccessible": False,
                "DeletionProtection": outputs.stack.protect,
                "Tags": database.tag_list({**kept, TAG: run}),
                **copied,
            },
            "DBInstanceAlreadyExists",
        ),
        goal=Wait(
            read=read,
            met={
                STATUS: "available",
                "DBInstances[0].ReadReplicaSourceDBInstanceIdentifier": own,
                TAGGED: run,
            },
            begun={STATUS: "creating"},
            failed={STATUS: list(database.BROKEN)},
            every=60,
            within=3 * 3600,
            typical=TYPICAL,
            source=ASSUMED,
        ),
        undo=removal(outputs, replica, "undo_"),
    )
    notes = (
        "it costs as much as an instance of its class, and its storage, until it is removed",
        "the settings of the stack do not know it: it is ops's, until `ops db replica remove`",
        "its alarms are not made: those of the stack's own replicas are (database.replicas)",
    )
    return build_stack_plan(outputs, run, "db replica add", step, notes=notes)


def remove(aws: Aws, outputs: Outputs, primary: Mapping[str, Any], name: str, run: str) -> Plan:
    """A replica that operations added is gone, with its data, which are the primary's.

    Undone where it is not deleted yet: it is protected from that as before.
    """
    replica = full_name(outputs, name)
    own = [str(each) for each in primary.get("ReadReplicaDBInstanceIdentifiers") or ()]
    if replica not in own:
        known = ", ".join(each for each in own if each not in outputs.database.replicas)
        raise UsageError(
            f"NAME is {name!r}, which is no replica, may be {known or 'none: there is none'}",
            "ops db status",
        )
    if replica in outputs.database.replicas:
        raise UsageError(
            f"NAME is {name!r}, which is the settings' own: lower database.replicas instead"
        )
    protected = bool(described(aws, outputs, replica).get("DeletionProtection"))
    notes = ("whoever reads from it is refused; there is no final snapshot of a replica",)
    unprotect, delete = removal(outputs, replica, "")
    steps = [delete]
    if protected:
        back = {"undo": (_protect(outputs, replica),)}
        steps.insert(0, unprotect.model_copy(update=back))
    return build_stack_plan(outputs, run, "db replica remove", *steps, notes=notes)


def _protect(outputs: Outputs, replica: str) -> Step:
    """What turns its protection on again, where it is still there."""
    read = database.looking(outputs, replica).model_copy(update={"answers": (ABSENT,)})
    gone = f"answer == '{ABSENT}'"
    return Step(
        name="protect",
        says=f"keep {replica} from being deleted, where it is still there",
        ready=Wait(read=read, met={f"{STATUS} != 'deleting'": True}, every=30, within=3600),
        do=database.where(
            outputs,
            "rds.modify_db_instance",
            {"DBInstanceIdentifier": replica, "DeletionProtection": True},
            ABSENT,
        ),
        goal=Wait(
            read=read,
            met={f"DBInstances[0].DeletionProtection || {gone}": True},
            every=15,
            within=900,
        ),
    )


def removal(
    outputs: Outputs, replica: str, prefix: str, run: str | None = None
) -> tuple[Step, ...]:
    """Its protection off, then deleted; of what is not there nothing is to be done.

    With `run` only an instance that this run has made: for another's it waits, and stops.
    """
    read = database.looking(outputs, replica).model_copy(update={"answers": (ABSENT,)})
    open_ = "DBInstances[0].DeletionProtection || `false`"
    ours = {} if run is None else {f"{TAGGED} == '{run}' || answer == '{ABSENT}'": True}
    # RDS deletes what is at rest, also what it could not make.
    rests = " || ".join(f"{STATUS} == '{status}'" for status in ("available", *database.BROKEN))
    ready = Wait(read=read, met={f"{rests} || answer == '{ABSENT}'": True, **ours}, every=60)
    own = None if run is None else Wait(read=read, met=ours, every=15, within=900)
    unprotect = Step(
        name=f"{prefix}unprotect",
        says=f"let {replica} be deleted",
        ready=own,
        do=database.where(
            outputs,
            "rds.modify_db_instance",
            {"DBInstanceIdentifier": replica, "DeletionProtection": False},
            ABSENT,
        ),
        goal=Wait(read=read, met={open_: False}, every=15, within=900),
    )
    delete = Step(
        name=f"{prefix}delete",
        says=f"delete {replica}",
        ready=ready,
        do=database.where(
            outputs,
            "rds.delete_db_instance",
            {"DBInstanceIdentifier": replica, "SkipFinalSnapshot": True},
            ABSENT,
        ),
        goal=Wait(
            read=read,
            met={"answer": ABSENT},
            begun={STATUS: "deleting"},
            every=30,
            within=3600,
            typical=300,
            source="an assumption, AWS states none",
        ),
    )
    return unprotect, delete
