"""RDS: a DB instance's description, and the states that it goes through."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from moto.ec2.models import ec2_backends
from moto.kms.models import kms_backends
from moto.moto_api._internal import mock_random
from moto.rds.models import DBInstance, RDSBackend

from sandbox.clock import get_sandbox_clock, is_in_future
from sandbox.patches.patching import AwsError, ServicePatch

patch = ServicePatch()
ApiRecord = dict[str, Any]
# Simulated seconds. Assumptions from practice (AWS states none): a small instance is created in
# 6 minutes and backed up in 2, a standby adds 2; a class change takes 6, others 2; deletion 4.
INSTANCE_CREATE_SECONDS, BACKUP_SECONDS, STANDBY_SECONDS, INSTANCE_DELETE_SECONDS = (
    6 * 60,
    2 * 60,
    2 * 60,
    4 * 60,
)
# The minor version that RDS takes for a major alone (RDS release notes, 2025).
DEFAULT_MINOR_VERSIONS: Mapping[str, str] = {
    "13": "13.22",
    "14": "14.19",
    "15": "15.14",
    "16": "16.10",
    "17": "17.6",
    "18": "18.1",
}
# gp3 without given figures (RDS user guide, gp3 storage): below 400 GiB, and from there on.
GP3_DEFAULTS = ((400, 3000, 125), (1 << 31, 12000, 500))
# Parameter of the API as moto spells it, and the property that describes it.
EXTRA_ATTRIBUTES: tuple[tuple[str, str, Any], ...] = (
    ("enable_performance_insights", "PerformanceInsightsEnabled", False),
    ("performance_insights_kms_key_id", "PerformanceInsightsKMSKeyId", None),
    ("performance_insights_retention_period", "PerformanceInsightsRetentionPeriod", None),
    ("database_insights_mode", "DatabaseInsightsMode", "standard"),
    ("dedicated_log_volume", "DedicatedLogVolume", False),
    ("network_type", "NetworkType", "IPV4"),
    ("backup_target", "BackupTarget", "region"),
    ("engine_lifecycle_support", "EngineLifecycleSupport", "open-source-rds-extended-support"),
)
STATUS_BY_STORAGE_OPERATION: Mapping[str | None, str] = {
    None: "available",
    "Initializing": "storage-initialization",
    "Optimizing": "storage-optimization",
}
CERTIFICATE_AUTHORITIES = ("rds-ca-rsa2048-g1", "rds-ca-rsa4096-g1", "rds-ca-ecc384-g1")


@patch.wrap(DBInstance, "__init__")
def initialize_instance(
    original: Any, instance: DBInstance, backend: RDSBackend, *args: Any, **kwargs: Any
) -> None:
    if kwargs.get("engine") == "postgres":
        kwargs["engine_version"] = get_full_postgres_version(kwargs.get("engine_version"))
        kwargs["license_model"] = "postgresql-license"
    if kwargs.get("ca_certificate_identifier") in (None, "rds-ca-default"):
        kwargs["ca_certificate_identifier"] = CERTIFICATE_AUTHORITIES[0]
    _require_security_groups(backend, kwargs.get("vpc_security_group_ids") or ())
    original(instance, backend, *args, **kwargs)
    instance.dbi_resource_id = f"db-{mock_random.get_random_string(26, lower_case=False).upper()}"
    if instance.storage_encrypted and not kwargs.get("kms_key_id"):
        instance.kms_key_id = _get_default_key_arn(backend)
    for parameter, attribute, default in EXTRA_ATTRIBUTES:
        value = kwargs.get(parameter, kwargs.get(attribute))
        setattr(instance, attribute, default if value is None else value)
    if instance.PerformanceInsightsEnabled and not instance.PerformanceInsightsRetentionPeriod:  # type: ignore[attr-defined]
        instance.PerformanceInsightsRetentionPeriod = 7  # type: ignore[attr-defined]
    if instance.engine == "postgres" and not instance.option_group_supplied:
        instance.option_group_name = f"default:postgres-{instance.engine_version.split('.')[0]}"
    if not kwargs.get("availability_zone"):
        instance.availability_zone = list_instance_zones(instance)[0]
    if kwargs.get("db_cluster_identifier") is None:
        seconds = INSTANCE_CREATE_SECONDS + (STANDBY_SECONDS if instance.multi_az else 0)
        start_phases(instance, ("creating", seconds), ("backing-up", _get_backup_seconds(instance)))


def _get_default_key_arn(backend: RDSBackend) -> str:
    """AWS's own, where none is given: RDS User Guide, "Encrypting Amazon RDS resources"."""
    kms = kms_backends[backend.account_id][backend.region_name]
    return str(kms.describe_key(str(kms.get_key_id_from_alias("alias/aws/rds"))).arn)


def _get_backup_seconds(instance: DBInstance) -> int:
    return BACKUP_SECONDS if instance.backup_retention_period else 0


def get_full_postgres_version(version: str | None) -> str:
    """A PostgreSQL version with its minor: RDS's default for a major alone."""
    return DEFAULT_MINOR_VERSIONS.get(version or "17", version or "17")


