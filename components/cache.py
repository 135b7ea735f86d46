"""The cache: a Valkey or Redis replication group on ElastiCache."""

from dataclasses import dataclass
from typing import Final

import pulumi_aws as aws
from pulumi import Alias, Output, ResourceOptions

from components.account import Account
from components.component import Component
from components.contract import build_contract_part
from components.final_snapshot import create_final_snapshot_name
from components.firewall import create_security_group
from components.keys import Keys
from components.logs import create_log_group
from components.network import Network
from components.operations import Operations
from components.rotation import Rotation, RotationArgs
from components.secret import create_secret, generate_password
from components.settings import Settings
from components.settings.cache import list_parameter_group_families
from ops.outputs import CachePart

# ElastiCache takes no more punctuation in an AUTH token than ! & # $ ^ < > -
CACHE_PUNCTUATION: Final = "-"
# The name begins so that CloudWatch Logs need not list it in the account's one resource policy,
# which has room for about ten groups ("Logs sent to CloudWatch Logs").
CACHE_LOG_GROUP_FORMAT: Final = "/aws/vendedlogs/elasticache/{identifier}/{log}"
CACHE_LOG_TYPES: Final = ("slow-log", "engine-log")


@dataclass(frozen=True, kw_only=True)
class CacheArgs:
    """No topics: ElastiCache publishes to no encrypted topic; alarms watch the cache instead."""

    settings: Settings
    account: Account
    keys: Keys
    network: Network
    operations: Operations


class Cache(Component):
    """`bulwark:index:Cache`: one shard with its replicas, encrypted both ways, with a token.

    Children: replication group and subnet group `{name}`, a parameter group `{name}-{family}` for
    each family, security group `{name}-server`, log groups `{name}-slow-log` and
    `{name}-engine-log`, `{name}-token`, `{name}-credentials`, and the rotation `{name}-rotation`.
    """

    def __init__(self, name: str, *, args: CacheArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("Cache", name, settings=args.settings, opts=opts)
        self._args = args
        self._cache_settings = args.settings.cache
        self.identifier = args.settings.cache_identifier
        self.port = self._cache_settings.port
        server_group = create_security_group(
            self, "server", description="The cache", vpc_id=args.network.vpc_id
        )
        self.security_group_id = server_group.id
        self._token = generate_password(self, "token", punctuation=CACHE_PUNCTUATION)
        replication_group = self._create_replication_group(server_group)
        self.secret_arn = self._create_secret(replication_group)
        rotation = Rotation(
            self.format_logical_name("rotation"),
            args=RotationArgs(
                settings=args.settings,
                account=args.account,
                keys=args.keys,
                function_name=self.format_physical_name("cache", "rotation"),
                target="cache",
                identifier=self.identifier,
                target_arn=args.account.format_arn(
                    "elasticache",
                    region=args.settings.region,
                    resource=f"replicationgroup:{self.identifier}",
                ),
                target_resource=replication_group,
                secret_arn=self.secret_arn,
                interval_days=self._cache_settings.rotation_days,
                code_bucket=args.operations.bucket,
                prerequisites=[],
            ),
            opts=self.child_options,
        )
        self.rotation_function, self.rotation_log_group = rotation.function_name, rotation.log_group
        self.part = build_contract_part(
            CachePart,
            identifier=self.identifier,
            arn=replication_group.arn,
            engine=self._cache_settings.engine,
            engine_version=self._cache_settings.version,
            primary_endpoint=replication_group.primary_endpoint_address,
            reader_endpoint=replication_group.reader_endpoint_address,
            port=self.port,
            secret_arn=self.secret_arn,
            security_group_id=self.security_group_id,
        )
        self.register_outputs({"arn": replication_group.arn, "secret_arn": self.secret_arn})

    def _create_replication_group(
        self, server_group: aws.ec2.SecurityGroup
    ) -> aws.elasticache.ReplicationGroup:
        cache_settings = self._cache_settings
        has_snapshots = cache_settings.snapshot_days > 0
        parameter_groups = self._create_parameter_groups()
        return aws.elasticache.ReplicationGroup(
            self.name,
            replication_group_id=self.identifier,
            description=f"Cache of {self.settings.prefix}",
            engine=cache_settings.engine,
            engine_version=cache_settings.version,
            node_type=cache_settings.node_type,
            num_cache_clusters=1 + cache_settings.replicas,
            automatic_failover_enabled=cache_settings.has_failover,
            multi_az_enabled=cache_settings.has_failover,
            port=cache_settings.port,
            network_type="ipv4",
            ip_discovery="ipv4",
            subnet_group_name=self._create_subnet_group().name,
            security_group_ids=[server_group.id],
            parameter_group_name=parameter_groups[cache_settings.parameter_group_family].name,
            at_rest_encryption_enabled=True,
            kms_key_id=self._args.keys.data,
            transit_encryption_enabled=True,
            transit_encryption_mode="required",
            auth_token=self._token,
            auth_token_update_strategy="ROTATE",  # noqa: S106
            snapshot_retention_limit=cache_settings.snapshot_days,
            snapshot_window=cache_settings.snapshot_window if has_snapshots else None,
            final_snapshot_identifier=create_final_snapshot_name(
                self, "cache", identifier=self.identifier
            ),
            maintenance_window=cache_settings.maintenance_window,
            auto_minor_version_upgrade=cache_settings.auto_minor_upgrade,
            apply_immediately=cache_settings.apply_immediately,
            log_delivery_configurations=[
                {
                    "destination": self._create_log_group(log_type),
                    "destination_type": "cloudwatch-logs",
                    "log_format": "json",
                    "log_type": log_type,
                }
                for log_type in CACHE_LOG_TYPES
            ],
            opts=self.build_protected_options(ignore_changes=["authToken"]),
        )

    def _create_log_group(self, log_type: str) -> Output[str]:
        name = CACHE_LOG_GROUP_FORMAT.format(identifier=self.identifier, log=log_type)
        return create_log_group(self, log_type, name=name, kms_key=self._args.keys.logs).name

    def _create_subnet_group(self) -> aws.elasticache.SubnetGroup:
        return aws.elasticache.SubnetGroup(
            self.name,
            name=self.identifier,
            description="Private subnets",
            subnet_ids=list(self._args.network.private_subnets.values()),
            opts=self.child_options,
        )

    def _create_parameter_groups(self) -> dict[str, aws.elasticache.ParameterGroup]:
        """One of each family, which cost nothing: whatever version the cache goes to, the group
        that it uses until the maintenance window stays, and ElastiCache refuses to delete it."""
        current_family = self._cache_settings.parameter_group_family
        return {
            family: aws.elasticache.ParameterGroup(
                self.format_logical_name(family.replace(".", "-")),
                name=f"{self.identifier}-{family.replace('.', '-')}",
                family=family,
                description=self.identifier,
                parameters=[{"name": "maxmemory-policy", "value": self._cache_settings.eviction}],
                opts=self.build_child_options(
                    aliases=[Alias(name=self.name)] if family == current_family else None
                ),
            )
            for family in list_parameter_group_families()
        }

    def _create_secret(self, replication_group: aws.elasticache.ReplicationGroup) -> Output[str]:
        return create_secret(
            self,
            "credentials",
            description=f"AUTH token of {self.identifier}",
            content={
                "host": replication_group.primary_endpoint_address,
                "reader_host": replication_group.reader_endpoint_address,
                "port": self.port,
                "token": self._token,
            },
            kms_key=self._args.keys.data,
            account=self._args.account,
        )
