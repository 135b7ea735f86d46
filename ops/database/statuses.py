"""What each status of a DB instance means: if it serves, which changes RDS takes, how it ends.

Statuses and their sentences are those of the RDS User Guide, "Viewing Amazon RDS DB instance
status" (GUIDE). A change that no document names for a status counts as not taken.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from ops.core.errors import OpsError

if TYPE_CHECKING:
    from ops.core.plan import JsonObject

DATABASE_STATUS_PATH: Final = "DBInstances[0].DBInstanceStatus"


class Change(StrEnum):
    """A change of an instance that RDS takes in some statuses only."""

    MODIFY = "a change of its settings"
    STORAGE = "a change of its storage"
    RENAME = "a rename"
    REBOOT = "a reboot"
    SNAPSHOT = "a snapshot"
    REPLICATE = "a new replica"
    PROMOTE = "a promotion of the replica"
    DELETE = "a deletion"


class Ending(StrEnum):
    """How a status ends: it lasts and is healthy, it passes, or somebody must act."""

    LASTS = "lasts"
    PASSES = "passes"
    NEVER = "never"


@dataclass(frozen=True)
class StatusMeaning:
    """The meaning of one status. `advice` is what ends a status that does not pass.

    With `may_rename` no document says if RDS renames an instance in it: RDS decides.
    """

    serves: bool
    ending: Ending
    takes: frozenset[Change]
    source: str
    advice: str = ""
    may_rename: bool = False


GUIDE: Final = "RDS User Guide, Viewing DB instance status"
_ALL: Final = frozenset(Change)
_ALL_BUT_STORAGE: Final = _ALL - {Change.STORAGE}
_NONE: Final[frozenset[Change]] = frozenset()
_DELETE: Final = frozenset({Change.DELETE})
_RESTORE_ADVICE: Final = "ops recover point-in-time --to latest"


def _passing(source: str = GUIDE, *, serves: bool = False) -> StatusMeaning:
    return StatusMeaning(serves, Ending.PASSES, _NONE, source)


def _build_ended(
    advice: str, source: str, takes: frozenset[Change] = _DELETE, *, may_rename: bool = True
) -> StatusMeaning:
    return StatusMeaning(False, Ending.NEVER, takes, source, advice, may_rename)


STATUSES: Final[Mapping[str, StatusMeaning]] = {
    "available": StatusMeaning(True, Ending.LASTS, _ALL, f"{GUIDE}: available for modifications"),
    "backing-up": _passing(
        f"{GUIDE}; Working with read replicas: no promotion while backing-up", serves=True
    ),
    "configuring-associated-roles": _passing("seen in practice, not in the guide", serves=True),
    "configuring-enhanced-monitoring": _passing(serves=True),
    "configuring-iam-database-auth": _passing(serves=True),
    "configuring-log-exports": _passing(serves=True),
    "converting-to-vpc": _passing(),
    "creating": _passing(f"{GUIDE}: inaccessible while it is being created"),
    "delete-precheck": _passing(f"{GUIDE}: read replicas are checked before the deletion"),
    "deleting": _passing(),
    "failed": _build_ended(_RESTORE_ADVICE, f"{GUIDE}: RDS cannot recover it, restore it"),
    "inaccessible-encryption-credentials": _build_ended(
        _RESTORE_ADVICE, f"{GUIDE}: its KMS key cannot be accessed or recovered"
    ),
    "inaccessible-encryption-credentials-recoverable": _build_ended(
        "enable its KMS key again, then `aws rds start-db-instance`",
        f"{GUIDE}: restarting it can recover it once the KMS key is active",
        _NONE,
        may_rename=False,
    ),
    "incompatible-create": _build_ended("delete it", f"{GUIDE}: its resources are incompatible"),
    "incompatible-credentials": _build_ended(
        "ops db rotate-password", "in AWS's own clients, not in the guide", _DELETE
    ),
    "incompatible-network": _build_ended(
        "free addresses in the subnets of its subnet group, or restore it", GUIDE
    ),
    "incompatible-option-group": _build_ended("see `ops db status` and its recent events", GUIDE),
    "incompatible-parameters": _build_ended(
        "ops db parameters --set NAME=VALUE",
        f"{GUIDE}: revert the parameters; re:Post, incompatible-parameters: only a reboot and a "
        "deletion are taken",
        frozenset({Change.REBOOT, Change.DELETE}),
        may_rename=False,
    ),
    "incompatible-restore": _build_ended("delete it and restore to another time", GUIDE),
    "insufficient-capacity": _build_ended("delete it and restore it with another class", GUIDE),
    "maintenance": _passing(f"{GUIDE}: an update is applied, with or without an outage"),
    "modifying": _passing(f"{GUIDE}; an outage only for some changes", serves=True),
    "moving-to-vpc": _passing(),
    "rebooting": _passing(),
    "renaming": _passing("RDS User Guide, Renaming a DB instance: not available meanwhile"),
    "resetting-master-credentials": _passing(f"{GUIDE}; sessions stay", serves=True),
    "restore-error": _build_ended("delete it and restore again", GUIDE),
    "starting": _passing(),
    "stopped": _build_ended(
        "aws rds start-db-instance",
        "RDS User Guide, Stopping a DB instance temporarily: a stopped one cannot be modified; it "
        "starts by itself after 7 days",
        may_rename=False,
    ),
    "stopping": _passing(),
    "storage-config-upgrade": _passing(f"{GUIDE}: of replicas and green databases", serves=True),
    "storage-full": _build_ended(
        "ops db storage GIB",
        f"{GUIDE}: scale up its storage by modifying it; RDS-EVENT-0221: it has been shut down",
        frozenset({Change.STORAGE, Change.DELETE}),
    ),
    "storage-initialization": StatusMeaning(
        True,
        Ending.LASTS,
        _ALL_BUT_STORAGE,
        f"{GUIDE}: available for operations while its volume is loaded; that it takes what "
        "storage-optimization takes is an assumption",
    ),
    "storage-optimization": StatusMeaning(
        True,
        Ending.LASTS,
        _ALL_BUT_STORAGE,
        f"{GUIDE}: fully operational, takes hours or days; re:Post, stuck in storage-optimization: "
        "any other modification and a reboot are taken; API reference, CreateDBSnapshot",
    ),
    "upgrading": _passing(),
}
UNKNOWN_STATUS: Final = StatusMeaning(False, Ending.PASSES, _NONE, "not in the guide: unknown")
SERVING_STATUSES: Final = frozenset(name for name, item in STATUSES.items() if item.serves)
# The instance serves and nothing that interrupts it is under way.
STEADY_STATUSES: Final[tuple[str, ...]] = tuple(
    name for name, item in STATUSES.items() if item.serves and item.ending is Ending.LASTS
)
# Statuses that waiting does not end.
FAILED_STATUSES: Final[tuple[str, ...]] = tuple(
    name for name, item in STATUSES.items() if item.ending is Ending.NEVER
)


def get_status_meaning(status: str) -> StatusMeaning:
    """Returns the meaning of a status. A status that is not in the table serves and takes nothing.

    It counts as passing, so that a wait goes on to its limit.
    """
    return STATUSES.get(status, UNKNOWN_STATUS)


def list_statuses_taking(*changes: Change) -> tuple[str, ...]:
    """Lists the statuses in which RDS takes all these changes."""
    return tuple(name for name, item in STATUSES.items() if item.takes >= frozenset(changes))


def build_status_expression(statuses: Iterable[str], path: str = DATABASE_STATUS_PATH) -> str:
    """Builds the JMESPath expression that is true if the status is one of these."""
    names = ", ".join(f"'{status}'" for status in statuses)
    return f"contains([{names}], {path} || '')"


def build_status_condition(statuses: Iterable[str], name: str) -> "JsonObject":
    """Builds the condition of a wait that the status is one of these.

    While it is not met, a wait shows the status, and `name` for what is waited for.
    """
    return {f"{build_status_expression(statuses)} && '{name}' || {DATABASE_STATUS_PATH}": name}


# The instance serves and is at rest: `available`, or its storage is optimized or loaded meanwhile.
STEADY: Final = build_status_condition(STEADY_STATUSES, "serving")


def require_status_takes(identifier: str, status: str, change: Change, purpose: str) -> None:
    """Raises OpsError unless RDS takes the change in this status; `purpose` ends the message.

    The error says if the status ends by itself, and what ends it otherwise.
    """
    meaning = get_status_meaning(status)
    if change in meaning.takes:
        return
    if meaning.ending is Ending.NEVER:
        outlook = f"waiting does not end this: {meaning.advice}"
    elif change is Change.STORAGE and status in STEADY_STATUSES:
        outlook = (
            "it serves, but its storage can change again only when this ends, at least 6 hours "
            "after the last change"
        )
    elif status in STATUSES:
        outlook = "this ends by itself: try again later"
    else:
        outlook = "this status is unknown"
    required = " or ".join(list_statuses_taking(change))
    raise OpsError(
        f"{identifier} is {status}; it must be {required} {purpose} ({outlook})", "ops db status"
    )


def build_failed_conditions(*expected: str) -> Any:
    """Builds the conditions of a wait that statuses without an end fail, but not `expected`."""
    return {DATABASE_STATUS_PATH: [name for name in FAILED_STATUSES if name not in expected]}
