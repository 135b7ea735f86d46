"""The database: PostgreSQL on RDS, with what it needs around it, and its read replicas."""

from dataclasses import dataclass
from typing import Any, Final

import pulumi_aws as aws
from pulumi import Input, Output, Resource, ResourceOptions

from components.account import Account
from components.component import Component
from components.contract import contract
from components.database_events import subscribe
from components.database_parameters import parameters
from components.firewall import security_group
from components.keys import Keys
from components.logs import log_group
from components.network import Network
from components.operations import Operations
from components.policies import service_role
from components.rotation import Rotation, RotationArgs
from components.secret import generated, secret
from components.settings import Settings
from components.topics import Topics
from ops.outputs import DatabasePart

# What the first password may have beside letters and digits: RDS refuses / " @ and spaces, and
# these need no quoting in a URL.
PUNCTUATION: Final = "-_"
# What only counts at birth. Ignored, so that `restoreFrom` can be removed later, and so that no
# change of these settings ever replaces a database: a new key or name takes a restore.
AT_BIRTH: Final = (
    "snapshotIdentifier",
    "restoreToPointInTime",
    "kmsKeyId",
    "username",
    "dbName",
)


@dataclass(frozen=True)
class DatabaseArgs:
    settings: Settings
    account: Account
    keys: Keys
    network: Network
    topics: Topics
    operations: Operations


