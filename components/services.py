"""The services: one ECS cluster, and each Fargate service in it."""

from dataclasses import dataclass
from typing import Any, Final

import pulumi_aws as aws
from pulumi import Output, ResourceOptions

from components.account import Account
from components.alarms import Alarms
from components.cache import Cache
from components.component import Component
from components.contract import build_contract_part
from components.database import Database
from components.keys import Keys
from components.load_balancer import LoadBalancer
from components.logs import create_log_group
from components.network import Network
from components.service import Service, ServiceArgs, compute_capacity_shares
from components.settings import Settings
from ops.outputs import ServicesPart

CAPACITY_PROVIDERS: Final = ("FARGATE", "FARGATE_SPOT")


@dataclass(frozen=True, kw_only=True)
class ServicesArgs:
    settings: Settings
    account: Account
    keys: Keys
    network: Network
    load_balancer: LoadBalancer | None
    database: Database
    cache: Cache | None
    alarms: Alarms


class Services(Component):
    """`bulwark:index:Services`: the cluster and its services.

    Children: the cluster and its capacity providers `{name}`, the log groups `{name}-exec` (where
    ECS Exec is on) and `{name}-insights`, and a `Service` called `{name}-{service}` for each.
    """

    def __init__(
        self, name: str, *, args: ServicesArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("Services", name, settings=args.settings, opts=opts)
        self._args = args
        self._exec_log_group = self._create_exec_log_group()
        self.cluster = self._create_cluster()
        providers = aws.ecs.ClusterCapacityProviders(
            name,
            cluster_name=self.cluster.name,
            capacity_providers=list(CAPACITY_PROVIDERS),
            default_capacity_provider_strategies=[
                {"capacity_provider": provider, "base": base, "weight": weight}
                for provider, base, weight in compute_capacity_shares(
                    args.settings.cluster.spot_share
                )
            ],
            opts=self.child_options,
        )
        self.services = {
            service: Service(
                self.format_logical_name(service),
                args=ServiceArgs(
                    settings=args.settings,
                    account=args.account,
                    keys=args.keys,
                    network=args.network,
                    load_balancer=args.load_balancer,
                    database=args.database,
                    cache=args.cache,
                    cluster=self.cluster,
                    exec_log_group=self._exec_log_group,
                    service=service,
                    alarm_names=args.alarms.deployment_alarms.get(service, ()),
                    prerequisites=[providers, args.alarms],  # ECS refuses alarms that are not there
                ),
                opts=self.child_options,
            )
            for service in args.settings.services
        }
        self.part: Output[dict[str, Any]] = build_contract_part(
            ServicesPart,
            cluster=self.cluster.name,
            cluster_arn=self.cluster.arn,
            services={service: component.part for service, component in self.services.items()},
        )
        self.register_outputs({"cluster": self.cluster.name})

    def _create_exec_log_group(self) -> aws.cloudwatch.LogGroup | None:
        """Where what is typed and shown in ECS Exec is kept."""
        if not self.settings.cluster.exec:
            return None
        log_group_name = f"/{self.settings.project}/{self.settings.stack}/exec"
        return create_log_group(self, "exec", name=log_group_name, kms_key=self._args.keys.logs)

    def _create_cluster(self) -> aws.ecs.Cluster:
        settings, dependencies = self.settings, []
        if settings.cluster.container_insights != "disabled":
            # ECS would make it by itself, without our key, tags and retention.
            log_group_name = f"/aws/ecs/containerinsights/{settings.cluster_name}/performance"
            dependencies = [
                create_log_group(
                    self, "insights", name=log_group_name, kms_key=self._args.keys.logs
                )
            ]
        return aws.ecs.Cluster(
            self.name,
            name=settings.cluster_name,
            settings=[{"name": "containerInsights", "value": settings.cluster.container_insights}],
            configuration=self._build_exec_configuration(),
            opts=self.build_child_options(depends_on=dependencies),
        )

    def _build_exec_configuration(self) -> aws.ecs.ClusterConfigurationArgsDict | None:
        if self._exec_log_group is None:
            return None
        logs_key = self._args.keys.logs
        configuration: aws.ecs.ClusterConfigurationExecuteCommandConfigurationArgsDict = {
            "logging": "OVERRIDE",
            "log_configuration": {
                "cloud_watch_log_group_name": self._exec_log_group.name,
                "cloud_watch_encryption_enabled": logs_key is not None,
            },
        }
        if logs_key is not None:
            configuration["kms_key_id"] = logs_key
        return {"execute_command_configuration": configuration}
