"""RDS: parameter groups with their apply methods; groups in use cannot be deleted."""

from typing import Any

from moto.rds.models import DBInstance, DBParameterGroup, RDSBackend
from moto.rds.responses import RDSResponse

from sandbox.clock import get_sandbox_clock, is_in_future
from sandbox.patches.patching import AwsError, ServicePatch

patch = ServicePatch()
# Simulated seconds after which the status of a dynamic change is `applying`, and for which it is,
# before it is `in-sync` again or `pending-reboot`. Statuses: RDS User Guide, "Parameter groups for
# Amazon RDS"; the times are assumptions.
APPLYING_DELAY_SECONDS, APPLYING_SECONDS = 10, 30
ApiRecord = dict[str, Any]


def _get_group(backend: RDSBackend, name: str) -> DBParameterGroup:
    if name not in backend.db_parameter_groups:
        raise AwsError("DBParameterGroupNotFound", f"DBParameterGroup not found: {name}")
    return backend.db_parameter_groups[name]


def _list_group_instances(backend: RDSBackend, name: str) -> list[DBInstance]:
    return [
        instance
        for instance in backend.databases.values()
        if instance.db_parameter_group_name == name
    ]


@patch.add_operation(RDSResponse, "ResetDBParameterGroup")
def reset_db_parameter_group(response: RDSResponse, params: ApiRecord) -> ApiRecord:
    group = _get_group(response.backend, params["DBParameterGroupName"])
    if params.get("ResetAllParameters"):
        group.parameters.clear()
    for parameter in params.get("Parameters") or []:
        group.parameters.pop(parameter["ParameterName"], None)
    _mark_reboot_pending(response.backend, group.name, params.get("Parameters") or [])
    return {"DBParameterGroupName": group.name}


@patch.wrap(RDSBackend, "modify_db_parameter_group")
def modify_group_parameters(
    original: Any, backend: RDSBackend, *args: Any, **kwargs: Any
) -> DBParameterGroup:
    group: DBParameterGroup = original(backend, *args, **kwargs)
    changes = args[1] if len(args) > 1 else kwargs["db_parameter_group_parameters"]
    _mark_reboot_pending(backend, group.name, changes)
    return group


def _mark_reboot_pending(backend: RDSBackend, name: str, changes: Any) -> None:
    methods = {change.get("ApplyMethod") for change in changes}
    clock = get_sandbox_clock()
    begins_at = clock.get_completion_time(APPLYING_DELAY_SECONDS)
    applied_at = clock.get_completion_time(APPLYING_DELAY_SECONDS + APPLYING_SECONDS)
    for instance in _list_group_instances(backend, name):
        if "pending-reboot" in methods:
            instance.sandbox_reboot_pending = True  # type: ignore[attr-defined]
        if "immediate" in methods:
            instance.sandbox_parameters_applied = (begins_at, applied_at)  # type: ignore[attr-defined]


@patch.wrap(DBInstance, "db_parameter_group_status_list")
def list_group_statuses(original: Any, instance: DBInstance) -> list[ApiRecord]:
    """The group of an instance: being applied, waiting for a reboot, or in sync."""
    begins_at, applied_at = getattr(instance, "sandbox_parameters_applied", (None, None))
    if begins_at and applied_at and not is_in_future(begins_at) and is_in_future(applied_at):
        status = "applying"
    else:
        is_pending = getattr(instance, "sandbox_reboot_pending", False)
        status = "pending-reboot" if is_pending else "in-sync"
    return [
        {"DBParameterGroupName": group.name, "ParameterApplyStatus": status}
        for group in original(instance)
    ]


@patch.wrap(RDSBackend, "delete_db_parameter_group")
def delete_db_parameter_group(original: Any, backend: RDSBackend, name: str) -> DBParameterGroup:
    _get_group(backend, name)
    if _list_group_instances(backend, name):
        raise AwsError(
            "InvalidDBParameterGroupState",
            "One or more database instances are still members of this parameter group "
            f"{name}, so the group cannot be deleted",
        )
    group: DBParameterGroup = original(backend, name)
    return group


@patch.wrap(RDSBackend, "delete_subnet_group")
def delete_db_subnet_group(original: Any, backend: RDSBackend, name: str) -> Any:
    instances = (*backend.describe_db_instances(),)
    if any(getattr(instance, "_db_subnet_group_name", None) == name for instance in instances):
        raise AwsError(
            "InvalidDBSubnetGroupStateFault",
            f"Cannot delete the subnet group '{name}' because at least one database instance "
            "is still using it.",
        )
    return original(backend, name)