class Database(Component):
    """`bulwark:index:Database`: the primary `{name}`, its replicas `{name}-replica-1` and so on.

    Children beside them: `{name}-{log}` log groups, `{name}-monitoring` role, `{name}-server`
    security group, subnet group, parameter group, password, secret and backup replication
    `{name}`, event subscriptions `{name}-{events}`, and the rotation `{name}-rotation`.
    """

    def __init__(self, name: str, args: DatabaseArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("Database", name, args.settings, opts)
        self._args = args
        self._own = args.settings.database
        self.identifier = args.settings.database_identifier
        self.port = self._own.port
        self.replica_identifiers = tuple(
            f"{self.identifier}-replica-{number}" for number in range(1, self._own.replicas + 1)
        )
        self._group = security_group(self, "server", "The database", args.network.vpc_id)
        self._parameters = self._parameter_group()
        self._monitoring = self._monitoring_role()
        subnets = aws.rds.SubnetGroup(
            name,
            name=self.physical(name),
            description="Database subnets",
            subnet_ids=list(args.network.database_subnets.values()),
            opts=self.child,
        )
        primary = self._primary(subnets)
        replicas = [self._replica(primary, identifier) for identifier in self.replica_identifiers]
        self.arn, self.resource_id = primary.arn, primary.resource_id
        self.security_group_id = self._group.id
        self.secret_arn = self._secret(primary)
        rotation = Rotation(
            self.key("rotation"),
            RotationArgs(
                settings=args.settings,
                account=args.account,
                keys=args.keys,
                function_name=self.physical("rotation"),
                target="database",
                identifier=self.identifier,
                arn=args.account.arn("rds", args.settings.region, f"db:{self.identifier}"),
                secret=self.secret_arn,
                days=self._own.rotation_days,
                code_bucket=args.operations.bucket,
                ready=[primary, *replicas],
            ),
            self.child,
        )
        self.rotation_function = rotation.function_name
        subscribe(
            self,
            args.topics,
            instances=[instance.identifier for instance in (primary, *replicas)],
            parameter_group=self._parameters.name,
        )
        self.part = contract(
            DatabasePart,
            identifier=self.identifier,
            arn=self.arn,
            endpoint=primary.address,
            port=self.port,
            database=self._own.name,
            admin_name=self._admin(primary),
            secret_arn=self.secret_arn,
            security_group_id=self.security_group_id,
            subnet_group=subnets.name,
            parameter_group=self._parameters.name,
            engine_version=self._own.engine_version,
            instance_class=self._own.instance_class,
            multi_az=self._own.multi_az,
            replicas=self.replica_identifiers,
            log_groups=[
                self._log_name(self.identifier, export) for export in self._own.log_exports
            ],
            replicated_backup_arn=self._replicated_backups(primary),
        )
        self.register_outputs({"arn": self.arn, "secret_arn": self.secret_arn})

    def _primary(self, subnets: aws.rds.SubnetGroup) -> aws.rds.Instance:
        own, settings = self._own, self.settings
        self._password = generated(self, "password", PUNCTUATION)
        return aws.rds.Instance(
            self.name,
            **self._shared(self.identifier),
            **self._origin(),
            engine="postgres",
            engine_version=own.engine_version,
            allow_major_version_upgrade=True,
            instance_class=own.instance_class,
            password=self._password,
            db_subnet_group_name=subnets.name,
            network_type="IPV4",
            multi_az=own.multi_az,
            backup_retention_period=own.backup_days,
            backup_window=own.backup_window,
            delete_automated_backups=not settings.protect,
            skip_final_snapshot=not settings.protect,
            final_snapshot_identifier=f"{self.identifier}-final" if settings.protect else None,
            opts=self.guarded(
                ignore_changes=["password", *AT_BIRTH], depends_on=self._logs(self.identifier)
            ),
        )

    def _replica(self, primary: aws.rds.Instance, identifier: str) -> aws.rds.Instance:
        """In the primary's region and subnets: RDS takes no subnet group then. No final snapshot,
        which RDS cannot make of a replica, and no backups of its own."""
        return aws.rds.Instance(
            identifier.replace(self.identifier, self.name),
            **self._shared(identifier),
            replicate_source_db=primary.identifier,
            instance_class=self._own.replicas_class,
            skip_final_snapshot=True,
            opts=self.guarded(ignore_changes=["kmsKeyId"], depends_on=self._logs(identifier)),
        )

    def _shared(self, identifier: str) -> dict[str, Any]:
        """What the primary and its replicas have in common."""
        own, key = self._own, self._args.keys.data
        iops, throughput = own.provisioned or (None, None)
        insights = own.performance_insights
        return {
            "identifier": identifier,
            "storage_type": "gp3",
            "storage_encrypted": True,
            "kms_key_id": key,
            "max_allocated_storage": own.max_storage_gb or None,
            "iops": iops,
            "storage_throughput": throughput,
            "port": own.port,
            "publicly_accessible": False,
            "vpc_security_group_ids": [self._group.id],
            "parameter_group_name": self._parameters.name,
            "ca_cert_identifier": own.ca,
            "iam_database_authentication_enabled": own.iam_authentication,
            "enabled_cloudwatch_logs_exports": list(own.log_exports),
            "monitoring_interval": own.monitoring_seconds,
            "monitoring_role_arn": self._monitoring.arn if self._monitoring else None,
            "performance_insights_enabled": insights,
            "performance_insights_retention_period": (
                own.performance_insights_days if insights else None
            ),
            "performance_insights_kms_key_id": key if insights else None,
            "database_insights_mode": own.database_insights,
            "maintenance_window": own.maintenance_window,
            "auto_minor_version_upgrade": own.auto_minor_upgrade,
            "apply_immediately": own.apply_immediately,
            "copy_tags_to_snapshot": True,
            "deletion_protection": self.settings.protect,
        }

    def _origin(self) -> dict[str, Any]:
        """A new database, or one from a backup, which says itself how large it is and whose."""
        own, source = self._own, self._own.restore_from
        if source is None:
            return {
                "allocated_storage": own.storage_gb,
                "db_name": own.name,
                "username": own.admin_name,
            }
        if source.snapshot:
            return {"snapshot_identifier": source.snapshot}
        latest = source.time == "latest"
        return {
            "restore_to_point_in_time": {
                "source_db_instance_identifier": source.instance,
                "source_db_instance_automated_backups_arn": source.automated_backup_arn,
                "source_dbi_resource_id": source.resource_id,
                "use_latest_restorable_time": True if latest else None,
                "restore_time": None if latest else source.time,
            }
        }

    def _admin(self, primary: aws.rds.Instance) -> Output[str]:
        """The master user: that of the backup where there was one."""
        return primary.username.apply(lambda known: known or self._own.admin_name)

    def _secret(self, primary: aws.rds.Instance) -> Output[str]:
        content: dict[str, Input[str] | Input[int]] = {
            "engine": "postgres",
            "host": primary.address,
            "port": self.port,
            "dbname": self._own.name,
            "username": self._admin(primary),
            "password": self._password,
        }
        return secret(
            self,
            "credentials",
            f"Credentials of {self.identifier}",
            content,
            self._args.keys.data,
        )

    def _parameter_group(self) -> aws.rds.ParameterGroup:
        """Named by its major version and a suffix: an upgrade needs the new one beside the old."""
        major = self._own.major
        return aws.rds.ParameterGroup(
            self.name,
            name_prefix=f"{self.identifier}-{major}-",
            family=f"postgres{major}",
            description=self.identifier,
            parameters=[
                {"name": p.name, "value": p.value, "apply_method": p.apply_method}
                for p in parameters(self._own)
            ],
            opts=self.child,
        )

    def _monitoring_role(self) -> aws.iam.Role | None:
        if not self._own.monitoring_seconds:
            return None
        account, region = self._args.account, self.settings.region
        return service_role(
            self,
            "monitoring",
            "monitoring.rds.amazonaws.com",
            (),
            managed=["service-role/AmazonRDSEnhancedMonitoringRole"],
            conditions={
                "StringEquals": {"aws:SourceAccount": account.id},
                # The replicas, and what a restore makes beside the primary, begin alike.
                "StringLike": {
                    "aws:SourceArn": account.arn("rds", region, f"db:{self.identifier}*")
                },
            },
        )

    def _log_name(self, identifier: str, export: str) -> str:
        return f"/aws/rds/instance/{identifier}/{export}"

    def _logs(self, identifier: str) -> list[Resource]:
        """The log groups that RDS writes to, made before it makes them without key and end."""
        what = identifier.removeprefix(self.identifier).strip("-")
        return [
            log_group(
                self,
                "-".join(filter(None, (what, export))),
                self._log_name(identifier, export),
                self._args.keys.logs,
            )
            for export in self._own.log_exports
        ]

    def _replicated_backups(self, primary: aws.rds.Instance) -> Output[str] | None:
        """Automated backups in the recovery region too; the ARN that a restore there names."""
        if not self.settings.replicates_database_backups:
            return None
        return aws.rds.InstanceAutomatedBackupsReplication(
            self.name,
            source_db_instance_arn=primary.arn,
            kms_key_id=self._args.keys.recovery,
            retention_period=self._own.cross_region_backup_days,
            region=self.settings.recovery_region,
            opts=self.child,
        ).id
