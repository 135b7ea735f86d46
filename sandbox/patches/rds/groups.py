"""RDS: parameter groups with their apply methods, and groups that cannot go while in use."""

from typing import Any

from moto.rds.models import DBInstance, DBParameterGroup, RDSBackend
from moto.rds.responses import RDSResponse

from sandbox.patches.patching import Mend, Refused

mend = Mend()
Record = dict[str, Any]


def _group(backend: RDSBackend, name: str) -> DBParameterGroup:
    if name not in backend.db_parameter_groups:
        raise Refused("DBParameterGroupNotFound", f"DBParameterGroup not found: {name}")
    return backend.db_parameter_groups[name]


def _users(backend: RDSBackend, name: str) -> list[DBInstance]:
    return [it for it in backend.databases.values() if it.db_parameter_group_name == name]


@mend.operation(RDSResponse, "ResetDBParameterGroup")
def reset(response: RDSResponse, params: Record) -> Record:
    group = _group(response.backend, params["DBParameterGroupName"])
    if params.get("ResetAllParameters"):
        group.parameters.clear()
    for one in params.get("Parameters") or []:
        group.parameters.pop(one["ParameterName"], None)
    _wants_reboot(response.backend, group.name, params.get("Parameters") or [])
    return {"DBParameterGroupName": group.name}


@mend.around(RDSBackend, "modify_db_parameter_group")
def modify(original: Any, backend: RDSBackend, *args: Any, **given: Any) -> DBParameterGroup:
    group: DBParameterGroup = original(backend, *args, **given)
    changes = args[1] if len(args) > 1 else given["db_parameter_group_parameters"]
    _wants_reboot(backend, group.name, changes)
    return group


def _wants_reboot(backend: RDSBackend, name: str, changes: Any) -> None:
    if any(change.get("ApplyMethod") == "pending-reboot" for change in changes):
        for instance in _users(backend, name):
            instance.mended_reboot_wanted = True  # type: ignore[attr-defined]


@mend.around(DBInstance, "db_parameter_group_status_list")
def status_list(original: Any, instance: DBInstance) -> list[Record]:
    """The group of an instance: in sync, or waiting for a reboot."""
    waits = getattr(instance, "mended_reboot_wanted", False)
    status = "pending-reboot" if waits else "in-sync"
    return [
        {"DBParameterGroupName": group.name, "ParameterApplyStatus": status}
        for group in original(instance)
    ]


@mend.around(RDSBackend, "delete_db_parameter_group")
def delete(original: Any, backend: RDSBackend, name: str) -> DBParameterGroup:
    _group(backend, name)
    if _users(backend, name):
        raise Refused(
            "InvalidDBParameterGroupState",
            "One or more database instances are still members of this parameter group "
            f"{name}, so the group cannot be deleted",
        )
    gone: DBParameterGroup = original(backend, name)
    return gone


@mend.around(RDSBackend, "delete_subnet_group")
def delete_subnets(original: Any, backend: RDSBackend, name: str) -> Any:
    users = (*backend.describe_db_instances(),)
    if any(getattr(it, "_db_subnet_group_name", None) == name for it in users):
        raise Refused(
            "InvalidDBSubnetGroupStateFault",
            f"Cannot delete the subnet group '{name}' because at least one database instance "
            "is still using it.",
        )
    return original(backend, name)
