"""Settings of the database. Rejects at once what RDS would refuse after minutes."""

import json
import re
from datetime import datetime
from ipaddress import IPv4Network
from typing import Final, Literal

from pydantic import Field, field_validator, model_validator

from components.facts.instance_classes import get_rds_class
from components.facts.private_ranges import is_private_range
from components.settings.address_range import Ipv4Range
from components.settings.postgres_names import AdminName, DatabaseName
from components.settings.section import Section
from components.settings.windows import DailyHalfHourWindow, WeeklyHalfHourWindow, has_overlap

LogExport = Literal["postgresql", "upgrade", "iam-db-auth-error"]
CertificateAuthority = Literal["rds-ca-rsa2048-g1", "rds-ca-rsa4096-g1", "rds-ca-ecc384-g1"]
SUPPORTED_MAJOR_VERSIONS: Final = (14, 15, 16, 17, 18)
# "Amazon RDS DB instance storage": from 400 GiB on, RDS for PostgreSQL stripes gp3 over four
# volumes. Below, 3,000 IOPS and 125 MiB/s cannot be changed.
STRIPED_STORAGE_MIN_GB: Final = 400
IOPS_RANGE: Final = range(12_000, 64_001)
THROUGHPUT_RANGE: Final = range(500, 4_001)
# Parameters that have a setting of their own.
MANAGED_PARAMETERS: Final = {"log_min_duration_statement": "slowQueryMs"}


class RestoreFrom(Section):
    """The source of a new database's data: a snapshot or a point in time, exactly one.

    The database keeps the key, the master user and the databases of the backup, and gets a new
    password. A backup under another key must be copied to this stack's key first. Afterwards this
    setting can be removed.
    """

    snapshot: str | None = Field(default=None, description="identifier or ARN of a DB snapshot")
    instance: str | None = Field(
        default=None, description="identifier of a DB instance, for a point in time"
    )
    automated_backup_arn: str | None = Field(
        default=None, description="ARN of an automated backup, such as a replicated one"
    )
    resource_id: str | None = Field(
        default=None,
        pattern=r"^db-[A-Z0-9]+$",
        description="resource id of a deleted DB instance whose automated backups are retained",
    )
    time: str = Field(
        default="latest", description="'latest', or a UTC time like 2026-01-31T03:00:00Z"
    )

    @field_validator("automated_backup_arn")
    @classmethod
    def _validate_automated_backup_arn(cls, arn: str | None) -> str | None:
        if arn is not None and not re.fullmatch(
            r"arn:[\w-]+:rds:[\w-]+:\d{12}:auto-backup:.+", arn
        ):
            raise ValueError("must be like arn:aws:rds:REGION:ACCOUNT:auto-backup:ab-NAME")
        return arn

    @field_validator("time")
    @classmethod
    def _validate_time(cls, time: str) -> str:
        try:
            time == "latest" or datetime.strptime(time, "%Y-%m-%dT%H:%M:%S%z")
        except ValueError:
            time = ""
        if time != "latest" and not time.endswith("Z"):
            raise ValueError("must be 'latest', or a UTC time like 2026-01-31T03:00:00Z")
        return time

    @model_validator(mode="after")
    def _validate_source(self) -> "RestoreFrom":
        sources = (self.snapshot, self.instance, self.automated_backup_arn, self.resource_id)
        if len([source for source in sources if source]) != 1:
            raise ValueError(
                "must have exactly one of snapshot, instance, automatedBackupArn and resourceId"
            )
        if self.snapshot and self.time != "latest":
            raise ValueError(f"time is {self.time!r}, must not be set: a snapshot is of one time")
        return self

    @property
    def region(self) -> str | None:
        """The region that an ARN names."""
        arn = self.automated_backup_arn or self.snapshot or ""
        return arn.split(":")[3] if arn.startswith("arn:") else None


