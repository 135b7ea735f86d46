"""The cache: a Valkey or Redis replication group on ElastiCache."""

from dataclasses import dataclass
from typing import Final

import pulumi_aws as aws
from pulumi import Output, ResourceOptions

from components.account import Account
from components.component import Component
from components.contract import contract
from components.firewall import security_group
from components.keys import Keys
from components.logs import log_group
from components.network import Network
from components.operations import Operations
from components.rotation import Rotation, RotationArgs
from components.secret import generated, secret
from components.settings import Settings
from components.topics import Topics
from ops.outputs import CachePart

# ElastiCache takes no more punctuation in an AUTH token than ! & # $ ^ < > -
PUNCTUATION: Final = "-"
# The name begins so that CloudWatch Logs need not list it in the account's one resource policy,
# which has room for about ten groups ("Logs sent to CloudWatch Logs").
LOG_GROUP: Final = "/aws/vendedlogs/elasticache/{identifier}/{log}"
LOGS: Final = ("slow-log", "engine-log")


@dataclass(frozen=True)
class CacheArgs:
    """`topics` stay unused: ElastiCache publishes to no encrypted topic; alarms watch it."""

    settings: Settings
    account: Account
    keys: Keys
    network: Network
    topics: Topics
    operations: Operations


class Cache(Component):
    """`bulwark:index:Cache`: one shard with its replicas, encrypted both ways, with a token.

    Children: replication group, subnet group and parameter group `{name}`, security group
    `{name}-server`, log groups `{name}-slow-log` and `{name}-engine-log`, `{name}-token`,
    `{name}-credentials`, and the rotation `{name}-rotation`.
    """

    def __init__(self, name: str, args: CacheArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("Cache", name, args.settings, opts)
        self._args = args
        self._own = args.settings.cache
        self.identifier = args.settings.cache_identifier
        self.port = self._own.port
        server = security_group(self, "server", "The cache", args.network.vpc_id)
        self.security_group_id = server.id
        self._token = generated(self, "token", PUNCTUATION)
        group = self._replication_group(server)
        self.secret_arn = self._secret(group)
        rotation = Rotation(
            self.key("rotation"),
            RotationArgs(
                settings=args.settings,
                account=args.account,
                keys=args.keys,
                function_name=self.physical("cache", "rotation"),
                target="cache",
                identifier=self.identifier,
                arn=args.account.arn(
                    "elasticache", args.settings.region, f"replicationgroup:{self.identifier}"
                ),
                secret=self.secret_arn,
                days=self._own.rotation_days,
                code_bucket=args.operations.bucket,
                ready=[group],
            ),
            self.child,
        )
        self.rotation_function = rotation.function_name
        self.part = contract(
            CachePart,
            identifier=self.identifier,
            arn=group.arn,
            engine=self._own.engine,
            primary_endpoint=group.primary_endpoint_address,
            reader_endpoint=group.reader_endpoint_address,
            port=self.port,
            secret_arn=self.secret_arn,
            security_group_id=self.security_group_id,
        )
        self.register_outputs({"arn": group.arn, "secret_arn": self.secret_arn})

    def _replication_group(self, server: aws.ec2.SecurityGroup) -> aws.elasticache.ReplicationGroup:
        own, protect = self._own, self.settings.protect
        kept = own.snapshot_days > 0
        return aws.elasticache.ReplicationGroup(
            self.name,
            replication_group_id=self.identifier,
            description=f"Cache of {self.settings.prefix}",
            engine=own.engine,
            engine_version=own.version,
            node_type=own.node_type,
            num_cache_clusters=1 + own.replicas,
            automatic_failover_enabled=own.failover,
            multi_az_enabled=own.failover,
            port=own.port,
            network_type="ipv4",
            ip_discovery="ipv4",
            subnet_group_name=self._subnet_group().name,
            security_group_ids=[server.id],
            parameter_group_name=self._parameter_group().name,
            at_rest_encryption_enabled=True,
            kms_key_id=self._args.keys.data,
            transit_encryption_enabled=True,
            transit_encryption_mode="required",
            auth_token=self._token,
            auth_token_update_strategy="ROTATE",  # noqa: S106
            snapshot_retention_limit=own.snapshot_days,
            snapshot_window=own.snapshot_window if kept else None,
            final_snapshot_identifier=f"{self.identifier}-final" if protect else None,
            maintenance_window=own.maintenance_window,
            auto_minor_version_upgrade=own.auto_minor_upgrade,
            apply_immediately=own.apply_immediately,
            log_delivery_configurations=[
                {
                    "destination": self._log(log),
                    "destination_type": "cloudwatch-logs",
                    "log_format": "json",
                    "log_type": log,
                }
                for log in LOGS
            ],
            opts=self.guarded(ignore_changes=["authToken"]),
        )

    def _log(self, log: str) -> Output[str]:
        name = LOG_GROUP.format(identifier=self.identifier, log=log)
        return log_group(self, log, name, self._args.keys.logs).name

    def _subnet_group(self) -> aws.elasticache.SubnetGroup:
        return aws.elasticache.SubnetGroup(
            self.name,
            name=self.identifier,
            description="Private subnets",
            subnet_ids=list(self._args.network.private_subnets.values()),
            opts=self.child,
        )

    def _parameter_group(self) -> aws.elasticache.ParameterGroup:
        """Named by its family: an upgrade needs the new one beside the old."""
        return aws.elasticache.ParameterGroup(
            self.name,
            name=f"{self.identifier}-{self._own.family.replace('.', '-')}",
            family=self._own.family,
            description=self.identifier,
            parameters=[{"name": "maxmemory-policy", "value": self._own.eviction}],
            opts=self.child,
        )

    def _secret(self, group: aws.elasticache.ReplicationGroup) -> Output[str]:
        return secret(
            self,
            "credentials",
            f"AUTH token of {self.identifier}",
            {
                "host": group.primary_endpoint_address,
                "reader_host": group.reader_endpoint_address,
                "port": self.port,
                "token": self._token,
            },
            self._args.keys.data,
        )
