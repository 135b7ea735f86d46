"""RDS: real servers behind the instances, where sandbox.databases is switched on.

After what the other mends of RDS make of a call: here only the server is told.
"""

from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any

from moto.rds.models import DBInstance, DBParameterGroup, DBSnapshot, RDSBackend
from moto.rds.responses import RDSResponse

from sandbox import databases
from sandbox.databases.standing import Empty, Followed
from sandbox.mends.patching import Mend

mend = Mend()


@mend.around(DBInstance, "address")
def address(original: Any, instance: DBInstance) -> str:
    on = databases.current()
    found = on.address(instance) if on else None
    return found[0] if found else str(original(instance))


@mend.around(DBInstance, "endpoint")
def endpoint(original: Any, instance: DBInstance) -> dict[str, Any]:
    on = databases.current()
    found = on.address(instance) if on else None
    shown: dict[str, Any] = original(instance)
    return {**shown, "Port": found[1]} if found else shown


@mend.around(RDSBackend, "create_db_instance")
def made(original: Any, backend: RDSBackend, *args: Any, **given: Any) -> DBInstance:
    instance: DBInstance = original(backend, *args, **given)
    on = databases.current()
    if on and instance.engine == "postgres" and on.of(instance) is None:
        on.made(instance, (args[0] if args else given["db_kwargs"]).get("master_user_password"))
    return instance


@mend.around(RDSBackend, "modify_db_instance")
def modified(original: Any, backend: RDSBackend, name: str, given: Any) -> DBInstance:
    on = databases.current()
    if on is None:
        unseen: DBInstance = original(backend, name, given)
        return unseen
    before = backend.databases.get(name)
    word = given.get("master_user_password")
    was = {key: getattr(before, key, None) for key in _LOOKED_AT}
    instance: DBInstance = original(backend, name, given)
    now = {key: getattr(instance, key, None) for key in _LOOKED_AT}
    differs = {key for key in _LOOKED_AT if was[key] != now[key]}
    if "db_instance_identifier" in differs:
        on.renamed(name, instance)
    if word and (standing := on.of(instance)):
        standing.password(word)
    if differs & {"db_instance_class", "engine_version"}:
        on.changed(instance, restarts="engine_version" in differs)
    return instance


_LOOKED_AT = ("db_instance_identifier", "db_instance_class", "engine_version")


@mend.around(RDSResponse, "reboot_db_instance")
def rebooted(original: Any, response: RDSResponse) -> Any:
    answer = original(response)
    if on := databases.current():
        name = response.params["DBInstanceIdentifier"]
        on.rebooted(response.backend.describe_db_instances(name)[0])
    return answer


@mend.around(RDSBackend, "delete_db_instance")
def deleted(original: Any, backend: RDSBackend, *args: Any, **given: Any) -> DBInstance:
    gone: DBInstance = original(backend, *args, **given)
    if on := databases.current():
        on.deleted(gone)
    return gone


@mend.around(RDSBackend, "create_db_snapshot")
def saved(original: Any, backend: RDSBackend, *args: Any, **given: Any) -> DBSnapshot:
    snapshot: DBSnapshot = original(backend, *args, **given)
    on = databases.current()
    standing = on.of(snapshot.database) if on else None
    if standing is not None:
        vars(snapshot)["mended_data"] = standing.saved()
    return snapshot


@mend.around(RDSBackend, "copy_db_snapshot")
def copied(original: Any, backend: RDSBackend, *args: Any, **given: Any) -> DBSnapshot:
    copy: DBSnapshot = original(backend, *args, **given)
    source = given.get("source_db_snapshot_identifier", args[0] if args else "")
    vars(copy)["mended_data"] = vars(backend.get_db_snapshot(source)).get("mended_data", Empty())
    return copy


@mend.around(RDSResponse, "restore_db_instance_from_db_snapshot")
def restored(original: Any, response: RDSResponse) -> Any:
    on = databases.current()
    if on is None:
        return original(response)
    name = str(response.params.get("DBSnapshotIdentifier") or "").rpartition(":")[2]
    snapshot = response.backend.database_snapshots.get(name)
    data = vars(snapshot).get("mended_data", Empty()) if snapshot else Empty()
    with on.comes_from(data):
        return original(response)


@mend.around(RDSResponse, "restore_db_instance_to_point_in_time")
def replayed(original: Any, response: RDSResponse) -> Any:
    on, given = databases.current(), response.params
    if on is None:
        return original(response)
    source = response.backend.databases.get(given.get("SourceDBInstanceIdentifier") or "")
    resource = source.dbi_resource_id if source else given.get("SourceDbiResourceId") or ""
    at = given.get("RestoreTime")
    until = datetime.fromisoformat(at.replace("Z", "+00:00")) if isinstance(at, str) else at
    if until is not None and until.tzinfo is None:  # as moto parses it
        until = until.replace(tzinfo=UTC)
    with on.comes_from(on.replayed(resource, until)):
        return original(response)


@mend.around(RDSBackend, "create_db_instance_read_replica")
def followed(original: Any, backend: RDSBackend, given: Any) -> DBInstance:
    on = databases.current()
    primary = on.of(backend.find_db_from_id(given["source_db_instance_identifier"])) if on else None
    with on.comes_from(Followed(primary)) if on and primary else nullcontext():
        replica: DBInstance = original(backend, given)
    return replica


@mend.around(RDSBackend, "promote_read_replica")
def promoted(original: Any, backend: RDSBackend, given: Any) -> DBInstance:
    instance: DBInstance = original(backend, given)
    on = databases.current()
    if on and (standing := on.of(instance)):
        standing.promoted()
    return instance


@mend.around(RDSBackend, "modify_db_parameter_group")
def regrouped(original: Any, backend: RDSBackend, *args: Any, **given: Any) -> DBParameterGroup:
    group: DBParameterGroup = original(backend, *args, **given)
    changes = args[1] if len(args) > 1 else given["db_parameter_group_parameters"]
    if on := databases.current():
        at_once = {c["ParameterName"] for c in changes if c.get("ApplyMethod") == "immediate"}
        on.regrouped(backend, group.name, at_once)
    return group
