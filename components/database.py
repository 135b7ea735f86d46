"""The database: PostgreSQL on RDS, with what it needs around it, and its read replicas."""

from dataclasses import dataclass
from typing import Any, Final

import pulumi_aws as aws
from pulumi import Input, Output, ResourceOptions

from components.account import Account
from components.component import Component
from components.contract import build_contract_part
from components.database_events import create_event_subscriptions
from components.database_parameters import build_database_parameters
from components.facts.extended_support import ENROLLED, NOT_ENROLLED
from components.final_snapshot import create_final_snapshot_name
from components.firewall import allow_inbound, create_security_group
from components.keys import Keys
from components.logs import create_log_group
from components.network import Network
from components.operations import Operations
from components.policies import create_service_role
from components.rotation import Rotation, RotationArgs
from components.secret import create_secret, generate_password
from components.settings import Settings
from components.topics import Topics
from ops.outputs import DatabasePart

# What the first password may have beside letters and digits: RDS refuses / " @ and spaces, and
# these need no quoting in a URL.
DATABASE_PUNCTUATION: Final = "-_"
# Read only at creation. Ignored, so that `restoreFrom` can be removed later, and so that no
# change of these settings ever replaces a database: a new key or name takes a restore.
CREATION_ONLY_PROPERTIES: Final = (
    "snapshotIdentifier",
    "restoreToPointInTime",
    "kmsKeyId",
    "username",
    "dbName",
    "engineLifecycleSupport",
)


@dataclass(frozen=True, kw_only=True)
class DatabaseArgs:
    settings: Settings
    account: Account
    keys: Keys
    network: Network
    topics: Topics
    operations: Operations