class DatabaseSettings(Section):
    """The PostgreSQL instance on RDS."""

    engine_version: str = Field(
        default="16",
        description="PostgreSQL version; for a major version alone RDS chooses the minor one",
    )
    instance_class: str = Field(default="db.t4g.small", description="DB instance class")
    storage_gb: int = Field(default=20, ge=20, le=65536, description="allocated storage, GiB")
    max_storage_gb: int = Field(
        default=100, ge=0, le=65536, description="storage autoscaling limit, GiB; 0 turns it off"
    )
    iops: int | None = Field(default=None, description="provisioned gp3 IOPS (from 400 GiB)")
    throughput: int | None = Field(default=None, description="gp3 throughput, MiB/s (from 400 GiB)")
    multi_az: bool = Field(default=True, description="keep a standby in another zone")
    replicas: int = Field(default=0, ge=0, le=15, description="read replicas")
    replica_class: str | None = Field(
        default=None, description="instance class of the replicas; not set: the primary's"
    )
    port: int = Field(
        default=5433, description="port; PostgreSQL's default 5432 needs a policy exception"
    )
    allowed_cidrs: tuple[Ipv4Range, ...] = Field(
        default=(),
        # A rule each in the security group (quota 60) and each way in the network ACL (quota 20).
        max_length=15,
        description="private IPv4 ranges that may reach the database's port beside the services "
        "and the fleet: of a peered VPC, a VPN or a bastion; the routes are not the stack's",
    )
    admin_name: AdminName = Field(
        default="bulwark_admin", description="master user; must not be a common name"
    )
    name: DatabaseName = Field(
        default="app", description="database that is created with the instance"
    )
    backup_days: int = Field(default=30, ge=0, le=35, description="days to keep automated backups")
    cross_region_backups: bool = Field(
        default=True,
        description="replicate automated backups to the recovery region, if there is one",
    )
    cross_region_backup_days: int = Field(
        default=7, ge=1, le=35, description="days to keep replicated backups"
    )
    backup_window: DailyHalfHourWindow = Field(
        default="02:00-03:00", description="daily, UTC, hh:mm-hh:mm"
    )
    maintenance_window: WeeklyHalfHourWindow = Field(
        default="sun:03:30-sun:04:30", description="weekly, UTC, ddd:hh:mm-ddd:hh:mm"
    )
    extended_support: bool = Field(
        default=True,
        description="keep a major version after the end of its standard support, which costs per "
        "vCPU-hour; off: RDS upgrades it by itself. Read only when the database is created or "
        "restored; later the preview names the AWS CLI line that changes it",
    )
    auto_minor_upgrade: bool = Field(
        default=True, description="upgrade to new minor versions in the maintenance window"
    )
    apply_immediately: bool = Field(
        default=False, description="apply changes at once instead of in the maintenance window"
    )
    iam_authentication: bool = Field(default=True, description="allow IAM database authentication")
    performance_insights: bool = Field(default=True, description="turn on Performance Insights")
    performance_insights_days: int = Field(
        default=7, description="days to keep its data: 7, a multiple of 31 up to 713, or 731"
    )
    database_insights: Literal["standard", "advanced"] = Field(
        default="standard", description="mode of CloudWatch Database Insights"
    )
    monitoring_seconds: Literal[0, 1, 5, 10, 15, 30, 60] = Field(
        default=60, description="interval of Enhanced Monitoring, seconds; 0 turns it off"
    )
    slow_query_ms: int = Field(
        default=1000, ge=-1, description="log queries slower than this; -1 logs none"
    )
    parameters: dict[str, str] = Field(
        default={}, description="other PostgreSQL parameters, by name"
    )
    log_exports: tuple[LogExport, ...] = Field(
        default=("postgresql", "upgrade", "iam-db-auth-error"),
        description="logs to export to CloudWatch",
    )
    ca: CertificateAuthority = Field(
        default="rds-ca-rsa2048-g1", description="certificate authority of the server's certificate"
    )
    rotation_days: int = Field(
        default=30, ge=1, le=90, description="days between rotations of the password"
    )
    restore_from: RestoreFrom | None = Field(
        default=None, description="create the database from a backup; read only when it is created"
    )

    @field_validator("engine_version", mode="before")
    @classmethod
    def _normalize_engine_version(cls, version: object) -> object:
        if isinstance(version, float):  # 16.10 would have become 16.1
            raise ValueError("must be a major, or in quotes with a minor: '16.10'")
        return str(version) if isinstance(version, int) else version

    @field_validator("parameters", mode="before")
    @classmethod
    def _normalize_parameters(cls, parameters: object) -> object:
        if not isinstance(parameters, dict):
            return parameters
        return {
            name: value if isinstance(value, str) else json.dumps(value)
            for name, value in parameters.items()
        }

    @field_validator("engine_version")
    @classmethod
    def _validate_engine_version(cls, version: str) -> str:
        if not re.fullmatch(
            rf"({'|'.join(map(str, SUPPORTED_MAJOR_VERSIONS))})(\.\d{{1,2}})?", version
        ):
            raise ValueError(
                f"must be {SUPPORTED_MAJOR_VERSIONS[0]} to {SUPPORTED_MAJOR_VERSIONS[-1]}, "
                "or with a minor like 16.9"
            )
        return version

    @field_validator("instance_class", "replica_class")
    @classmethod
    def _validate_instance_class(cls, name: str | None) -> str | None:
        return name if name is None else get_rds_class(name).name

    @field_validator("port")
    @classmethod
    def _validate_port(cls, port: int) -> int:
        if not 1150 <= port <= 65535:
            raise ValueError("must be 1150 to 65535")
        return port

    @field_validator("allowed_cidrs")
    @classmethod
    def _validate_allowed_cidrs(cls, cidrs: tuple[IPv4Network, ...]) -> tuple[IPv4Network, ...]:
        if public_cidrs := [str(cidr) for cidr in cidrs if not is_private_range(cidr)]:
            raise ValueError(
                f"must hold private ranges only, such as 10.20.0.0/16, not {public_cidrs[0]}: the "
                "database has no public address"
            )
        if len(set(cidrs)) < len(cidrs):
            raise ValueError("must hold each range once")
        return cidrs

    @field_validator("performance_insights_days")
    @classmethod
    def _validate_performance_insights_days(cls, days: int) -> int:
        if days not in (7, 731) and not (days % 31 == 0 and 31 <= days <= 713):
            raise ValueError("must be 7, a multiple of 31 up to 713, or 731")
        return days

    @field_validator("parameters")
    @classmethod
    def _validate_parameters(cls, parameters: dict[str, str]) -> dict[str, str]:
        if managed_names := MANAGED_PARAMETERS.keys() & parameters.keys():
            name = min(managed_names)
            raise ValueError(f"must not have {name}: {MANAGED_PARAMETERS[name]} sets it")
        if parameters.get("rds.force_ssl", "1") != "1":
            raise ValueError(
                "must not turn rds.force_ssl off: connections are by TLS only (RDS.38)"
            )
        if "pg_stat_statements" not in parameters.get(
            "shared_preload_libraries", "pg_stat_statements"
        ):
            raise ValueError(
                "must have shared_preload_libraries only with pg_stat_statements in it"
            )
        return parameters

    @model_validator(mode="after")
    def _validate_storage(self) -> "DatabaseSettings":
        min_limit_gb = -(-self.storage_gb * 11 // 10)
        if self.max_storage_gb and self.max_storage_gb < min_limit_gb:
            raise ValueError(
                f"maxStorageGb is {self.max_storage_gb}, must be 0, or from {min_limit_gb}: "
                "a tenth more than storageGb"
            )
        performance_settings = (
            ("iops", self.iops, IOPS_RANGE),
            ("throughput", self.throughput, THROUGHPUT_RANGE),
        )
        for key, value, bounds in performance_settings:
            if value is not None and self.storage_gb < STRIPED_STORAGE_MIN_GB:
                raise ValueError(
                    f"{key} is {value}, must be set only from {STRIPED_STORAGE_MIN_GB} GiB "
                    "of storageGb: "
                    "below, gp3 has 3000 IOPS and 125 MiB/s"
                )
            if value is not None and value not in bounds:
                raise ValueError(f"{key} is {value}, must be {bounds[0]} to {bounds[-1]}")
        if self.throughput and self.throughput * 4 > (self.iops or IOPS_RANGE[0]):
            raise ValueError(
                f"throughput is {self.throughput}, must be at most a quarter of iops "
                f"({self.iops or IOPS_RANGE[0]})"
            )
        return self

    @model_validator(mode="after")
    def _validate_windows(self) -> "DatabaseSettings":
        if has_overlap(self.backup_window, self.maintenance_window):
            raise ValueError(
                f"backupWindow is {self.backup_window!r}, must not overlap maintenanceWindow "
                f"({self.maintenance_window})"
            )
        return self

    @model_validator(mode="after")
    def _validate_replica_backups(self) -> "DatabaseSettings":
        if self.backup_days == 0 and self.replicas:
            raise ValueError("backupDays is 0, must be 1 to 35: replicas need automated backups")
        return self

    @model_validator(mode="after")
    def _validate_minor_upgrades(self) -> "DatabaseSettings":
        if self.auto_minor_upgrade and "." in self.engine_version:
            raise ValueError(
                f"engineVersion is {self.engine_version!r}, must be {self.major_version} while "
                "autoMinorUpgrade is on: RDS moves on from a minor, and cannot go back to it"
            )
        return self

    @model_validator(mode="after")
    def _validate_database_insights(self) -> "DatabaseSettings":
        has_long_retention = self.performance_insights and self.performance_insights_days >= 465
        if self.database_insights == "advanced" and not has_long_retention:
            raise ValueError(
                "databaseInsights is 'advanced', must be so only with performanceInsights kept for "
                "465 days or more"
            )
        return self

    @property
    def major_version(self) -> int:
        """Major version of PostgreSQL."""
        return int(self.engine_version.split(".")[0])

    @property
    def effective_replica_class(self) -> str:
        """Instance class of the replicas."""
        return self.replica_class or self.instance_class

    @property
    def provisioned_performance(self) -> tuple[int, int] | None:
        """IOPS and MiB/s of gp3, both if either is set: RDS requires them together."""
        if self.iops is None and self.throughput is None:
            return None
        return self.iops or IOPS_RANGE[0], self.throughput or THROUGHPUT_RANGE[0]

    @property
    def primary_performance(self) -> tuple[int, int] | None:
        """IOPS and MiB/s of the primary: from 400 GiB on at least the baseline, which is free.

        Unsaid, the provider would repeat the 3000 of a smaller volume in the request that makes
        it larger, and RDS refuses that (terraform-provider-aws#28382). None for a restore, whose
        size is the backup's.
        """
        if self.storage_gb < STRIPED_STORAGE_MIN_GB or self.restore_from is not None:
            return self.provisioned_performance
        return self.provisioned_performance or (IOPS_RANGE[0], THROUGHPUT_RANGE[0])
