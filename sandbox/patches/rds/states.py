"""RDS: which changes an instance takes in its state, and the states of its storage.

Sources: RDS User Guide, "Viewing DB instance status", "Scaling up DB instance storage" and
"Stopping an Amazon RDS DB instance temporarily"; re:Post, "RDS DB instance is stuck in
storage-optimization".
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from moto.rds.models import DBInstance, RDSBackend, rds_backends

from sandbox.clock import get_sandbox_clock, is_in_future
from sandbox.patches.patching import AwsError, ServicePatch

patch = ServicePatch()
# Simulated seconds that a growth is optimized for: an assumption, "a few hours".
OPTIMIZE_SECONDS: Final = 4 * 3600
# "You can't make further storage modifications for either 6 hours or until storage optimization
# completes, whatever is longer."
STORAGE_CHANGE_INTERVAL: Final = timedelta(hours=6)
STORAGE_PARAMETERS: Final = ("allocated_storage", "storage_type", "iops", "storage_throughput")
STEADY_STATES: Final = ("available", "storage-optimization", "storage-initialization")
# States in which RDS is assumed to rename an instance; no document says it.
RENAMABLE_STATES: Final = (*STEADY_STATES, "failed", "inaccessible-encryption-credentials")
# From this size on gp3 has IOPS of its own, which growth must name: API reference,
# ModifyDBInstance, AllocatedStorage.
MIN_PROVISIONED_GIB: Final = 400


def set_instance_state(account: str, region: str, name: str, state: str) -> None:
    """Puts an instance into a lasting state, like `failed` or `stopped`."""
    rds_backends[account][region].databases[name].status = state


def spoil_parameter(account: str, region: str, name: str, parameter: str, value: str) -> None:
    """Keeps an instance from starting as long as its group has this value of a parameter."""
    backend = rds_backends[account][region]
    instance = backend.databases[name]
    instance.sandbox_spoiled = (parameter, value)  # type: ignore[attr-defined]
    instance.status = "incompatible-parameters"


def require_state(instance: DBInstance, *states: str) -> None:
    """Refuses a change unless the instance is in one of these states."""
    if instance.status not in states:
        name = instance.db_instance_identifier
        raise AwsError("InvalidDBInstanceState", f"Instance {name} is not in available state.")


def require_modifiable(instance: DBInstance, params: Mapping[str, Any]) -> None:
    """Refuses a modification that the instance does not take in its state."""
    is_growth = any(
        params.get(key) is not None
        and str(params[key]).lower() != str(getattr(instance, key, None)).lower()
        for key in STORAGE_PARAMETERS
    )
    storage_only = set(params) <= {
        *STORAGE_PARAMETERS,
        "max_allocated_storage",
        "db_instance_identifier",
        "apply_immediately",
    }
    if params.get("new_db_instance_identifier"):
        require_state(instance, *RENAMABLE_STATES)
    elif storage_only:
        require_state(instance, *STEADY_STATES, "storage-full")
    else:
        require_state(instance, *STEADY_STATES)
    if is_growth:
        _require_storage_at_rest(instance)
        _require_provisioned_iops(instance, params)


def _require_storage_at_rest(instance: DBInstance) -> None:
    changed_at: datetime | None = getattr(instance, "sandbox_storage_changed", None)
    is_recent = changed_at is not None and is_in_future(changed_at + STORAGE_CHANGE_INTERVAL)
    if is_recent or is_optimizing(instance):
        raise AwsError(
            "InvalidParameterCombination",
            "You can't currently modify the storage of this DB instance because the previous "
            "storage change is being optimized.",
        )


def _require_provisioned_iops(instance: DBInstance, params: Mapping[str, Any]) -> None:
    size = int(params.get("allocated_storage") or instance.allocated_storage)
    kind = params.get("storage_type") or instance.storage_type
    if kind == "gp3" and size >= MIN_PROVISIONED_GIB and not params.get("iops"):
        raise AwsError(
            "InvalidParameterCombination",
            f"You must specify Iops to grow gp3 storage to {size} GiB.",  # wording assumed
        )


def is_optimizing(instance: DBInstance) -> bool:
    """True while the storage of an instance is optimized."""
    until: datetime | None = getattr(instance, "sandbox_optimized", None)
    return until is not None and is_in_future(until)


def start_optimization(instance: DBInstance, after_seconds: float) -> None:
    """Lets the storage be optimized; a full instance is started by it."""
    clock = get_sandbox_clock()
    instance.sandbox_storage_changed = clock.now()  # type: ignore[attr-defined]
    instance.sandbox_optimized = clock.get_completion_time(after_seconds + OPTIMIZE_SECONDS)  # type: ignore[attr-defined]
    if vars(instance).get("sandbox_status") == "storage-full":
        instance.status = "available"


@patch.wrap(RDSBackend, "reboot_db_instance")
def reboot_in_its_state(original: Any, backend: RDSBackend, name: str) -> DBInstance:
    """An instance that its parameters keep from starting is started by a reboot once they fit."""
    instance = backend.describe_db_instances(name)[0]
    require_state(instance, *STEADY_STATES, "incompatible-parameters")
    spoiled = getattr(instance, "sandbox_spoiled", None)
    if spoiled is not None:
        group = backend.db_parameter_groups.get(instance.db_parameter_group_name or "")
        values = group.parameters if group is not None else {}
        if values.get(spoiled[0], {}).get("ParameterValue") != spoiled[1]:
            instance.sandbox_spoiled = None  # type: ignore[attr-defined]
            instance.status = "available"
    rebooted: DBInstance = original(backend, name)
    return rebooted
