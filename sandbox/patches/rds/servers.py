"""RDS: real servers behind the instances, if sandbox.postgres is switched on.

Applied after the other patches of RDS: here only the server is changed.
"""

from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from typing import Any

from moto.rds.models import DBInstance, DBParameterGroup, DBSnapshot, RDSBackend
from moto.rds.responses import RDSResponse

from sandbox import postgres as databases
from sandbox.patches.patching import ServicePatch, parse_request_parameters
from sandbox.patches.rds.backups import find_backup_origin, get_restore_time
from sandbox.patches.rds.parameters import POSTGRES_PARAMETERS
from sandbox.postgres.origins import DataOrigin, EmptyOrigin, ReplicaOrigin
from sandbox.postgres.servers import PostgresServers

patch = ServicePatch()


@patch.wrap(DBInstance, "address")
def get_server_address(original: Any, instance: DBInstance) -> str:
    servers = databases.find_postgres_servers()
    server_address = servers.find_address(instance) if servers else None
    return server_address[0] if server_address else str(original(instance))


@patch.wrap(DBInstance, "endpoint")
def get_server_endpoint(original: Any, instance: DBInstance) -> dict[str, Any]:
    servers = databases.find_postgres_servers()
    server_address = servers.find_address(instance) if servers else None
    description: dict[str, Any] = original(instance)
    return {**description, "Port": server_address[1]} if server_address else description


@patch.wrap(RDSBackend, "create_db_instance")
def create_server(original: Any, backend: RDSBackend, *args: Any, **kwargs: Any) -> DBInstance:
    instance: DBInstance = original(backend, *args, **kwargs)
    servers = databases.find_postgres_servers()
    if servers and instance.engine == "postgres" and servers.find_instance_server(instance) is None:
        servers.add_instance(
            instance, (args[0] if args else kwargs["db_kwargs"]).get("master_user_password")
        )
    return instance


@patch.wrap(RDSBackend, "modify_db_instance")
def modify_server(original: Any, backend: RDSBackend, name: str, params: Any) -> DBInstance:
    servers = databases.find_postgres_servers()
    if servers is None:
        moto_instance: DBInstance = original(backend, name, params)
        return moto_instance
    before = backend.databases.get(name)
    password = params.get("master_user_password")
    old_values = {key: getattr(before, key, None) for key in _WATCHED_ATTRIBUTES}
    instance: DBInstance = original(backend, name, params)
    new_values = {key: getattr(instance, key, None) for key in _WATCHED_ATTRIBUTES}
    changed_keys = {key for key in _WATCHED_ATTRIBUTES if old_values[key] != new_values[key]}
    server = servers.find_instance_server(instance)
    if server is None:
        return instance
    if changed_keys & {"db_instance_identifier", "port"}:
        servers.move_endpoint(name, instance)
    if password:
        server.change_password(password)
    if changed_keys & {"db_instance_class", "engine_version"}:
        servers.interrupt_for_change(instance, is_restart="engine_version" in changed_keys)
    if bool(old_values["backup_retention_period"]) != bool(new_values["backup_retention_period"]):
        server.update_archiving()
    return instance


_WATCHED_ATTRIBUTES = (
    "db_instance_identifier",
    "port",
    "db_instance_class",
    "engine_version",
    "backup_retention_period",
)


@patch.wrap(RDSResponse, "reboot_db_instance")
def reboot_server(original: Any, response: RDSResponse) -> Any:
    answer = original(response)
    if servers := databases.find_postgres_servers():
        name = response.params["DBInstanceIdentifier"]
        instance = response.backend.describe_db_instances(name)[0]
        servers.reboot_instance(instance, failover=bool(response.params.get("ForceFailover")))
    return answer


@patch.wrap(RDSBackend, "start_db_instance")
def start_server_again(original: Any, backend: RDSBackend, *args: Any, **kwargs: Any) -> DBInstance:
    """Restarts the server after a stop."""
    instance: DBInstance = original(backend, *args, **kwargs)
    if servers := databases.find_postgres_servers():
        servers.reboot_instance(instance)
    return instance


@patch.wrap(RDSBackend, "delete_db_instance")
def delete_server(original: Any, backend: RDSBackend, *args: Any, **kwargs: Any) -> DBInstance:
    instance: DBInstance = original(backend, *args, **kwargs)
    if servers := databases.find_postgres_servers():
        servers.delete_instance(instance)
    return instance


