"""The services: one ECS cluster, and each Fargate service in it."""

from dataclasses import dataclass
from typing import Any, Final

import pulumi_aws as aws
from pulumi import Output, ResourceOptions

from components.account import Account
from components.alarms import Alarms
from components.cache import Cache
from components.component import Component
from components.contract import contract
from components.database import Database
from components.keys import Keys
from components.load_balancer import LoadBalancer
from components.logs import log_group
from components.network import Network
from components.service import Service, ServiceArgs, shares
from components.settings import Settings
from ops.outputs import ServicesPart

PROVIDERS: Final = ("FARGATE", "FARGATE_SPOT")


@dataclass(frozen=True)
class ServicesArgs:
    settings: Settings
    account: Account
    keys: Keys
    network: Network
    load_balancer: LoadBalancer
    database: Database
    cache: Cache | None
    alarms: Alarms


class Services(Component):
    """`bulwark:index:Services`: the cluster and its services.

    Children: the cluster and its capacity providers `{name}`, the log groups `{name}-exec` (where
    ECS Exec is on) and `{name}-insights`, and a `Service` called `{name}-{service}` for each.
    """

    def __init__(self, name: str, args: ServicesArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("Services", name, args.settings, opts)
        self._args = args
        self._exec_log = self._exec_log_group()
        self.cluster = self._cluster()
        providers = aws.ecs.ClusterCapacityProviders(
            name,
            cluster_name=self.cluster.name,
            capacity_providers=list(PROVIDERS),
            default_capacity_provider_strategies=[
                {"capacity_provider": provider, "base": base, "weight": weight}
                for provider, base, weight in shares(args.settings.cluster.spot_share)
            ],
            opts=self.child,
        )
        self.services = {
            service: Service(
                self.key(service),
                ServiceArgs(
                    settings=args.settings,
                    account=args.account,
                    keys=args.keys,
                    network=args.network,
                    load_balancer=args.load_balancer,
                    database=args.database,
                    cache=args.cache,
                    cluster=self.cluster,
                    exec_log_group=self._exec_log,
                    service=service,
                    alarms=args.alarms.deployment_alarms.get(service, ()),
                    after=[providers, args.alarms],  # ECS refuses alarms that are not there
                ),
                self.child,
            )
            for service in args.settings.services
        }
        self.part: Output[dict[str, Any]] = contract(
            ServicesPart,
            cluster=self.cluster.name,
            cluster_arn=self.cluster.arn,
            services={service: made.part for service, made in self.services.items()},
        )
        self.register_outputs({"cluster": self.cluster.name})

    def _exec_log_group(self) -> aws.cloudwatch.LogGroup | None:
        """Where what is typed and shown in ECS Exec is kept."""
        if not self.settings.cluster.exec:
            return None
        name = f"/{self.settings.project}/{self.settings.stack}/exec"
        return log_group(self, "exec", name, self._args.keys.logs)

    def _cluster(self) -> aws.ecs.Cluster:
        settings, after = self.settings, []
        if settings.cluster.container_insights != "disabled":
            # ECS would make it by itself, without our key, tags and retention.
            path = f"/aws/ecs/containerinsights/{settings.cluster_name}/performance"
            after = [log_group(self, "insights", path, self._args.keys.logs)]
        return aws.ecs.Cluster(
            self.name,
            name=settings.cluster_name,
            settings=[{"name": "containerInsights", "value": settings.cluster.container_insights}],
            configuration=self._exec_configuration(),
            opts=self.options(depends_on=after),
        )

    def _exec_configuration(self) -> aws.ecs.ClusterConfigurationArgsDict | None:
        if self._exec_log is None:
            return None
        key = self._args.keys.logs
        command: aws.ecs.ClusterConfigurationExecuteCommandConfigurationArgsDict = {
            "logging": "OVERRIDE",
            "log_configuration": {
                "cloud_watch_log_group_name": self._exec_log.name,
                "cloud_watch_encryption_enabled": key is not None,
            },
        }
        if key is not None:
            command["kms_key_id"] = key
        return {"execute_command_configuration": command}
