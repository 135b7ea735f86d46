"""The settings of one stack: its sections, and the rules between them."""

import re
from fnmatch import fnmatchcase
from ipaddress import IPv4Network
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints, model_validator

from components.routing import Route, build_routes, find_routing_fault
from components.settings.access import AccessSettings
from components.settings.backups import BackupSettings
from components.settings.cache import CacheSettings
from components.settings.container import ContainerSettings
from components.settings.cost import CostSettings
from components.settings.database import DatabaseSettings
from components.settings.deletion import DataKind, DeletionSettings
from components.settings.fleet import FleetSettings
from components.settings.load_balancer import LoadBalancerSettings
from components.settings.monitoring import AlarmSettings, DashboardSettings, LogSettings
from components.settings.network import NetworkSettings
from components.settings.policy import ExceptionName, PolicyException
from components.settings.profiles import Profile
from components.settings.reachability import IsolatedStack, find_reachability_fault
from components.settings.section import Section
from components.settings.services import ClusterSettings, ServiceDefaults, ServiceSettings
from components.settings.tags import ExtraTags
from components.settings.windows import DAY_MINUTES, parse_daily_window, parse_weekly_window
from components.settings.zones import ZONE_LETTERS_BY_REGION, Region
from policy.rules.exposure import DATABASE_PORT_RULE, DEFAULT_POSTGRES_PORT

Compute = Literal["services", "fleet", "both", "none"]
# With its prefix and suffix a target group's name must stay within 32 characters.
ServiceName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,19}$")]
# {prefix}-operations-{account}-{region} is a bucket's name: at most 63 characters. RDS takes no
# two hyphens in a row, ELB no name that begins with internal-.
PREFIX_PATTERN = re.compile(r"^(?!internal-)(?=.{1,24}$)[a-z][a-z0-9]*(-[a-z0-9]+)*$")
# A load balancer has 100 rules by default (ELB, "Quotas for your Application Load Balancers").
MAX_SERVICES = 50
_DATABASE_NAME: Final = "database"
TagValue = Annotated[str, StringConstraints(pattern=r"^[\w.:/=+@ -]{1,128}$")]


# A type without Pulumi's prefix, and a resource's logical name.
ImportKey = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+/[A-Za-z0-9]+ [a-z][a-z0-9-]*$")]
ImportId = Annotated[str, StringConstraints(pattern=r"^\S{1,2048}$")]