@patch.wrap(RDSBackend, "create_db_snapshot")
def save_snapshot_data(original: Any, backend: RDSBackend, *args: Any, **kwargs: Any) -> DBSnapshot:
    snapshot: DBSnapshot = original(backend, *args, **kwargs)
    servers = databases.find_postgres_servers()
    server = servers.find_instance_server(snapshot.database) if servers else None
    if server is not None:
        vars(snapshot)["sandbox_data"] = server.build_backup_origin()
    return snapshot


@patch.wrap(RDSBackend, "copy_db_snapshot")
def copy_snapshot_data(original: Any, backend: RDSBackend, *args: Any, **kwargs: Any) -> DBSnapshot:
    copy: DBSnapshot = original(backend, *args, **kwargs)
    source = kwargs.get("source_db_snapshot_identifier", args[0] if args else "")
    if servers := databases.find_postgres_servers():
        vars(copy)["sandbox_data"] = _get_snapshot_data(servers, backend.get_db_snapshot(source))
    return copy


def _get_snapshot_data(servers: PostgresServers, snapshot: DBSnapshot | None) -> DataOrigin:
    """A snapshot's data; for moto's automatic first snapshot, the instance's initial data."""
    if snapshot is None:
        return EmptyOrigin()
    server = servers.find_instance_server(snapshot.database)
    data: DataOrigin | None = vars(snapshot).get("sandbox_data")
    return data or (server.origin if server else EmptyOrigin())


@patch.wrap(RDSResponse, "restore_db_instance_from_db_snapshot")
def restore_snapshot_data(original: Any, response: RDSResponse) -> Any:
    servers = databases.find_postgres_servers()
    if servers is None:
        return original(response)
    name = str(response.params.get("DBSnapshotIdentifier") or "")
    if name.startswith("arn:"):
        name = name.split(":", 6)[-1]  # an automated one has another colon in it
    with servers.use_origin(
        _get_snapshot_data(servers, response.backend.database_snapshots.get(name))
    ):
        return original(response)


@patch.wrap(RDSResponse, "restore_db_instance_to_point_in_time")
def replay_to_time(original: Any, response: RDSResponse) -> Any:
    servers, params = databases.find_postgres_servers(), response.params
    backup_origin = find_backup_origin(response.backend, params) if servers else None
    if (
        servers is None
        or backup_origin is None
        or servers.find_instance_server(backup_origin.instance) is None
    ):
        return original(response)
    with servers.use_origin(
        servers.build_replay_origin(
            backup_origin.instance.dbi_resource_id, get_restore_time(params, backup_origin)
        )
    ):
        return original(response)


@patch.wrap(RDSBackend, "create_db_instance_read_replica")
def follow_primary(original: Any, backend: RDSBackend, params: Any) -> DBInstance:
    servers = databases.find_postgres_servers()
    primary = (
        servers.find_instance_server(
            backend.find_db_from_id(params["source_db_instance_identifier"])
        )
        if servers
        else None
    )
    with servers.use_origin(ReplicaOrigin(primary)) if servers and primary else nullcontext():
        replica: DBInstance = original(backend, params)
    return replica


@patch.wrap(RDSBackend, "promote_read_replica")
def promote_server(original: Any, backend: RDSBackend, params: Any) -> DBInstance:
    instance: DBInstance = original(backend, params)
    servers = databases.find_postgres_servers()
    if servers and (server := servers.find_instance_server(instance)):
        server.promote()
    return instance


@patch.wrap(RDSBackend, "modify_db_parameter_group")
def apply_group_changes(
    original: Any, backend: RDSBackend, *args: Any, **kwargs: Any
) -> DBParameterGroup:
    group: DBParameterGroup = original(backend, *args, **kwargs)
    changes = args[1] if len(args) > 1 else kwargs["db_parameter_group_parameters"]
    if servers := databases.find_postgres_servers():
        servers.apply_group_parameters(backend, group.name, _list_immediate_names(changes))
    return group


@patch.wrap(RDSResponse, "reset_db_parameter_group")
def reset_group_parameters(original: Any, response: RDSResponse) -> Any:
    answer, params = original(response), parse_request_parameters(response)
    if servers := databases.find_postgres_servers():
        names = _list_immediate_names(params.get("Parameters") or ())
        if params.get("ResetAllParameters"):
            names = {
                name
                for name, parameter in POSTGRES_PARAMETERS.items()
                if parameter["ApplyType"] == "dynamic"
            }
        servers.apply_group_parameters(response.backend, params["DBParameterGroupName"], names)
    return answer


def _list_immediate_names(changes: Iterable[Mapping[str, Any]]) -> set[str]:
    return {
        change["ParameterName"] for change in changes if change.get("ApplyMethod") == "immediate"
    }
