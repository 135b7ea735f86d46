"""RDS: real servers behind the instances, where sandbox.postgres is switched on.

After what the other mends of RDS make of a call: here only the server is told.
"""

from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from typing import Any

from moto.rds.models import DBInstance, DBParameterGroup, DBSnapshot, RDSBackend
from moto.rds.responses import RDSResponse

from sandbox import postgres as databases
from sandbox.patches.patching import Mend, parameters
from sandbox.patches.rds.backups import origin, wanted
from sandbox.patches.rds.parameters import PARAMETERS
from sandbox.postgres.origins import Empty, Followed, Origin
from sandbox.postgres.servers import Databases

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
    standing = on.of(instance)
    if standing is None:
        return instance
    if differs & {"db_instance_identifier", "port"}:
        on.renamed(name, instance)
    if word:
        standing.password(word)
    if differs & {"db_instance_class", "engine_version"}:
        on.changed(instance, restarts="engine_version" in differs)
    if bool(was["backup_retention_period"]) != bool(now["backup_retention_period"]):
        standing.keeps()
    return instance


_LOOKED_AT = (
    "db_instance_identifier",
    "port",
    "db_instance_class",
    "engine_version",
    "backup_retention_period",
)


@mend.around(RDSResponse, "reboot_db_instance")
def rebooted(original: Any, response: RDSResponse) -> Any:
    answer = original(response)
    if on := databases.current():
        name = response.params["DBInstanceIdentifier"]
        instance = response.backend.describe_db_instances(name)[0]
        on.rebooted(instance, failover=bool(response.params.get("ForceFailover")))
    return answer


@mend.around(RDSBackend, "start_db_instance")
def started(original: Any, backend: RDSBackend, *args: Any, **given: Any) -> DBInstance:
    """After it was stopped: a new process."""
    instance: DBInstance = original(backend, *args, **given)
    if on := databases.current():
        on.rebooted(instance)
    return instance


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
    if on := databases.current():
        vars(copy)["mended_data"] = _data(on, backend.get_db_snapshot(source))
    return copy


def _data(on: Databases, snapshot: DBSnapshot | None) -> Origin:
    """What a snapshot holds; that which moto makes with an instance, what this began with."""
    if snapshot is None:
        return Empty()
    standing = on.of(snapshot.database)
    found: Origin | None = vars(snapshot).get("mended_data")
    return found or (standing.origin if standing else Empty())


@mend.around(RDSResponse, "restore_db_instance_from_db_snapshot")
def restored(original: Any, response: RDSResponse) -> Any:
    on = databases.current()
    if on is None:
        return original(response)
    name = str(response.params.get("DBSnapshotIdentifier") or "")
    if name.startswith("arn:"):
        name = name.split(":", 6)[-1]  # an automated one has another colon in it
    with on.comes_from(_data(on, response.backend.database_snapshots.get(name))):
        return original(response)


@mend.around(RDSResponse, "restore_db_instance_to_point_in_time")
def replayed(original: Any, response: RDSResponse) -> Any:
    on, given = databases.current(), response.params
    of = origin(response.backend, given) if on else None
    if on is None or of is None or on.of(of.instance) is None:
        return original(response)
    with on.comes_from(on.replayed(of.instance.dbi_resource_id, wanted(given, of))):
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
        on.regrouped(backend, group.name, _at_once(changes))
    return group


@mend.around(RDSResponse, "reset_db_parameter_group")
def reset(original: Any, response: RDSResponse) -> Any:
    answer, given = original(response), parameters(response)
    if on := databases.current():
        names = _at_once(given.get("Parameters") or ())
        if given.get("ResetAllParameters"):
            names = {name for name, one in PARAMETERS.items() if one["ApplyType"] == "dynamic"}
        on.regrouped(response.backend, given["DBParameterGroupName"], names)
    return answer


def _at_once(changes: Iterable[Mapping[str, Any]]) -> set[str]:
    return {one["ParameterName"] for one in changes if one.get("ApplyMethod") == "immediate"}
