"""RDS: what a DB instance is described with, and the states that it goes through."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from moto.ec2.models import ec2_backends
from moto.kms.models import kms_backends
from moto.moto_api._internal import mock_random
from moto.rds.models import DBInstance, RDSBackend

from sandbox.clock import clock, pending
from sandbox.patches.patching import Mend, Refused

mend = Mend()
Record = dict[str, Any]
# Simulated seconds. Assumptions from practice (AWS states none): a small instance is created in
# 6 minutes and backed up in 2, a standby adds 2; a class change takes 6, others 2; deletion 4.
CREATE, BACK_UP, STANDBY, DELETE = 6 * 60, 2 * 60, 2 * 60, 4 * 60
# The minor version that RDS takes for a major alone (RDS release notes, 2025).
MINORS: Mapping[str, str] = {
    "13": "13.22",
    "14": "14.19",
    "15": "15.14",
    "16": "16.10",
    "17": "17.6",
    "18": "18.1",
}
# gp3 without given figures (RDS user guide, gp3 storage): below 400 GiB, and from there on.
GP3 = ((400, 3000, 125), (1 << 31, 12000, 500))
# Parameter of the API as moto spells it, and the property that describes it.
EXTRAS: tuple[tuple[str, str, Any], ...] = (
    ("enable_performance_insights", "PerformanceInsightsEnabled", False),
    ("performance_insights_kms_key_id", "PerformanceInsightsKMSKeyId", None),
    ("performance_insights_retention_period", "PerformanceInsightsRetentionPeriod", None),
    ("database_insights_mode", "DatabaseInsightsMode", "standard"),
    ("dedicated_log_volume", "DedicatedLogVolume", False),
    ("network_type", "NetworkType", "IPV4"),
    ("backup_target", "BackupTarget", "region"),
    ("engine_lifecycle_support", "EngineLifecycleSupport", "open-source-rds-extended-support"),
)
CERTIFICATES = ("rds-ca-rsa2048-g1", "rds-ca-rsa4096-g1", "rds-ca-ecc384-g1")


@mend.around(DBInstance, "__init__")
def create(
    original: Any, instance: DBInstance, backend: RDSBackend, *args: Any, **given: Any
) -> None:
    if given.get("engine") == "postgres":
        given["engine_version"] = full_version(given.get("engine_version"))
        given["license_model"] = "postgresql-license"
    if given.get("ca_certificate_identifier") in (None, "rds-ca-default"):
        given["ca_certificate_identifier"] = CERTIFICATES[0]
    _known_groups(backend, given.get("vpc_security_group_ids") or ())
    original(instance, backend, *args, **given)
    instance.dbi_resource_id = f"db-{mock_random.get_random_string(26, lower_case=False).upper()}"
    if instance.storage_encrypted and not given.get("kms_key_id"):
        instance.kms_key_id = _own_key(backend)
    for parameter, shown, default in EXTRAS:
        value = given.get(parameter, given.get(shown))
        setattr(instance, shown, default if value is None else value)
    if instance.PerformanceInsightsEnabled and not instance.PerformanceInsightsRetentionPeriod:  # type: ignore[attr-defined]
        instance.PerformanceInsightsRetentionPeriod = 7  # type: ignore[attr-defined]
    if instance.engine == "postgres" and not instance.option_group_supplied:
        instance.option_group_name = f"default:postgres-{instance.engine_version.split('.')[0]}"
    if not given.get("availability_zone"):
        instance.availability_zone = zones(instance)[0]
    if given.get("db_cluster_identifier") is None:
        seconds = CREATE + (STANDBY if instance.multi_az else 0)
        begin(instance, ("creating", seconds), ("backing-up", _back_up(instance)))


def _own_key(backend: RDSBackend) -> str:
    """AWS's own, where none is given: RDS User Guide, "Encrypting Amazon RDS resources"."""
    kms = kms_backends[backend.account_id][backend.region_name]
    return str(kms.describe_key(str(kms.get_key_id_from_alias("alias/aws/rds"))).arn)


def _back_up(instance: DBInstance) -> int:
    return BACK_UP if instance.backup_retention_period else 0


