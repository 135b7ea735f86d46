"""What compute leans on, as stand-ins: other components' outputs, without their resources."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypedDict, cast

import pulumi
import pulumi_aws as aws
from pulumi import Output
from pydantic import JsonValue

from components.account import Account
from components.alarms import Alarms
from components.cache import Cache
from components.database import Database
from components.fleet import Fleet, FleetArgs
from components.keys import Keys, KeysArgs
from components.load_balancer import LoadBalancer, LoadBalancerTarget
from components.network import Network
from components.services import Services, ServicesArgs
from components.settings import Settings
from components.topics import Topics, TopicsArgs
from sandbox.program import ResourceGraph, remove_secret_marks
from tests.conftest import Build
from tests.world import build_settings

REGION, ACCOUNT_ID = "eu-north-1", "123456789012"
DATABASE_SECRET_ARN = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT_ID}:secret:test-database-a1b2c3"
CACHE_SECRET_ARN = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT_ID}:secret:test-cache-d4e5f6"


class ComponentStandIn(pulumi.ComponentResource):
    """A component that has just the attributes it is given."""

    def __init__(self, name: str, **attributes: Any) -> None:
        super().__init__("test:index:StandIn", name)
        for key, value in attributes.items():
            setattr(self, key, value)


class ComputeArgs(TypedDict):
    """The arguments that the services and the fleet have in common."""

    settings: Settings
    account: Account
    keys: Keys
    network: Network
    load_balancer: LoadBalancer
    database: Database
    cache: Cache | None


@dataclass(frozen=True)
class StackNeighbours:
    """The other components of a stack with these settings."""

    settings: Settings
    alarms_by_service: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def build_fleet(self, deployed_version: str | None = None) -> Fleet:
        """The fleet among its neighbours."""
        compute_args = self._build_compute_args()
        topics = Topics(
            "topics",
            args=TopicsArgs(
                settings=self.settings,
                account=compute_args["account"],
                keys=compute_args["keys"],
            ),
        )
        args = FleetArgs(**compute_args, topics=topics, deployed_version=deployed_version)
        return Fleet("fleet", args=args)

    def build_services(self) -> Services:
        """The services among their neighbours."""
        alarms = ComponentStandIn("alarms", deployment_alarms=self.alarms_by_service)
        return Services(
            "services",
            args=ServicesArgs(**self._build_compute_args(), alarms=cast(Alarms, alarms)),
        )

    def _build_compute_args(self) -> ComputeArgs:
        account = Account.get_current()
        keys = Keys("keys", args=KeysArgs(settings=self.settings, account=account))
        network = ComponentStandIn(
            "network",
            vpc_id=Output.from_input("vpc-0123456789abcdef0"),
            private_subnets={
                zone: Output.from_input(f"subnet-0123456789abcde{zone}0")
                for zone in self.settings.network.zones
            },
        )
        database, cache = self._build_stores()
        return {
            "settings": self.settings,
            "account": account,
            "keys": keys,
            "network": cast(Network, network),
            "load_balancer": self._build_load_balancer(),
            "database": database,
            "cache": cache,
        }

    def _build_load_balancer(self) -> LoadBalancer:
        arn_prefix = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT_ID}"
        rule = aws.lb.ListenerRule(
            "rule",
            listener_arn=f"{arn_prefix}:listener/app/test/0123456789abcdef/fedcba9876543210",
            actions=[{"type": "fixed-response", "fixed_response": {"content_type": "text/plain"}}],
            conditions=[{"path_pattern": {"values": ["/*"]}}],
        )
        targets = {
            name: LoadBalancerTarget(
                group_arn=Output.from_input(f"{arn_prefix}:targetgroup/{name}/73e2d6bc24d8a067"),
                group_arn_suffix=Output.from_input(f"targetgroup/{name}/73e2d6bc24d8a067"),
                rules=(rule,),
            )
            for name in self.settings.target_patterns
        }
        load_balancer = ComponentStandIn(
            "alb",
            arn_suffix=Output.from_input("app/test/50dc6c495c0c9188"),
            security_group_id=Output.from_input("sg-0123456789abcdef1"),
            targets=targets,
        )
        return cast(LoadBalancer, load_balancer)

    def _build_stores(self) -> tuple[Database, Cache | None]:
        database = ComponentStandIn(
            "database",
            secret_arn=Output.from_input(DATABASE_SECRET_ARN),
            security_group_id=Output.from_input("sg-0123456789abcdef2"),
            port=self.settings.database.port,
        )
        cache = ComponentStandIn(
            "cache",
            secret_arn=Output.from_input(CACHE_SECRET_ARN),
            security_group_id=Output.from_input("sg-0123456789abcdef3"),
            port=self.settings.cache.port,
        )
        enabled = self.settings.cache.enabled
        return cast(Database, database), cast(Cache, cache) if enabled else None


_cached_graphs: dict[str, ResourceGraph] = {}


def build_services_graph(
    build: Build,
    values: Mapping[str, JsonValue] | None = None,
    *,
    profile: str = "prod",
    alarms_by_service: Mapping[str, tuple[str, ...]] | None = None,
) -> ResourceGraph:
    """The graph of a stack's services; built once for the same settings."""
    settings = build_settings(values, profile=profile)
    key = f"services {settings.model_dump_json()} {alarms_by_service}"
    if key not in _cached_graphs:
        _cached_graphs[key] = build(
            lambda: StackNeighbours(settings, alarms_by_service or {}).build_services()
        )
    return _cached_graphs[key]


def build_fleet_graph(
    build: Build, values: Mapping[str, JsonValue] | None = None, *, profile: str = "prod"
) -> ResourceGraph:
    """The graph of a stack's fleet; built once for the same settings."""
    settings = build_settings({"compute": "fleet", **(values or {})}, profile=profile)
    key = f"fleet {settings.model_dump_json()}"
    if key not in _cached_graphs:
        _cached_graphs[key] = build(lambda: StackNeighbours(settings).build_fleet())
    return _cached_graphs[key]


def collect_part(component: Services | Fleet) -> list[Any]:
    """A list that the component's part of the contract is put into once it is known."""
    parts: list[Any] = []
    component.part.apply(lambda part: parts.append(remove_secret_marks(part)))
    return parts
