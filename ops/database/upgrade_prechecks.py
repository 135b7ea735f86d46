"""What keeps PostgreSQL from a major upgrade, seen before the snapshot and the outage.

RDS checks the same itself, after the call, and gives the upgrade up. Source, unless a rule has its
own: RDS User Guide, "How to perform a major version upgrade for RDS for PostgreSQL".
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from pydantic import JsonValue

from ops.core.aws import Aws
from ops.core.errors import CredentialsError, OpsError, UsageError
from ops.database.instance import DatabaseInstance
from ops.database.parameters import PostgresParameter, is_allowed_value, parse_parameter
from ops.database.sql.connection import DatabaseClient
from ops.database.sql.names import quote_name_parts
from ops.database.sql.upgrade_obstacles import (
    EXTENSIONS_STATEMENT,
    INSTANCE_STATEMENT,
    PrecheckFinding,
    list_column_findings,
    list_instance_findings,
)
from ops.outputs import Outputs

EXTENSIONS_PARAMETER: Final = "rds.extensions"
# "If you installed the PostGIS extension, upgrade it first": the guide, extensions to upgrade.
POSTGIS_EXTENSIONS: Final = (
    "address_standardizer",
    "address_standardizer_data_us",
    "pgrouting",
    "postgis",
    "postgis_raster",
    "postgis_sfcgal",
    "postgis_tiger_geocoder",
    "postgis_topology",
)
_RDS_DATABASE: Final = "rdsadmin"  # RDS's own, to which nobody else connects


@dataclass
class Precheck:
    """What was found, and what could not be asked or decided, for the plan's notes."""

    findings: list[PrecheckFinding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class FamilyParameters:
    """The parameters of a parameter group family, and the extensions that RDS lists for it."""

    family: str
    parameters: Mapping[str, PostgresParameter]

    @property
    def extensions(self) -> frozenset[str]:
        """Names of `rds.extensions`, "a list of extensions supported by Amazon RDS in the default
        DB parameter group": RDS release notes, extension versions. Empty if there is none.
        """
        listed = self.parameters.get(EXTENSIONS_PARAMETER)
        text = (listed.value or listed.allowed_values or "") if listed else ""
        return frozenset(name.strip() for name in text.split(",") if name.strip())


def get_major(version: str) -> int:
    """Returns the major version of a version of PostgreSQL 10 or later."""
    return int(version.partition(".")[0])


def fetch_family_parameters(aws: Aws, outputs: Outputs, version: str) -> FamilyParameters:
    """Fetches the parameters that RDS has for a major version, from all pages."""
    family = f"postgres{get_major(version)}"
    parameters: dict[str, PostgresParameter] = {}
    params: dict[str, JsonValue] = {"DBParameterGroupFamily": family}
    while True:
        response: Any = aws.call(
            "rds.describe_engine_default_parameters", params, outputs.stack.region
        )
        defaults = response["EngineDefaults"]
        for item in defaults.get("Parameters") or ():
            parameters[item["ParameterName"]] = parse_parameter(item)
        if not defaults.get("Marker"):
            return FamilyParameters(family, parameters)
        params = {**params, "Marker": defaults["Marker"]}


def precheck_major_upgrade(
    client: DatabaseClient,
    instance: DatabaseInstance,
    version: str,
    user_parameters: Sequence[PostgresParameter],
    current: FamilyParameters,
    target: FamilyParameters,
) -> Precheck:
    """Looks for everything that RDS would refuse, in every database of the instance.

    A database that cannot be asked is a note, never silence. `user_parameters` are those that the
    instance's own group sets.
    """
    precheck = Precheck()
    majors = get_major(instance.version), get_major(version)
    precheck.findings += list_parameter_findings(instance, user_parameters, target)
    precheck.findings += list_replica_findings(instance)
    try:
        rows: list[Any] = client.fetch_rows(INSTANCE_STATEMENT)
    except (UsageError, CredentialsError):
        raise
    except OpsError as error:
        precheck.notes.append(
            f"not prechecked, the database could not be asked ({error}): RDS checks it before the "
            "outage, and gives the upgrade up if it finds something, which it writes to the log "
            f"pg_upgrade_precheck.log: `aws rds describe-db-log-files --db-instance-identifier "
            f"{instance.identifier} --filename-contains pg_upgrade`; to check before, open a "
            "tunnel (`ops db connect`)"
        )
        return precheck
    precheck.findings += list_instance_findings(rows, majors[0], client.outputs.database.admin_name)
    for row in rows:
        is_asked = row["kind"] == "database" and row["connects"] and not row["broken"]
        if not is_asked or row["name"] == _RDS_DATABASE:
            continue
        database_client = replace(client, database=row["name"], _connections={}, _warnings=[])
        try:
            _precheck_database(database_client, row["name"], majors, (current, target), precheck)
        except (UsageError, CredentialsError):
            raise
        except OpsError as error:
            precheck.notes.append(f"the database {row['name']} is not prechecked: {error}")
        finally:
            database_client.close()
    return precheck


def require_no_findings(instance: DatabaseInstance, version: str, precheck: Precheck) -> None:
    """Raises OpsError, which names all findings and what removes each."""
    if not precheck.findings:
        return
    listed = "".join(f"\n  - {finding}" for finding in precheck.findings)
    notes = "".join(f"\n  - {note}" for note in precheck.notes)
    raise OpsError(
        f"RDS would not upgrade {instance.identifier} to {version}; nothing was changed. Remove "
        f"first:{listed}{notes}",
        "ops db connect",
    )


def list_parameter_findings(
    instance: DatabaseInstance,
    user_parameters: Sequence[PostgresParameter],
    target: FamilyParameters,
) -> Iterator[PrecheckFinding]:
    """Lists parameters that the new family does not have, or whose values it does not allow."""
    for parameter in user_parameters:
        new = target.parameters.get(parameter.name)
        remedy = (
            f"remove it from database.parameters in the stack's settings and `pulumi up`, or `aws "
            f"rds reset-db-parameter-group --db-parameter-group-name {instance.parameter_group} "
            f"--parameters ParameterName={parameter.name},ApplyMethod={parameter.apply_method}`"
        )
        if new is None:
            problem = f"the parameter {parameter.name}, which {target.family} does not have"
        elif not new.is_modifiable:
            problem = f"the parameter {parameter.name}, which {target.family} does not let be set"
        elif not is_allowed_value(new, str(parameter.value)):
            problem = (
                f"the parameter {parameter.name} is {parameter.value}, but {target.family} allows "
                f"{new.allowed_values}"
            )
        else:
            continue
        yield PrecheckFinding(problem, remedy)


def list_replica_findings(instance: DatabaseInstance) -> Iterator[PrecheckFinding]:
    """Lists replicas in other regions: RDS upgrades those of the same region with the primary.

    RDS names a replica in another region by its ARN (API reference, DBInstance). That RDS does not
    upgrade them with the primary is in RDS User Guide, "Upgrading the PostgreSQL DB engine": "RDS
    upgrades in-Region read replicas along with the primary"; ops does not guess what becomes of
    the others.
    """
    for replica in instance.replicas:
        if replica.startswith("arn:"):
            region, name = replica.split(":")[3], replica.rpartition(":")[2]
            yield PrecheckFinding(
                f"the replica {name} in {region}, which RDS does not upgrade with the primary",
                f"`aws rds promote-read-replica --region {region} --db-instance-identifier "
                f"{name}`, or delete it, and create a replica again afterwards",
            )


def _precheck_database(
    client: DatabaseClient,
    database: str,
    majors: tuple[int, int],
    families: tuple[FamilyParameters, FamilyParameters],
    precheck: Precheck,
) -> None:
    """Adds what stands in the way in one database."""
    precheck.findings += list_column_findings(client, database, *majors)
    extensions: list[Any] = client.fetch_rows(EXTENSIONS_STATEMENT)
    _precheck_extensions(extensions, database, *families, precheck)


def _precheck_extensions(
    rows: Sequence[Mapping[str, Any]],
    database: str,
    current: FamilyParameters,
    target: FamilyParameters,
    precheck: Precheck,
) -> None:
    """Adds extensions that the target lacks and those that must be updated first.

    One that neither version lists is unknown: RDS's list may lack those of minor versions (release
    notes of extension versions).
    """
    for row in rows:
        name, version, newest = str(row["name"]), row["version"], row["newest"]
        quoted = quote_name_parts(name)
        is_listed_now = name in current.extensions
        if target.extensions and is_listed_now and name not in target.extensions:
            precheck.findings.append(
                PrecheckFinding(
                    f"the extension {name}, which RDS does not have for {target.family}",
                    f"DROP EXTENSION {quoted};",
                    database,
                )
            )
        elif name in POSTGIS_EXTENSIONS and newest not in (None, version):
            remedy = (
                "SELECT postgis_extensions_upgrade();"
                if name.startswith("postgis")
                else f"ALTER EXTENSION {quoted} UPDATE;"
            )
            precheck.findings.append(
                PrecheckFinding(
                    f"the extension {name} is {version} and must be {newest} first",
                    remedy,
                    database,
                )
            )
        elif name not in target.extensions:
            precheck.notes.append(
                f"whether RDS has the extension {name} (in the database {database}) for "
                f"{target.family} is unknown: it is not in {EXTENSIONS_PARAMETER}"
            )
        elif newest not in (None, version):
            precheck.notes.append(
                f"RDS does not update the extension {name} {version} in the database {database}: "
                f"afterwards ALTER EXTENSION {quoted} UPDATE;"
            )