def full_version(wanted: str | None) -> str:
    """A PostgreSQL version with its minor: RDS's default for a major alone."""
    return MINORS.get(wanted or "17", wanted or "17")


def _known_groups(backend: RDSBackend, ids: Iterable[str]) -> None:
    ec2 = ec2_backends[backend.account_id][backend.region_name]
    unknown = [group for group in ids if ec2.get_security_group_from_id(group) is None]
    if unknown:
        raise Refused("InvalidParameterValue", f"Invalid security group , groupId= {unknown[0]}")


def zones(instance: DBInstance) -> list[str]:
    """The zones of an instance's subnets, in order."""
    group = getattr(instance, "db_subnet_group", None)
    found = sorted({s.availability_zone for s in group._subnets}) if group else []
    return found or [f"{instance.region}a", f"{instance.region}b"]


def begin(instance: DBInstance, *phases: tuple[str, float]) -> None:
    """Puts an instance through states, each for so many simulated seconds, from now on."""
    passed, until = 0.0, []
    for status, seconds in phases:
        passed += seconds
        if seconds:
            until.append((status, clock().ready(passed)))
    instance.mended_phases = tuple(until)  # type: ignore[attr-defined]


def phases(instance: DBInstance) -> tuple[tuple[str, datetime], ...]:
    """The states that an instance goes through, and until when."""
    found: tuple[tuple[str, datetime], ...] = getattr(instance, "mended_phases", ())
    return found


def _status(instance: DBInstance) -> str:
    """moto sets the state that lasts; before it come those that pass."""
    passing = (status for status, until in phases(instance) if pending(until))
    return next(passing, vars(instance).get("mended_status", "available"))


def _set_status(instance: DBInstance, status: str) -> None:
    vars(instance)["mended_status"] = status


# Names that describe an instance, and what they come to.
SHOWN: Mapping[str, Any] = {
    "SecondaryAvailabilityZone": lambda it: secondary(it),
    "CertificateDetails": lambda it: {"CAIdentifier": it.ca_certificate_identifier},
    "Iops": lambda it: it.iops or _gp3(it)[0],
    "StorageThroughput": lambda it: it.storage_throughput or _gp3(it)[1],
    "PendingModifiedValues": lambda it: getattr(it, "mended_pending", {}),
    "DBInstanceAutomatedBackupsReplications": lambda it: getattr(it, "mended_replications", []),
    "EnhancedMonitoringResourceArn": lambda it: _monitoring(it),
}


def secondary(instance: DBInstance) -> str | None:
    """The zone of the standby."""
    others = [z for z in zones(instance) if z != instance.availability_zone]
    return others[0] if instance.multi_az and others else None


def _gp3(instance: DBInstance) -> tuple[int | None, int | None]:
    if instance.storage_type != "gp3":
        return None, None
    return next((i, t) for below, i, t in GP3 if int(instance.allocated_storage) < below)


def _monitoring(instance: DBInstance) -> str | None:
    if not instance.monitoring_interval:
        return None
    where = f"arn:aws:logs:{instance.region}:{instance.account_id}:log-group:RDSOSMetrics"
    return f"{where}:log-stream:{instance.dbi_resource_id}"


@mend.also
def describe() -> None:
    """Properties of the model, under the API's own names, which the answers look at first."""
    for name, shown in {"status": None, **SHOWN}.items():
        setattr(DBInstance, name, property(shown) if shown else property(_status, _set_status))


@mend.around(DBInstance, "default_db_parameter_group_details")
def default_group(original: Any, instance: DBInstance) -> tuple[str, str]:
    """From PostgreSQL 10 on a family is named by the major version alone."""
    if instance.engine != "postgres":
        found: tuple[str, str] = original(instance)
        return found
    family = f"postgres{instance.engine_version.split('.')[0]}"
    return family, f"default.{family}"


@mend.around(DBInstance, "save_automated_backup")
def back_up(original: Any, instance: DBInstance) -> None:
    """No retention, no automated backup; and one a minute."""
    now = datetime.now().strftime("%Y-%m-%d-%H-%M")  # noqa: DTZ005 (moto's own name for it)
    taken = f"rds:{instance.db_instance_identifier}-{now}" in instance.backend.database_snapshots
    if instance.backup_retention_period and not taken:
        original(instance)