def _require_security_groups(backend: RDSBackend, ids: Iterable[str]) -> None:
    ec2 = ec2_backends[backend.account_id][backend.region_name]
    unknown = [group for group in ids if ec2.get_security_group_from_id(group) is None]
    if unknown:
        raise AwsError("InvalidParameterValue", f"Invalid security group , groupId= {unknown[0]}")


def list_instance_zones(instance: DBInstance) -> list[str]:
    """The zones of an instance's subnets, in order."""
    group = getattr(instance, "db_subnet_group", None)
    zones = sorted({s.availability_zone for s in group._subnets}) if group else []
    return zones or [f"{instance.region}a", f"{instance.region}b"]


def start_phases(instance: DBInstance, *phases: tuple[str, float]) -> None:
    """Puts an instance through states from now on, each for some simulated seconds."""
    elapsed, timed_phases = 0.0, []
    for status, seconds in phases:
        elapsed += seconds
        if seconds:
            timed_phases.append((status, get_sandbox_clock().get_completion_time(elapsed)))
    instance.sandbox_phases = tuple(timed_phases)  # type: ignore[attr-defined]


def get_phases(instance: DBInstance) -> tuple[tuple[str, datetime], ...]:
    """The states that an instance goes through, and the end of each."""
    phases: tuple[tuple[str, datetime], ...] = getattr(instance, "sandbox_phases", ())
    return phases


def _get_status(instance: DBInstance) -> str:
    """The temporary state until it ends, then the lasting one, which moto sets."""
    passing_statuses = (status for status, until in get_phases(instance) if is_in_future(until))
    lasting_status = vars(instance).get("sandbox_status", "available")
    if lasting_status == "available":
        lasting_status = STATUS_BY_STORAGE_OPERATION[get_storage_operation(instance)]
    return next(passing_statuses, lasting_status)


def get_storage_operation(instance: DBInstance) -> str | None:
    """What goes on with the volume: API reference, DBInstance, StorageOperationStatus."""
    for operation, attribute in (
        ("Initializing", "sandbox_filled"),
        ("Optimizing", "sandbox_optimized"),
    ):
        until: datetime | None = getattr(instance, attribute, None)
        if until is not None and is_in_future(until):
            return operation
    return None


def _set_status(instance: DBInstance, status: str) -> None:
    vars(instance)["sandbox_status"] = status


# Names that describe an instance, and what they come to.
DESCRIBED_PROPERTIES: Mapping[str, Any] = {
    "SecondaryAvailabilityZone": lambda instance: get_secondary_zone(instance),
    "CertificateDetails": lambda instance: {"CAIdentifier": instance.ca_certificate_identifier},
    "Iops": lambda instance: instance.iops or _get_gp3_performance(instance)[0],
    "StorageThroughput": lambda instance: (
        instance.storage_throughput or _get_gp3_performance(instance)[1]
    ),
    "PendingModifiedValues": lambda instance: getattr(instance, "sandbox_pending", {}),
    "DBInstanceAutomatedBackupsReplications": lambda instance: getattr(
        instance, "sandbox_replications", []
    ),
    "EnhancedMonitoringResourceArn": lambda instance: _get_monitoring_arn(instance),
}


def get_secondary_zone(instance: DBInstance) -> str | None:
    """The zone of the standby."""
    others = [z for z in list_instance_zones(instance) if z != instance.availability_zone]
    return others[0] if instance.multi_az and others else None


def _get_gp3_performance(instance: DBInstance) -> tuple[int | None, int | None]:
    if instance.storage_type != "gp3":
        return None, None
    return next((i, t) for below, i, t in GP3_DEFAULTS if int(instance.allocated_storage) < below)


def _get_monitoring_arn(instance: DBInstance) -> str | None:
    if not instance.monitoring_interval:
        return None
    arn_prefix = f"arn:aws:logs:{instance.region}:{instance.account_id}:log-group:RDSOSMetrics"
    return f"{arn_prefix}:log-stream:{instance.dbi_resource_id}"


@patch.add_change
def add_described_properties() -> None:
    """Adds properties under the API's own names, which responses read first."""
    for name, getter in {"status": None, **DESCRIBED_PROPERTIES}.items():
        setattr(
            DBInstance, name, property(getter) if getter else property(_get_status, _set_status)
        )


@patch.wrap(DBInstance, "default_db_parameter_group_details")
def get_default_parameter_group(original: Any, instance: DBInstance) -> tuple[str, str]:
    """From PostgreSQL 10 on a family is named by the major version alone."""
    if instance.engine != "postgres":
        group: tuple[str, str] = original(instance)
        return group
    family = f"postgres{instance.engine_version.split('.')[0]}"
    return family, f"default.{family}"


@patch.wrap(DBInstance, "save_automated_backup")
def save_automated_backup(original: Any, instance: DBInstance) -> None:
    """Skipped without a retention period; at most one a minute."""
    now = datetime.now().strftime("%Y-%m-%d-%H-%M")  # noqa: DTZ005 (moto's own name for it)
    is_taken = f"rds:{instance.db_instance_identifier}-{now}" in instance.backend.database_snapshots
    if instance.backup_retention_period and not is_taken:
        original(instance)
