"""RDS: changes that are accepted and given up, which only an event tells.

The messages are those of RDS User Guide, "Amazon RDS event categories and event messages", of
re:Post (a failed precheck), and of RDS for SQL Server's guide (a class change).
"""

from typing import Any, Final, Literal

from moto.core.responses import ActionResult
from moto.rds.models import DBInstance, Event, RDSBackend, rds_backends
from moto.rds.responses import RDSResponse

from sandbox.clock import get_sandbox_clock
from sandbox.patches.patching import ServicePatch
from sandbox.patches.rds.instances import start_phases
from sandbox.patches.rds.reboots import truncate_to_milliseconds

patch = ServicePatch()
GivenUpChange = Literal["upgrade", "class", "failover", "rename", "groups", "promotion"]
# Simulated seconds until RDS gives up: an assumption, a precheck takes minutes.
GIVE_UP_SECONDS: Final = 5 * 60
GIVE_UP_EVENTS: Final[dict[GivenUpChange, tuple[str, str, str]]] = {
    "upgrade": (
        "engine_version",
        "notification",
        "Database instance is in a state that cannot be upgraded: PreUpgrade checks failed: The "
        "instance could not be upgraded because one or more databases have settings or usages that "
        "are not compatible with the target engine version. Please check the precheck log file for "
        "more details",
    ),
    "class": (
        "db_instance_class",
        "failure",
        "Unable to modify database instance class. There is insufficient instance capacity.",
    ),
    "failover": (
        "",
        "failover",
        "Abandoning user requested failover since a failover recently occurred on the database "
        "instance.",
    ),
    # RDS-EVENT-0036; that RDS reports these changes so, and takes them back, is an assumption.
    "rename": (
        "new_db_instance_identifier",
        "failure",
        "Database instance in incompatible-network. The subnets have no free addresses.",
    ),
    "groups": (
        "vpc_security_group_ids",
        "failure",
        "Database instance in incompatible-network. The security group does not exist.",
    ),
    # RDS-EVENT-0279, which is documented for RDS Custom.
    "promotion": ("", "failure", "The promotion of the read replica failed. It lags too far."),
}
# RDS-EVENT-0278, then one of the statuses of "Viewing DB instance status".
FAILED_RESTORE_EVENT: Final = "The DB instance creation failed. The backup cannot be read."
FAILED_RESTORE_STATUS: Final = "incompatible-restore"


def give_up_next(account: str, region: str, name: str, change: GivenUpChange) -> None:
    """Lets RDS accept the next change of this kind and give it up."""
    instance = rds_backends[account][region].databases[name]
    instance.sandbox_gives_up = change  # type: ignore[attr-defined]


def fail_next_restore(account: str, region: str, identifier: str) -> None:
    """Lets RDS accept the restore of this new instance and fail it."""
    backend = rds_backends[account][region]
    backend.sandbox_failing_restore = identifier  # type: ignore[attr-defined]


@patch.add_change
def add_give_up_events() -> None:
    Event.EVENT_MAP["FAILED_RESTORE"] = {"Categories": ["failure"], "Message": FAILED_RESTORE_EVENT}
    for change, (_, category, message) in GIVE_UP_EVENTS.items():
        Event.EVENT_MAP[f"GIVEN_UP_{change}"] = {"Categories": [category], "Message": message}


def give_up(instance: DBInstance, change: GivenUpChange, status: str) -> None:
    instance.sandbox_gives_up = None  # type: ignore[attr-defined]
    start_phases(instance, (status, GIVE_UP_SECONDS))
    _add_later_event(instance, f"GIVEN_UP_{change}")


def _add_later_event(instance: DBInstance, event: str) -> None:
    instance.add_event(event)
    instance.backend.events[-1].date = truncate_to_milliseconds(
        get_sandbox_clock().get_completion_time(GIVE_UP_SECONDS)
    )


@patch.wrap(RDSBackend, "modify_db_instance")
def accept_and_give_up(original: Any, backend: RDSBackend, name: str, params: Any) -> DBInstance:
    instance = backend.describe_db_instances(name)[0]
    change: GivenUpChange | None = getattr(instance, "sandbox_gives_up", None)
    parameter = GIVE_UP_EVENTS[change][0] if change is not None else ""
    value = params.get(parameter) if parameter else None
    if change is None or value is None or value == getattr(instance, parameter, None):
        modified: DBInstance = original(backend, name, params)
        return modified
    give_up(instance, change, "upgrading" if change == "upgrade" else "modifying")
    return instance


@patch.wrap(RDSResponse, "reboot_db_instance")
def accept_and_abandon_failover(original: Any, response: RDSResponse) -> Any:
    backend: RDSBackend = response.backend
    instance = backend.describe_db_instances(response.params["DBInstanceIdentifier"])[0]
    gives_up = getattr(instance, "sandbox_gives_up", None) == "failover"
    zone, event_count = instance.availability_zone, len(backend.events)
    answer = original(response)
    if gives_up and response.params.get("ForceFailover"):
        del backend.events[event_count:]  # of the failover that does not come
        give_up(instance, "failover", "rebooting")
        instance.availability_zone = zone
        instance.sandbox_failover = (None, None)  # type: ignore[attr-defined]
    return answer


@patch.wrap(RDSResponse, "promote_read_replica")
def accept_and_give_up_promotion(original: Any, response: RDSResponse) -> Any:
    instance = response.backend.describe_db_instances(response.params["DBInstanceIdentifier"])[0]
    if getattr(instance, "sandbox_gives_up", None) != "promotion":
        return original(response)
    give_up(instance, "promotion", "modifying")
    return ActionResult({"DBInstance": instance})


@patch.wrap(RDSBackend, "create_db_instance")
def accept_and_fail_restore(
    original: Any, backend: RDSBackend, settings: dict[str, Any]
) -> DBInstance:
    instance: DBInstance = original(backend, settings)
    if getattr(backend, "sandbox_failing_restore", None) == instance.db_instance_identifier:
        backend.sandbox_failing_restore = None  # type: ignore[attr-defined]
        instance.status = FAILED_RESTORE_STATUS
        _add_later_event(instance, "FAILED_RESTORE")
    return instance