class Database(Component):
    """`bulwark:index:Database`: the primary `{name}`, its replicas `{name}-replica-1` and so on.

    Children beside them: `{name}-{log}` log groups, `{name}-monitoring` role, `{name}-server` and
    `{name}-fence` security groups, subnet group, parameter group, password, secret and backup
    replication `{name}`, event subscriptions `{name}-{events}`, and the rotation `{name}-rotation`.
    """

    def __init__(
        self, name: str, *, args: DatabaseArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("Database", name, settings=args.settings, opts=opts)
        self._args = args
        self._database_settings = args.settings.database
        self.identifier = args.settings.database_identifier
        self.port = self._database_settings.port
        self.replica_identifiers = tuple(
            f"{self.identifier}-replica-{number}"
            for number in range(1, self._database_settings.replicas + 1)
        )
        self._security_group = create_security_group(
            self, "server", description="The database", vpc_id=args.network.vpc_id
        )
        for cidr in self._database_settings.allowed_cidrs:
            allow_inbound(
                self,
                f"clients-{cidr}",
                server_group_id=self._security_group.id,
                cidr=str(cidr),
                port=self.port,
            )
        # Without a rule: `ops recover promote` gives it to the instance that is replaced.
        fence_group = create_security_group(
            self,
            "fence",
            description="A replaced database, which nobody may reach",
            vpc_id=args.network.vpc_id,
        )
        self._parameter_group = self._create_parameter_group()
        self._monitoring_role = self._create_monitoring_role()
        self.log_groups: list[Output[str]] = []
        subnet_group = aws.rds.SubnetGroup(
            name,
            name=self.format_physical_name(name),
            description="Database subnets",
            subnet_ids=list(args.network.database_subnets.values()),
            opts=self.child_options,
        )
        primary = self._create_primary(subnet_group)
        replicas = [
            self._create_replica(primary, identifier) for identifier in self.replica_identifiers
        ]
        self.arn, self.resource_id = primary.arn, primary.resource_id
        self.security_group_id = self._security_group.id
        self.secret_arn = self._create_secret(primary)
        replication = self._replicate_backups(primary)
        rotation = Rotation(
            self.format_logical_name("rotation"),
            args=RotationArgs(
                settings=args.settings,
                account=args.account,
                keys=args.keys,
                function_name=self.format_physical_name("rotation"),
                target="database",
                identifier=self.identifier,
                target_arn=args.account.format_arn(
                    "rds", region=args.settings.region, resource=f"db:{self.identifier}"
                ),
                target_resource=primary,
                secret_arn=self.secret_arn,
                interval_days=self._database_settings.rotation_days,
                code_bucket=args.operations.bucket,
                prerequisites=[*replicas, *([replication] if replication else [])],
            ),
            opts=self.child_options,
        )
        self.rotation_function, self.rotation_log_group = rotation.function_name, rotation.log_group
        create_event_subscriptions(
            self,
            args.topics,
            instances=[instance.identifier for instance in (primary, *replicas)],
            parameter_group=self._parameter_group.name,
        )
        self.part = build_contract_part(
            DatabasePart,
            identifier=self.identifier,
            arn=self.arn,
            endpoint=primary.address,
            port=self.port,
            database=self._database_settings.name,
            admin_name=self._get_admin_name(primary),
            secret_arn=self.secret_arn,
            security_group_id=self.security_group_id,
            fence_security_group_id=fence_group.id,
            subnet_group=subnet_group.name,
            parameter_group=self._parameter_group.name,
            engine_version=self._database_settings.engine_version,
            instance_class=self._database_settings.instance_class,
            multi_az=self._database_settings.multi_az,
            performance_insights_days=(
                self._database_settings.performance_insights_days
                if self._database_settings.performance_insights
                else None
            ),
            extended_support=self._database_settings.extended_support,
            replicas=self.replica_identifiers,
            log_groups=[
                self._format_log_group_name(self.identifier, log_type)
                for log_type in self._database_settings.log_exports
            ],
            replicated_backup_arn=replication.id if replication else None,
        )
        self.register_outputs({"arn": self.arn, "secret_arn": self.secret_arn})

    def _create_primary(self, subnet_group: aws.rds.SubnetGroup) -> aws.rds.Instance:
        database_settings = self._database_settings
        self._password = generate_password(self, "password", punctuation=DATABASE_PUNCTUATION)
        return aws.rds.Instance(
            self.name,
            **self._build_shared_properties(self.identifier),
            **self._build_origin_properties(),
            **self._build_performance_properties(database_settings.primary_performance),
            kms_key_id=self._args.keys.data,
            engine="postgres",
            engine_version=database_settings.engine_version,
            engine_lifecycle_support=(
                ENROLLED if database_settings.extended_support else NOT_ENROLLED
            ),
            allow_major_version_upgrade=True,
            instance_class=database_settings.instance_class,
            password=self._password,
            db_subnet_group_name=subnet_group.name,
            network_type="IPV4",
            multi_az=database_settings.multi_az,
            backup_retention_period=database_settings.backup_days,
            backup_window=database_settings.backup_window,
            delete_automated_backups=self.settings.is_discarded("automatedBackups"),
            skip_final_snapshot=self.settings.is_discarded("database"),
            final_snapshot_identifier=create_final_snapshot_name(
                self, "database", identifier=self.identifier
            ),
            opts=self.build_protected_options(
                ignore_changes=["password", *CREATION_ONLY_PROPERTIES],
                depends_on=self._create_log_groups(self.identifier),
            ),
        )

    def _create_replica(self, primary: aws.rds.Instance, identifier: str) -> aws.rds.Instance:
        """In the primary's region and subnets: RDS takes no subnet group then, and no key, for a
        replica has its source's (API reference, CreateDBInstanceReadReplica). No final snapshot,
        which RDS cannot make of a replica, and no backups of its own."""
        return aws.rds.Instance(
            identifier.replace(self.identifier, self.name),
            **self._build_shared_properties(identifier),
            **self._build_performance_properties(self._database_settings.provisioned_performance),
            replicate_source_db=primary.identifier,
            instance_class=self._database_settings.effective_replica_class,
            skip_final_snapshot=True,
            opts=self.build_protected_options(
                ignore_changes=["kmsKeyId"], depends_on=self._create_log_groups(identifier)
            ),
        )

    def _build_shared_properties(self, identifier: str) -> dict[str, Any]:
        """The arguments that the primary and its replicas share."""
        database_settings, data_key = self._database_settings, self._args.keys.data
        has_insights = database_settings.performance_insights
        return {
            "identifier": identifier,
            "storage_type": "gp3",
            "storage_encrypted": True,
            "max_allocated_storage": database_settings.max_storage_gb or None,
            "port": database_settings.port,
            "publicly_accessible": False,
            "vpc_security_group_ids": [self._security_group.id],
            "parameter_group_name": self._parameter_group.name,
            "ca_cert_identifier": database_settings.ca,
            "iam_database_authentication_enabled": database_settings.iam_authentication,
            "enabled_cloudwatch_logs_exports": list(database_settings.log_exports),
            "monitoring_interval": database_settings.monitoring_seconds,
            "monitoring_role_arn": self._monitoring_role.arn if self._monitoring_role else None,
            "performance_insights_enabled": has_insights,
            "performance_insights_retention_period": (
                database_settings.performance_insights_days if has_insights else None
            ),
            "performance_insights_kms_key_id": data_key if has_insights else None,
            "database_insights_mode": database_settings.database_insights,
            "maintenance_window": database_settings.maintenance_window,
            "auto_minor_version_upgrade": database_settings.auto_minor_upgrade,
            "apply_immediately": database_settings.apply_immediately,
            "copy_tags_to_snapshot": True,
            "deletion_protection": self.settings.protect,
        }

    def _build_performance_properties(self, performance: tuple[int, int] | None) -> dict[str, Any]:
        """IOPS and MiB/s of gp3, or neither."""
        iops, throughput = performance or (None, None)
        return {"iops": iops, "storage_throughput": throughput}

    def _build_origin_properties(self) -> dict[str, Any]:
        """Builds the origin of a database: new, or from a backup, which sets its size."""
        database_settings, restore_source = (
            self._database_settings,
            self._database_settings.restore_from,
        )
        if restore_source is None:
            return {
                "allocated_storage": database_settings.storage_gb,
                "db_name": database_settings.name,
                "username": database_settings.admin_name,
            }
        if restore_source.snapshot:
            return {"snapshot_identifier": restore_source.snapshot}
        is_latest = restore_source.time == "latest"
        return {
            "restore_to_point_in_time": {
                "source_db_instance_identifier": restore_source.instance,
                "source_db_instance_automated_backups_arn": restore_source.automated_backup_arn,
                "source_dbi_resource_id": restore_source.resource_id,
                "use_latest_restorable_time": True if is_latest else None,
                "restore_time": None if is_latest else restore_source.time,
            }
        }

    def _get_admin_name(self, primary: aws.rds.Instance) -> Output[str]:
        """The master user: that of the backup where there was one."""
        return primary.username.apply(
            lambda username: username or self._database_settings.admin_name
        )

    def _create_secret(self, primary: aws.rds.Instance) -> Output[str]:
        content: dict[str, Input[str] | Input[int]] = {
            "engine": "postgres",
            "host": primary.address,
            "port": self.port,
            "dbname": self._database_settings.name,
            "username": self._get_admin_name(primary),
            "password": self._password,
        }
        return create_secret(
            self,
            "credentials",
            description=f"Credentials of {self.identifier}",
            content=content,
            kms_key=self._args.keys.data,
            account=self._args.account,
        )

    def _create_parameter_group(self) -> aws.rds.ParameterGroup:
        """Named by its major version and a suffix: an upgrade needs the new one beside the old."""
        major_version = self._database_settings.major_version
        return aws.rds.ParameterGroup(
            self.name,
            name_prefix=f"{self.identifier}-{major_version}-",
            family=f"postgres{major_version}",
            description=self.identifier,
            parameters=[
                {
                    "name": parameter.name,
                    "value": parameter.value,
                    "apply_method": parameter.apply_method,
                }
                for parameter in build_database_parameters(self._database_settings)
            ],
            opts=self.child_options,
        )

    def _create_monitoring_role(self) -> aws.iam.Role | None:
        if not self._database_settings.monitoring_seconds:
            return None
        account, region = self._args.account, self.settings.region
        return create_service_role(
            self,
            "monitoring",
            service="monitoring.rds.amazonaws.com",
            account=account,
            statements=(),
            managed_policies=["service-role/AmazonRDSEnhancedMonitoringRole"],
            # The replicas, and what a restore makes beside the primary, begin alike.
            source_arn=account.format_arn("rds", region=region, resource=f"db:{self.identifier}*"),
        )

    def _format_log_group_name(self, identifier: str, log_type: str) -> str:
        return f"/aws/rds/instance/{identifier}/{log_type}"

    def _create_log_groups(self, identifier: str) -> list[aws.cloudwatch.LogGroup]:
        """Creates the log groups of RDS first: RDS would create them without key and retention."""
        replica_suffix = identifier.removeprefix(self.identifier).strip("-")
        groups = [
            create_log_group(
                self,
                "-".join(filter(None, (replica_suffix, log_type))),
                name=self._format_log_group_name(identifier, log_type),
                kms_key=self._args.keys.logs,
            )
            for log_type in self._database_settings.log_exports
        ]
        self.log_groups += [group.name for group in groups]
        return groups

    def _replicate_backups(
        self, primary: aws.rds.Instance
    ) -> aws.rds.InstanceAutomatedBackupsReplication | None:
        """Replicates automated backups to the recovery region. Its id is their ARN there."""
        if not self.settings.replicates_database_backups:
            return None
        return aws.rds.InstanceAutomatedBackupsReplication(
            self.name,
            source_db_instance_arn=primary.arn,
            kms_key_id=self._args.keys.recovery,
            retention_period=self._database_settings.cross_region_backup_days,
            region=self.settings.recovery_region,
            # Replication is one per instance: the end of the old one would end the new one too.
            opts=self.build_child_options(delete_before_replace=True),
        )
