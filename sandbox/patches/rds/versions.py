"""RDS: the versions of PostgreSQL, and their upgrade targets."""

from typing import Any, Final

from moto.rds.models import DBInstance, RDSBackend
from moto.rds.responses import RDSResponse

from sandbox.patches.patching import AwsError, ServicePatch
from sandbox.patches.rds.changes import MODIFY_SECONDS_BY_PARAMETER
from sandbox.patches.rds.instances import start_phases

patch = ServicePatch()
ApiRecord = dict[str, Any]
REPLICA_UPGRADE_LAG_SECONDS: Final = (
    5 * 60
)  # simulated seconds that a replica takes after its primary: an assumption
# A part of what RDS had late in 2025 (RDS for PostgreSQL release notes), the oldest first.
SANDBOX_POSTGRES_VERSIONS: Final = (
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


# The year in whose February standard support ends (AWS CLI Reference,
# describe-db-major-engine-versions: 2030-02-28 for 17; the others by PostgreSQL's yearly releases).
STANDARD_SUPPORT_END_YEARS: Final = {13: 2026, 14: 2027, 15: 2028, 16: 2029, 17: 2030, 18: 2031}
# Deprecated minor versions: they run on, are listed only with IncludeAll, and no class can be
# ordered with them. API reference, DescribeDBEngineVersions.
DEPRECATED_POSTGRES_VERSIONS: Final = ("15.4", "16.3", "17.1")


def _parse_version(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def list_upgrade_targets(version: str) -> list[ApiRecord]:
    """Newer minors of the same major, and the newest minors of the next majors."""
    current = _parse_version(version)
    return [
        {
            "Engine": "postgres",
            "EngineVersion": other,
            "Description": f"PostgreSQL {other}-R1",
            "AutoUpgrade": False,
            "IsMajorVersionUpgrade": _parse_version(other)[0] > current[0],
        }
        for other in SANDBOX_POSTGRES_VERSIONS
        if _parse_version(other) > current
    ]


@patch.add_operation(RDSResponse, "DescribeDBEngineVersions")
def describe_db_engine_versions(_: RDSResponse, params: ApiRecord) -> ApiRecord:
    requested_version = params.get("EngineVersion")
    if params.get("Engine") not in (None, "postgres"):
        return {"DBEngineVersions": []}
    listed_versions = [
        *(DEPRECATED_POSTGRES_VERSIONS if params.get("IncludeAll") else ()),
        *SANDBOX_POSTGRES_VERSIONS,
    ]
    versions = [v for v in listed_versions if requested_version in (None, v, v.partition(".")[0])]
    if params.get("DefaultOnly"):
        versions = versions[-1:]
    return {
        "DBEngineVersions": [
            {
                "Engine": "postgres",
                "EngineVersion": version,
                "DBParameterGroupFamily": f"postgres{version.partition('.')[0]}",
                "DBEngineDescription": "PostgreSQL",
                "DBEngineVersionDescription": f"PostgreSQL {version}-R1",
                "ValidUpgradeTarget": list_upgrade_targets(version),
                "Status": "deprecated" if version in DEPRECATED_POSTGRES_VERSIONS else "available",
            }
            for version in versions
        ]
    }


@patch.add_operation(RDSResponse, "DescribeDBMajorEngineVersions")
def describe_db_major_engine_versions(_: RDSResponse, params: ApiRecord) -> ApiRecord:
    """The support of each major version whose dates are known."""
    if params.get("Engine") not in (None, "postgres"):
        return {"DBMajorEngineVersions": []}
    return {
        "DBMajorEngineVersions": [
            {
                "Engine": "postgres",
                "MajorEngineVersion": str(major_version),
                "SupportedEngineLifecycles": _list_lifecycles(major_version),
            }
            for major_version in STANDARD_SUPPORT_END_YEARS
            if params.get("MajorEngineVersion") in (None, str(major_version))
        ]
    }


def _list_lifecycles(major_version: int) -> list[ApiRecord]:
    year = STANDARD_SUPPORT_END_YEARS[major_version]
    return [
        {
            "LifecycleSupportName": f"open-source-rds-{kind}-support",
            "LifecycleSupportStartDate": f"{first_year}-03-01T00:00:00+00:00",
            "LifecycleSupportEndDate": f"{last_year}-02-28T23:59:59.999000+00:00",
        }
        for kind, first_year, last_year in (
            ("standard", year - 5, year),
            ("extended", year, year + 3),
        )
    ]


@patch.wrap(RDSBackend, "modify_db_instance")
def upgrade_engine_version(
    original: Any, backend: RDSBackend, name: str, params: ApiRecord
) -> DBInstance:
    """An upgrade to a version that there is, a major one only where it is allowed and fits."""
    instance = backend.describe_db_instances(name)[0]
    target_version = params.get("engine_version")
    before = str(instance.engine_version)
    if (
        target_version
        and instance.engine == "postgres"
        and "." in target_version
        and target_version != before
    ):
        targets = {target["EngineVersion"]: target for target in list_upgrade_targets(before)}
        if target_version not in targets:
            raise AwsError(
                "InvalidParameterCombination",
                f"Cannot upgrade postgres from {before} to {target_version}",
            )
        if targets[target_version]["IsMajorVersionUpgrade"]:
            _require_major_upgrade_allowed(backend, instance, target_version, params)
    is_immediate = bool(params.get("apply_immediately"))
    upgraded_instance: DBInstance = original(backend, name, params)
    if (
        is_immediate
        and str(upgraded_instance.engine_version).partition(".")[0] != before.partition(".")[0]
    ):
        _upgrade_replicas(backend, upgraded_instance)
    return upgraded_instance


def _upgrade_replicas(backend: RDSBackend, primary: DBInstance) -> None:
    """At a major version the replicas of the region are upgraded with their primary, behind it.

    AWS does not state their parameter group: here it is the primary's.
    """
    for replica in backend.databases.values():
        if replica.is_replica and replica.source_db_instance_identifier in (
            primary.db_instance_identifier,
            primary.db_instance_arn,
        ):
            replica.engine_version = primary.engine_version
            replica.db_parameter_group_name = primary.db_parameter_group_name
            start_phases(
                replica,
                (
                    "modifying",
                    MODIFY_SECONDS_BY_PARAMETER["engine_version"] + REPLICA_UPGRADE_LAG_SECONDS,
                ),
            )


def _require_major_upgrade_allowed(
    backend: RDSBackend, instance: DBInstance, target_version: str, params: ApiRecord
) -> None:
    if not params.get("allow_major_version_upgrade"):
        raise AwsError(
            "InvalidParameterCombination",
            "The AllowMajorVersionUpgrade flag must be present when upgrading to a new major "
            "version.",
        )
    name = params.get("db_parameter_group_name") or instance.db_parameter_group_name
    group = backend.db_parameter_groups.get(name or "")
    family = f"postgres{target_version.partition('.')[0]}"
    if group is not None and group.family != family:
        raise AwsError(
            "InvalidParameterCombination",
            f"The parameter group {name} with DBParameterGroupFamily {group.family} can't be used "
            f"for this instance. Use a parameter group with DBParameterGroupFamily {family}.",
        )
