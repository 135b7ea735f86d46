"""What a change of settings cannot do to a stack as it stands, and what the refusal says."""

from dataclasses import replace
from typing import Final

import pytest
from pydantic import JsonValue

from components.settings import SettingsError
from components.settings.deployed_parts import DeployedCache, DeployedDatabase, DeployedStack
from components.settings.deployed_stack import require_possible_changes
from tests.world import build_settings

DATABASE: Final = DeployedDatabase(
    port=5433,
    engine_version="16.9",
    storage_gb=20,
    max_storage_gb=100,
    name="app",
    admin_name="bulwark_admin",
)
CACHE: Final = DeployedCache(engine="valkey", engine_version="8.0", port=6379, has_failover=True)
# Prod as the settings of tests/world.py make it.
STANDING: Final = DeployedStack(
    has_own_keys=True,
    cidr="10.0.0.0/16",
    zones=("a", "b", "c"),
    database=DATABASE,
    service_ports={"web": 8080},
    fleet_port=8080,
    fleet_architecture="arm64",
    cache=CACHE,
    has_internal_balancer=False,
)
GROWN: Final = replace(STANDING, database=replace(DATABASE, storage_gb=150))
SINGLE_NODE: Final = replace(STANDING, cache=replace(CACHE, has_failover=False))
REDIS: Final = replace(STANDING, cache=replace(CACHE, engine="redis", engine_version="7.1"))
WITH_AWS_KEYS: Final = replace(STANDING, has_own_keys=False)
INSIGHTS: Final = replace(STANDING, database=replace(DATABASE, insights_days=465))
ADVANCED: Final[dict[str, JsonValue]] = {"databaseInsights": "advanced"}
ZONED: Final[dict[str, JsonValue]] = {"domain": "app.example.com", "zoneId": "Z0123456789"}
MINOR: Final[dict[str, JsonValue]] = {"autoMinorUpgrade": False}

INTERNAL: Final[dict[str, JsonValue]] = {"loadBalancer": {"internal": True, **ZONED}}

