"""The database and the cache among the components that they lean on; the network is a stand-in."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import cast

from pulumi import Output
from pydantic import JsonValue

from components.account import Account
from components.cache import Cache, CacheArgs
from components.database import Database, DatabaseArgs
from components.keys import Keys, KeysArgs
from components.network import Network
from components.operations import Operations
from components.settings import Settings
from components.topics import Topics, TopicsArgs
from sandbox.program import RegisteredResource, ResourceGraph, run_program
from tests.world import AwsMocks, build_settings

DATABASE_SUBNET_IDS, PRIVATE_SUBNET_IDS = (
    {zone: f"subnet-{tier}-{zone}" for zone in "abc"} for tier in ("database", "private")
)


@dataclass(frozen=True)
class DataStores:
    """What a program made."""

    database: Database
    cache: Cache | None


@dataclass
class _NetworkStandIn:
    """As much of the network as stores use."""

    vpc_id: Output[str] = field(default_factory=lambda: Output.from_input("vpc-1"))
    database_subnets: dict[str, Output[str]] = field(
        default_factory=lambda: {k: Output.from_input(v) for k, v in DATABASE_SUBNET_IDS.items()}
    )
    private_subnets: dict[str, Output[str]] = field(
        default_factory=lambda: {k: Output.from_input(v) for k, v in PRIVATE_SUBNET_IDS.items()}
    )


@dataclass
class _OperationsStandIn:
    """As much of the operations bucket as stores use."""

    bucket: Output[str] = field(default_factory=lambda: Output.from_input("bulwark-operations"))


def build_stores_graph(
    values: Mapping[str, JsonValue] | None = None, *, profile: str = "prod"
) -> ResourceGraph:
    """The graph of a database, and of a cache where the settings have one."""
    return _build_graph(json.dumps(values), profile)


def run_stores_program(
    inspect_stores: Callable[[DataStores], object], values: Mapping[str, JsonValue] | None = None
) -> ResourceGraph:
    """The graph of a program that makes them and then looks at what it made."""
    return run_program(
        lambda: _discard_value(inspect_stores(_create_stores(build_settings(values)))), AwsMocks()
    )


@cache
def _build_graph(values: str, profile: str) -> ResourceGraph:
    """Each graph once: tests only read it."""
    settings = build_settings(json.loads(values), profile=profile)
    return run_program(lambda: _discard_value(_create_stores(settings)), AwsMocks())


def _create_stores(settings: Settings) -> DataStores:
    account = Account.get_current()
    keys = Keys("keys", args=KeysArgs(settings=settings, account=account))
    topics = Topics("topics", args=TopicsArgs(settings=settings, account=account, keys=keys))
    network, operations = cast(Network, _NetworkStandIn()), cast(Operations, _OperationsStandIn())
    return DataStores(
        database=Database(
            "database",
            args=DatabaseArgs(
                settings=settings,
                account=account,
                keys=keys,
                network=network,
                topics=topics,
                operations=operations,
            ),
        ),
        cache=(
            Cache(
                "cache",
                args=CacheArgs(
                    settings=settings,
                    account=account,
                    keys=keys,
                    network=network,
                    operations=operations,
                ),
            )
            if settings.cache.enabled
            else None
        ),
    )


def _discard_value(_: object) -> None:
    """A program's value is not an output."""


def list_component_resources(graph: ResourceGraph, component: str) -> list[RegisteredResource]:
    """The resources of one component, itself and those inside left out."""
    component_resources = [
        resource
        for resource in graph
        if resource.custom
        and (parent := graph.find_component(resource))
        and parent.name == component
    ]
    assert component_resources, f"{component} registered nothing"
    return component_resources
