"""RDS: the versions of PostgreSQL that there are, and which can be upgraded to which."""

from typing import Any, Final

from moto.rds.models import DBInstance, RDSBackend
from moto.rds.responses import RDSResponse

from sandbox.patches.patching import Mend, Refused
from sandbox.patches.rds.changes import TAKES
from sandbox.patches.rds.instances import begin

mend = Mend()
Record = dict[str, Any]
BEHIND: Final = 5 * 60  # simulated seconds that a replica takes after its primary: an assumption
# A part of what RDS had late in 2025 (RDS for PostgreSQL release notes), the oldest first.
VERSIONS: Final = (
    "15.13",
    "15.14",
    "16.9",
    "16.10",
    "16.11",
    "17.5",
    "17.6",
    "17.7",
    "18.1",
)


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def targets(version: str) -> list[Record]:
    """Newer minors of the same major, and the newest minors of the next majors."""
    own = _number(version)
    return [
        {
            "Engine": "postgres",
            "EngineVersion": other,
            "Description": f"PostgreSQL {other}-R1",
            "AutoUpgrade": False,
            "IsMajorVersionUpgrade": _number(other)[0] > own[0],
        }
        for other in VERSIONS
        if _number(other) > own
    ]


@mend.operation(RDSResponse, "DescribeDBEngineVersions")
def described(_: RDSResponse, params: Record) -> Record:
    asked = params.get("EngineVersion")
    if params.get("Engine") not in (None, "postgres"):
        return {"DBEngineVersions": []}
    found = [v for v in VERSIONS if asked in (None, v, v.partition(".")[0])]
    if params.get("DefaultOnly"):
        found = found[-1:]
    return {
        "DBEngineVersions": [
            {
                "Engine": "postgres",
                "EngineVersion": version,
                "DBParameterGroupFamily": f"postgres{version.partition('.')[0]}",
                "DBEngineDescription": "PostgreSQL",
                "DBEngineVersionDescription": f"PostgreSQL {version}-R1",
                "ValidUpgradeTarget": targets(version),
                "Status": "available",
            }
            for version in found
        ]
    }


@mend.around(RDSBackend, "modify_db_instance")
def modified(original: Any, backend: RDSBackend, name: str, given: Record) -> DBInstance:
    """An upgrade to a version that there is, a major one only where it is allowed and fits."""
    instance = backend.describe_db_instances(name)[0]
    wanted = given.get("engine_version")
    before = str(instance.engine_version)
    if wanted and instance.engine == "postgres" and "." in wanted and wanted != before:
        known = {one["EngineVersion"]: one for one in targets(before)}
        if wanted not in known:
            raise Refused(
                "InvalidParameterCombination",
                f"Cannot upgrade postgres from {before} to {wanted}",
            )
        if known[wanted]["IsMajorVersionUpgrade"]:
            _major(backend, instance, wanted, given)
    applied = bool(given.get("apply_immediately"))
    changed: DBInstance = original(backend, name, given)
    if applied and str(changed.engine_version).partition(".")[0] != before.partition(".")[0]:
        _along(backend, changed)
    return changed


def _along(backend: RDSBackend, primary: DBInstance) -> None:
    """At a major version the replicas of the region are upgraded with their primary, behind it.

    Which parameter group they have then AWS does not say: here the primary's.
    """
    for replica in backend.databases.values():
        if replica.is_replica and replica.source_db_instance_identifier in (
            primary.db_instance_identifier,
            primary.db_instance_arn,
        ):
            replica.engine_version = primary.engine_version
            replica.db_parameter_group_name = primary.db_parameter_group_name
            begin(replica, ("modifying", TAKES["engine_version"] + BEHIND))


def _major(backend: RDSBackend, instance: DBInstance, wanted: str, given: Record) -> None:
    if not given.get("allow_major_version_upgrade"):
        raise Refused(
            "InvalidParameterCombination",
            "The AllowMajorVersionUpgrade flag must be present when upgrading to a new major "
            "version.",
        )
    name = given.get("db_parameter_group_name") or instance.db_parameter_group_name
    group = backend.db_parameter_groups.get(name or "")
    family = f"postgres{wanted.partition('.')[0]}"
    if group is not None and group.family != family:
        raise Refused(
            "InvalidParameterCombination",
            f"The parameter group {name} with DBParameterGroupFamily {group.family} can't be used "
            f"for this instance. Use a parameter group with DBParameterGroupFamily {family}.",
        )
