"""Settings of the cache: each refused value names its key and says what it may be."""

import re

import pytest
from pydantic import JsonValue

from components.settings import SettingsError
from tests.world import build_settings


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"engine": "memcached"}, ".engine is 'memcached', must be 'valkey' or 'redis'"),
        (
            {"engineVersion": "7.1"},
            ".engineVersion is '7.1', must be 7.2, 8.0, 8.1, 8.2 with engine valkey",
        ),
        (
            {"engine": "redis", "engineVersion": "5.0"},
            ".engineVersion is '5.0', must be 6.2, 7.0, 7.1 with engine redis",
        ),
        ({"nodeType": "cache.m4.large"}, ".nodeType is 'cache.m4.large', must be cache.FAMILY."),
        ({"replicas": 6}, ".replicas is 6, must be"),
        ({"port": 80}, ".port is 80, must be"),
        ({"eviction": "lru"}, ".eviction is 'lru', must be 'allkeys-lru', "),
        ({"snapshotDays": 36}, ".snapshotDays is 36, must be"),
        (
            {"snapshotWindow": "04:00-04:30"},
            ".snapshotWindow is '04:00-04:30', must be a window of 60 minutes or more",
        ),
        (
            {"maintenanceWindow": "sun:05:00-sun:06:00"},
            ".snapshotWindow is '04:30-05:30', must not overlap maintenanceWindow (sun:05:00-",
        ),
        ({"rotationDays": 0}, ".rotationDays is 0, must be"),
    ],
)
def test_what_elasticache_would_refuse_is_refused_with_the_reason(
    values: dict[str, JsonValue], line: str
) -> None:
    with pytest.raises(SettingsError, match=re.escape(line)) as error:
        build_settings({"cache": values})
    assert str(error.value).startswith("bulwark:cache.")


@pytest.mark.parametrize(
    ("values", "version", "family"),
    [
        ({}, "8.0", "valkey8"),
        ({"engineVersion": 8.1}, "8.1", "valkey8"),
        ({"engine": "redis"}, "7.1", "redis7"),
        ({"engine": "redis", "engineVersion": "6.2"}, "6.2", "redis6.x"),
    ],
)
def test_a_version_has_its_family(values: dict[str, JsonValue], version: str, family: str) -> None:
    cache = build_settings({"cache": values}).cache
    assert (cache.version, cache.parameter_group_family) == (version, family)


def test_adjacent_windows_are_accepted_with_capitals_in_days() -> None:
    cache = build_settings(
        {"cache": {"snapshotWindow": "04:00-05:00", "maintenanceWindow": "Sun:05:00-Sun:06:00"}}
    ).cache
    assert cache.maintenance_window == "sun:05:00-sun:06:00"


def test_windows_may_overlap_if_there_are_no_snapshots() -> None:
    build_settings({"cache": {"snapshotDays": 0, "maintenanceWindow": "sun:05:00-sun:06:00"}})
