"""Reads what stands from AWS, by Pulumi's own invokes, before anything is registered.

What the last deployment published (the outputs in SSM) says what there is; what operations
change beside Pulumi (the database's version and storage, the cache's failover) is asked of RDS
and ElastiCache. Before the first deployment nothing is published, and nothing is asked.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import pulumi
import pulumi_aws as aws

from components.settings import Settings, SettingsError
from components.settings.standing import (
    StandingCache,
    StandingDatabase,
    StandingStack,
    require_possible_changes,
)
from ops.outputs import build_outputs_path

Answer = TypeVar("Answer")
# How the AWS provider says that there is none (its tfresource.SingularDataSourceFindError and
# retry.NotFoundError), and RDS and ElastiCache themselves.
NOT_FOUND_TEXTS: Final = (
    "no matching",
    "couldn't find resource",
    "empty result",
    "DBInstanceNotFound",
    "ReplicationGroupNotFound",
)


def require_possible_settings(settings: Settings) -> None:
    """Raises pulumi.RunError if the stack as it stands cannot be changed to these settings."""
    try:
        require_possible_changes(settings, read_standing_stack(settings))
    except SettingsError as error:
        raise pulumi.RunError(str(error)) from None


def read_standing_stack(settings: Settings) -> StandingStack:
    """The stack as it stands; nothing is known of one that was never deployed."""
    parts = _read_published_parts(settings)
    stack, network = parts.get("stack") or {}, parts.get("network") or {}
    if stack.get("region") != settings.region:
        return StandingStack()  # never deployed, or the copy that a lost region keeps here
    database, cache, fleet = (parts.get(key) for key in ("database", "cache", "fleet"))
    services = {
        name: piece[name]
        for path, piece in parts.items()
        if (name := path.removeprefix("services/")) != path and piece
    }
    return StandingStack(
        has_own_keys=bool(stack.get("dataKeyArn")),
        cidr=network.get("cidr"),
        zones=tuple(stack.get("zones") or ()),
        database=_find_database(database) if database else None,
        service_ports={name: int(service["port"]) for name, service in services.items()},
        fleet_port=int(fleet["port"]) if fleet and fleet.get("port") else None,
        cache=_find_cache(cache) if cache else None,
    )


def _read_published_parts(settings: Settings) -> dict[str, Any]:
    """The published outputs by their path, like `services/backend`: null for an absent part."""
    root = build_outputs_path(settings.project, settings.stack)
    published = aws.ssm.get_parameters_by_path(
        path=root, recursive=True, with_decryption=False, region=settings.region
    )
    return {
        name.removeprefix(f"{root}/"): json.loads(value)
        for name, value in zip(published.names, published.values, strict=True)
    }


def _find_database(part: Mapping[str, Any]) -> StandingDatabase | None:
    identifier = part["identifier"]
    instance = _find_or_none(lambda: aws.rds.get_instance(db_instance_identifier=identifier))
    if instance is None:
        return None
    return StandingDatabase(
        port=int(instance.port),
        engine_version=instance.engine_version,
        storage_gb=int(instance.allocated_storage),
        max_storage_gb=int(instance.max_allocated_storage or 0),
        name=instance.db_name or None,
        admin_name=instance.master_username,
        insights=instance.database_insights_mode or "standard",
        insights_days=part.get("performanceInsightsDays"),
    )


def _find_cache(part: Mapping[str, Any]) -> StandingCache | None:
    group = _find_or_none(
        lambda: aws.elasticache.get_replication_group(replication_group_id=part["identifier"])
    )
    if group is None:
        return None
    return StandingCache(
        engine=part["engine"],
        engine_version=part.get("engineVersion"),
        port=int(part["port"]),
        has_failover=bool(group.automatic_failover_enabled),
    )


def _find_or_none(invoke: Callable[[], Answer]) -> Answer | None:
    """What an invoke answers, None if AWS has no such thing. Raises what else it raises."""
    try:
        return invoke()
    except Exception as error:
        if any(text in str(error) for text in NOT_FOUND_TEXTS):
            return None
        raise