REFUSED: Final[tuple[tuple[DeployedStack, dict[str, JsonValue], str], ...]] = (
    (STANDING, INTERNAL, "loadBalancer.internal is true, must be false: a load balancer keeps its"),
    (
        replace(STANDING, has_internal_balancer=True),
        {},
        "loadBalancer.internal is false, must be true: a load balancer keeps its scheme",
    ),
    (
        STANDING,
        {"encryption": "aws", "database": {"crossRegionBackups": False}},
        "encryption is 'aws', must be 'own'",
    ),
    (WITH_AWS_KEYS, {}, "encryption is 'own', must be 'aws'"),
    (
        STANDING,
        {"network": {"cidr": "10.1.0.0/16"}},
        "network.cidr is '10.1.0.0/16', must be '10.0.0.0/16'",
    ),
    (
        replace(
            STANDING,
            database=replace(DATABASE, zone="c", has_standby=True),
            database_zones=("c",),
        ),
        {"network": {"zones": ["a", "b"]}},
        "network.zones is ['a', 'b'], must keep 'c': the primary database is there. Run `ops db "
        "failover` first",
    ),
    (
        replace(STANDING, database=replace(DATABASE, zone="c"), database_zones=("c",)),
        {"network": {"zones": ["a", "b"]}},
        "Set `database.multiAz: true` and deploy, run `ops db failover`, then set it back",
    ),
    (
        replace(STANDING, database=replace(DATABASE, zone="a"), database_zones=("c",)),
        {"network": {"zones": ["a", "b"]}},
        "must keep 'c': RDS has a host there that `ops db status` shows. A standby goes with "
        "`database.multiAz: false`",
    ),
    (
        replace(STANDING, cache_zones=("b",)),
        {"network": {"zones": ["a", "c"]}},
        "network.zones is ['a', 'c'], must keep 'b': a node of the cache is there. Set "
        "`cache.enabled: false`",
    ),
    (STANDING, {"network": {"zones": ["b", "a", "c"]}}, "must begin with ['a', 'b', 'c']"),
    (
        DeployedStack(),
        {"recoveryRegion": "eu-south-1"},
        "recoveryRegion is 'eu-south-1', must be one of eu-central-1, eu-west-1, eu-west-2, "
        "eu-west-3, us-east-1 with database.crossRegionBackups: RDS does not replicate",
    ),
    (STANDING, {"recoveryRegion": "us-west-2"}, "recoveryRegion is 'us-west-2', must be one of"),
    (STANDING, {"database": {"port": 5434}}, "database.port is 5434, must be 5433"),
    (STANDING, {"database": {"name": "shop"}}, "database.name is 'shop', must be 'app'"),
    (
        STANDING,
        {"database": {"adminName": "root_of_all"}},
        "database.adminName is 'root_of_all', must be 'bulwark_admin'",
    ),
    (STANDING, {"database": {"engineVersion": "17"}}, "run `ops db upgrade 17` first"),
    (STANDING, {"database": {"engineVersion": "15"}}, "is '15', must be '16'"),
    (STANDING, {"database": {"engineVersion": "16.8", **MINOR}}, "is '16.8', must be '16.9'"),
    (
        STANDING,
        {"database": {"engineVersion": "16.10", "replicas": 1, **MINOR}},
        "run `ops db upgrade 16.10` first",
    ),
    (GROWN, {"database": {"maxStorageGb": 0}}, "database.storageGb is 20, must be 150 or more"),
    (
        GROWN,
        {"database": {"maxStorageGb": 164}},
        "database.maxStorageGb is 164, must be 0, or from 165",
    ),
    (
        INSIGHTS,
        {"database": {"performanceInsightsDays": 465, **ADVANCED}},
        "database.databaseInsights is 'advanced', must be 'standard' unless",
    ),
    (STANDING, {"services": {"web": {"port": 9090}}}, "services.web.port is 9090, must be 8080"),
    (STANDING, {"compute": "fleet", "fleet": {"port": 9090}}, "fleet.port is 9090, must be 8080"),
    (
        STANDING,
        {
            "compute": "fleet",
            "fleet": {"architecture": "x86_64", "instanceTypes": ["t3.micro", "t3.small"]},
        },
        "fleet.architecture is 'x86_64', must be 'arm64'",
    ),
    (STANDING, {"cache": {"enabled": True, "port": 6380}}, "cache.port is 6380, must be 6379"),
    (
        STANDING,
        {"cache": {"enabled": True, "engine": "redis"}},
        "cache.engine is 'redis', must be 'valkey'",
    ),
    (
        replace(STANDING, cache=replace(CACHE, engine_version="8.1.0")),
        {"cache": {"enabled": True, "engineVersion": "8.0"}},
        "cache.engineVersion is '8.0', must be '8.1' or newer, as the deployed cache is",
    ),
    (
        STANDING,
        {"cache": {"enabled": True, "engineVersion": "7.2"}},
        "cache.engineVersion is '7.2', must be '8.0' or newer",
    ),
    (
        STANDING,
        {"cache": {"enabled": True, "replicas": 0}},
        "--no-automatic-failover-enabled --no-multi-az-enabled` first",
    ),
)
POSSIBLE: Final[tuple[tuple[DeployedStack, dict[str, JsonValue]], ...]] = (
    (STANDING, {}),
    (DeployedStack(), {"database": {"port": 6000, "name": "shop"}, "encryption": "own"}),
    (STANDING, {"network": {"zones": ["a", "b", "c"]}, "compute": "both"}),
    (replace(STANDING, zones=("a", "b")), {}),
    (STANDING, {"network": {"zones": ["a", "b"]}}),
    (DeployedStack(), {"recoveryRegion": "eu-central-1"}),
    (
        DeployedStack(),
        {"recoveryRegion": "eu-south-1", "database": {"crossRegionBackups": False}},
    ),
    (
        replace(STANDING, database=replace(DATABASE, backup_region="eu-south-1")),
        {"recoveryRegion": "eu-south-1"},
    ),
    (STANDING, {"network": {"zones": ["b", "c"]}}),
    (replace(STANDING, zones=("a", "b")), {"network": {"zones": ["a", "c"]}}),
    (STANDING, {"database": {"engineVersion": "16.10", **MINOR}}),
    (STANDING, {"database": {"engineVersion": "16.9", "replicas": 2, **MINOR}}),
    (STANDING, {"database": {"storageGb": 400, "maxStorageGb": 1000}}),
    (GROWN, {}),
    (replace(STANDING, has_internal_balancer=None), INTERNAL),
    (replace(STANDING, has_internal_balancer=True), INTERNAL),
    (STANDING, {**INTERNAL, "compute": "none"}),
    (INSIGHTS, {"database": {"performanceInsightsDays": 731, **ADVANCED}}),
    (STANDING, {"database": {"performanceInsightsDays": 465, **ADVANCED}}),
    (GROWN, {"database": {"maxStorageGb": 165}}),
    (STANDING, {"database": {"restoreFrom": {"snapshot": "before"}, "name": "shop"}}),
    (STANDING, {"services": {"web": {}, "next": {"port": 9090, "paths": ["/next/*"]}}}),
    (STANDING, {"compute": "none", "services": {"web": {"port": 9090}}}),
    (STANDING, {"cache": {"enabled": True, "engineVersion": "8.1", "replicas": 3}}),
    (STANDING, {"cache": {"enabled": False, "engine": "redis"}}),
    (SINGLE_NODE, {"cache": {"enabled": True, "replicas": 0}}),
    (REDIS, {"cache": {"enabled": True, "engine": "valkey"}}),
    (
        replace(STANDING, cache=replace(CACHE, engine_version="8.0.1")),
        {"cache": {"enabled": True, "engineVersion": "8.0"}},
    ),
)


@pytest.mark.parametrize(("deployed", "values", "expected"), REFUSED)
def test_a_setting_that_cannot_change_is_refused_by_name(
    deployed: DeployedStack, values: dict[str, JsonValue], expected: str
) -> None:
    with pytest.raises(SettingsError) as refusal:
        require_possible_changes(build_settings(values), deployed)
    lines = str(refusal.value).splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("bulwark:")
    assert expected in lines[0]


@pytest.mark.parametrize(("deployed", "values"), POSSIBLE)
def test_a_setting_that_can_change_is_not_refused(
    deployed: DeployedStack, values: dict[str, JsonValue]
) -> None:
    require_possible_changes(build_settings(values), deployed)


def test_all_refused_changes_are_reported_together() -> None:
    settings = build_settings({"database": {"port": 5434, "name": "shop", "engineVersion": "17"}})
    with pytest.raises(SettingsError) as refusal:
        require_possible_changes(settings, STANDING)
    keys = [line.split(" ")[0] for line in str(refusal.value).splitlines()]
    assert keys == [
        "bulwark:database.port",
        "bulwark:database.name",
        "bulwark:database.engineVersion",
    ]