class Settings(Section):
    """All settings of a stack. `project`, `stack` and `region` come from Pulumi."""

    project: str
    stack: str
    region: Region
    profile: Profile = Field(description="dev (cheap, unprotected) or prod (safe)")
    compute: Compute = Field(
        default="services",
        description="services (Fargate), fleet (EC2), both, or none (database only)",
    )
    owner: TagValue = Field(description="who is responsible for the stack; a tag")
    cost_center: TagValue = Field(description="who pays for it; a tag")
    tags: ExtraTags = Field(
        default={}, description="more tags of everything that can carry tags, by key"
    )
    recovery_region: Region | None = Field(
        default=None,
        description="region for copies of backups, of the operations bucket and of the "
        "outputs; not set: no copies",
    )
    protect: bool = Field(
        default=True,
        description="protect everything that holds data or serves users against deletion",
    )
    deletion: DeletionSettings = DeletionSettings()
    encryption: Literal["own", "aws"] = Field(
        default="own", description="encrypt with the stack's own KMS keys, or with AWS's"
    )
    network: NetworkSettings = NetworkSettings()
    load_balancer: LoadBalancerSettings = LoadBalancerSettings()
    database: DatabaseSettings = DatabaseSettings()
    cluster: ClusterSettings = ClusterSettings()
    service_defaults: ServiceDefaults = ServiceDefaults()
    services: dict[ServiceName, ServiceSettings] = Field(
        default={"web": ServiceSettings()},
        min_length=1,
        max_length=MAX_SERVICES,
        description="the Fargate services, by name",
    )
    fleet: FleetSettings = FleetSettings()
    cache: CacheSettings = CacheSettings()
    alarms: AlarmSettings = AlarmSettings()
    cost: CostSettings = CostSettings()
    dashboards: DashboardSettings = DashboardSettings()
    logs: LogSettings = LogSettings()
    backups: BackupSettings = BackupSettings()
    access: AccessSettings = AccessSettings()
    policy_exceptions: dict[ExceptionName, PolicyException] = Field(
        default={}, description="temporary exceptions from the rules of the policy pack, by name"
    )

    imports: dict[ImportKey, ImportId] = Field(
        default={},
        description="existing AWS resources that are imported instead of created: the import "
        "id by type and logical name, like `rds/instance database`; the settings "
        "must match the existing resource",
    )

    @property
    def prefix(self) -> str:
        """The prefix of every physical name in AWS."""
        return f"{self.project}-{self.stack}"

    def is_discarded(self, kind: DataKind) -> bool:
        """Whether data of a kind are lost with the resource that holds them."""
        return kind in self.deletion.discard

    @property
    def has_services(self) -> bool:
        """True if Fargate services run."""
        return self.compute in ("services", "both")

    @property
    def has_fleet(self) -> bool:
        """True if an EC2 fleet runs."""
        return self.compute in ("fleet", "both")

    @property
    def has_containers(self) -> bool:
        """True if services or a fleet run."""
        return self.compute != "none"

    @property
    def container_names(self) -> tuple[str, ...]:
        """The services that run, and `fleet` if there is one: each has images of its own."""
        services = tuple(self.services) if self.has_services else ()
        return (*services, "fleet") if self.has_fleet else services

    @property
    def has_load_balancer(self) -> bool:
        """True if the stack has a load balancer: something that runs answers requests."""
        return bool(self.target_patterns)

    @property
    def has_log_bucket(self) -> bool:
        """True if there is a bucket for access logs and flow logs."""
        has_bucket_logs = (self.has_load_balancer and self.load_balancer.access_logs) or (
            "s3" in self.network.flow_logs
        )
        return self.profile == "prod" or has_bucket_logs

    @property
    def balancer_cidrs(self) -> tuple[IPv4Network, ...]:
        """The ranges that may reach the load balancer: of an internal one the VPC's by default."""
        balancer = self.load_balancer
        if balancer.internal and "allowed_cidrs" not in balancer.model_fields_set:
            return (self.network.cidr,)
        return balancer.allowed_cidrs

    @property
    def has_balancer_clients_outside(self) -> bool:
        """True if other networks than the VPC may reach an internal load balancer."""
        is_internal = self.has_load_balancer and self.load_balancer.internal
        return is_internal and not all(
            cidr.subnet_of(self.network.cidr) for cidr in self.balancer_cidrs
        )

    @property
    def target_patterns(self) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
        """The targets of the load balancer, with the (hosts, paths) that each answers to."""
        services = self.services if self.has_services else {}
        patterns = {
            name: (service.hosts, service.paths)
            for name, service in services.items()
            if service.kind_facts.has_targets
        }
        if self.has_fleet:
            default_paths = ("/fleet/*",) if self.has_services else ("/*",)
            patterns["fleet"] = (
                self.fleet.hosts,
                default_paths if self.fleet.paths is None else self.fleet.paths,
            )
        return patterns

    @property
    def routes(self) -> tuple[Route, ...]:
        """Which target answers which host and path."""
        return build_routes(self.target_patterns, self.load_balancer.priority_seeds)

    @property
    def copies_backups(self) -> bool:
        """True if AWS Backup copies to the recovery region: enabled, and there is such a region."""
        backups = self.backups
        return backups.enabled and backups.copy_to_recovery and self.recovery_region is not None

    @property
    def availability_zones(self) -> dict[str, str]:
        """Letter of each zone to its name, like {"a": "eu-north-1a"}."""
        return {zone: f"{self.region}{zone}" for zone in self.network.zones}

    @property
    def nat_zones(self) -> tuple[str, ...]:
        """Zones that hold a NAT device: none if nothing that runs calls the internet."""
        return self.network.nat_zones if self.has_containers else ()

    @property
    def cluster_name(self) -> str:
        """Name of the ECS cluster."""
        return self.prefix

    @property
    def database_identifier(self) -> str:
        """Identifier of the primary DB instance."""
        return f"{self.prefix}-database"

    @property
    def replicates_database_backups(self) -> bool:
        """True if the database's automated backups are kept in the recovery region too."""
        return self.database.cross_region_backups and self.recovery_region is not None

    @property
    def fleet_name(self) -> str:
        """Name of the Auto Scaling group."""
        return f"{self.prefix}-fleet"

    @property
    def cache_identifier(self) -> str:
        """Identifier of the replication group; at most 40 characters."""
        return f"{self.prefix}-cache"

    @model_validator(mode="after")
    def _validate_https(self) -> "Settings":
        if self.has_load_balancer and self.profile == "prod" and not self.load_balancer.has_https:
            raise ValueError(
                "loadBalancer.domain is not set, must be a host name (or set certificateArn): "
                "the prod profile does not serve plain HTTP"
            )
        return self

    @model_validator(mode="after")
    def _validate_subscriptions(self) -> "Settings":
        alarms = self.alarms
        if (
            self.profile == "prod"
            and not alarms.pages_somebody
            and alarms.no_subscriptions_reason is None
        ):
            raise ValueError(
                "alarms.subscriptions has nobody of level page, must have one, such as {name: "
                "on-call, level: page, protocol: email, endpoint: on-call@example.com}; or "
                "alarms.noSubscriptionsReason must say why the alarms of prod wake nobody"
            )
        return self

    @model_validator(mode="after")
    def _validate_database_port(self) -> "Settings":
        is_excepted = any(
            DATABASE_PORT_RULE in exception.rules
            and fnmatchcase(_DATABASE_NAME, exception.resources)
            for exception in self.policy_exceptions.values()
        )
        if self.database.port == DEFAULT_POSTGRES_PORT and not is_excepted:
            raise ValueError(
                f"database.port is {DEFAULT_POSTGRES_PORT}, must be another than PostgreSQL's "
                "default (RDS.23), or policyExceptions must have one of the rule "
                f"{DATABASE_PORT_RULE} for {_DATABASE_NAME}, with a reason"
            )
        return self

    @model_validator(mode="after")
    def _validate_internet_access(self) -> "Settings":
        if not self.has_containers or self.network.nat != "none":
            return self
        services = self.services if self.has_services else {}
        containers: dict[str, ContainerSettings] = {
            **{f"services.{name}": service for name, service in services.items()},
            **({"fleet": self.fleet} if self.has_fleet else {}),
        }
        stack = IsolatedStack(
            region=self.region,
            endpoints=self.network.interface_endpoints,
            containers=containers,
            has_fleet=self.has_fleet,
            has_exec=self.has_services and self.cluster.exec,
            exec_key=self.encryption == "own",
        )
        if fault := find_reachability_fault(stack):
            raise ValueError(fault)
        return self

    @model_validator(mode="after")
    def _validate_routes(self) -> "Settings":
        if self.has_services and "fleet" in self.services:
            raise ValueError(
                "services.fleet is set, must have another name: that is the EC2 fleet's"
            )
        if message := find_routing_fault(self.target_patterns, self.load_balancer.priority_seeds):
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _validate_certificate_region(self) -> "Settings":
        arn = self.load_balancer.certificate_arn
        if arn is not None and arn.split(":")[3] != self.region:
            raise ValueError(
                f"loadBalancer.certificateArn is {arn!r}, must be one of {self.region}: a load "
                "balancer takes certificates of its own region"
            )
        return self

    @model_validator(mode="after")
    def _validate_backup_replication(self) -> "Settings":
        if self.replicates_database_backups and self.database.backup_days == 0:
            raise ValueError(
                "database.backupDays is 0, must be 1 to 35: crossRegionBackups replicate automated "
                "backups"
            )
        if self.replicates_database_backups and self.encryption != "own":
            raise ValueError(
                "database.crossRegionBackups is True, must be so only with encryption 'own': "
                "encrypted backups need a key in the other region"
            )
        return self

    @model_validator(mode="after")
    def _validate_restore_region(self) -> "Settings":
        source = self.database.restore_from
        if source is not None and source.region not in (None, self.region):
            key = "automatedBackupArn" if source.automated_backup_arn else "snapshot"
            raise ValueError(
                f"database.restoreFrom.{key} is of {source.region}, must be of {self.region}: "
                "RDS restores in the region where the backup is"
            )
        return self

    @model_validator(mode="after")
    def _validate_recovery_region(self) -> "Settings":
        if self.recovery_region == self.region:
            raise ValueError(
                f"recoveryRegion is {self.region!r}, must be another region: this is the "
                "stack's own"
            )
        if self.recovery_region is not None:
            return self
        # On by default, and then of no effect; asked for, it would silently not happen.
        recovery_settings = (
            ("database.crossRegionBackups", self.database, "cross_region_backups"),
            ("backups.copyToRecovery", self.backups, "copy_to_recovery"),
        )
        for key, section, field in recovery_settings:
            if field in section.model_fields_set and getattr(section, field):
                raise ValueError(f"{key} is true, must be so only if recoveryRegion is set")
        return self

    @model_validator(mode="after")
    def _validate_zones(self) -> "Settings":
        letters = ZONE_LETTERS_BY_REGION.get(self.region, "abcdef")
        for zone in self.network.zones:
            if zone not in letters:
                raise ValueError(
                    f"network.zones has {zone!r}, must have {', '.join(letters)} in {self.region}"
                )
        return self

    @model_validator(mode="after")
    def _validate_backup_time(self) -> "Settings":
        """AWS Backup, "Plan options": RDS takes none in a window, or an hour before one."""
        start_minutes = self.backups.start_minutes if self.backups.enabled else ()
        windows = [("maintenanceWindow", parse_weekly_window(self.database.maintenance_window))]
        if self.database.backup_days:
            windows.append(("backupWindow", parse_daily_window(self.database.backup_window)))
        for key, window in windows:
            blocked_minutes = {
                minute % DAY_MINUTES for minute in range(window.start - 60, window.stop)
            }
            if any(minute % DAY_MINUTES in blocked_minutes for minute in start_minutes):
                raise ValueError(
                    f"backups.time is {self.backups.time!r}, must be a time from which an hour is "
                    f"clear of database.{key} and of the hour before it: RDS refuses backups then"
                )
        return self

    @model_validator(mode="after")
    def _validate_vault_lock(self) -> "Settings":
        if self.backups.enabled and self.backups.lock == "compliance" and not self.protect:
            raise ValueError(
                "backups.lock is 'compliance', must be so only where protect is true: nobody can "
                "delete such a vault before its last backup expires"
            )
        return self

    @model_validator(mode="after")
    def _validate_prefix(self) -> "Settings":
        if not PREFIX_PATTERN.match(self.prefix):
            raise ValueError(
                f"stack is {self.stack!r}, must be lower case letters, digits and hyphens, "
                "with the "
                f"project's name at most 24 ({self.prefix!r} has {len(self.prefix)}): the names of "
                "buckets and load balancers hold no more"
            )
        return self
