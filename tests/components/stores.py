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
from tests.world import StandIns, settings

DATABASE_SUBNETS, PRIVATE_SUBNETS = (
    {zone: f"subnet-{tier}-{zone}" for zone in "abc"} for tier in ("database", "private")
)


@dataclass(frozen=True)
class Stores:
    """What a program made."""

    database: Database
    cache: Cache | None


@dataclass
class _Subnets:
    """As much of the network as stores use."""

    vpc_id: Output[str] = field(default_factory=lambda: Output.from_input("vpc-1"))
    database_subnets: dict[str, Output[str]] = field(
        default_factory=lambda: {k: Output.from_input(v) for k, v in DATABASE_SUBNETS.items()}
    )
    private_subnets: dict[str, Output[str]] = field(
        default_factory=lambda: {k: Output.from_input(v) for k, v in PRIVATE_SUBNETS.items()}
    )


@dataclass
class _Bucket:
    """As much of the operations bucket as stores use."""

    bucket: Output[str] = field(default_factory=lambda: Output.from_input("bulwark-operations"))


def stores(
    values: Mapping[str, JsonValue] | None = None, *, profile: str = "prod"
) -> ResourceGraph:
    """The graph of a database, and of a cache where the settings have one."""
    return _graph(json.dumps(values), profile)


def looked_at(
    look: Callable[[Stores], object], values: Mapping[str, JsonValue] | None = None
) -> ResourceGraph:
    """The graph of a program that makes them and then looks at what it made."""
    return run_program(lambda: _ignored(look(_made(settings(values)))), StandIns())


@cache
def _graph(values: str, profile: str) -> ResourceGraph:
    """Each graph once: tests only read it."""
    known = settings(json.loads(values), profile=profile)
    return run_program(lambda: _ignored(_made(known)), StandIns())


def _made(known: Settings) -> Stores:
    account = Account.get_current()
    keys = Keys("keys", KeysArgs(known, account))
    topics = Topics("topics", TopicsArgs(known, account, keys))
    around = (
        known,
        account,
        keys,
        cast(Network, _Subnets()),
        topics,
        cast(Operations, _Bucket()),
    )
    return Stores(
        database=Database("database", DatabaseArgs(*around)),
        cache=Cache("cache", CacheArgs(*around)) if known.cache.enabled else None,
    )


def _ignored(_: object) -> None:
    """A program's value is not an output."""


def own(graph: ResourceGraph, component: str) -> list[RegisteredResource]:
    """The resources of one component, itself and those inside left out."""
    made = [
        resource
        for resource in graph
        if resource.custom and (outer := graph.find_component(resource)) and outer.name == component
    ]
    assert made, f"{component} registered nothing"
    return made
