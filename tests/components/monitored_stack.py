"""A stack's alarms and dashboards, with stand-ins for the network and the load balancer."""

import json
from collections.abc import Mapping
from functools import cache
from types import SimpleNamespace
from typing import Any, cast

from pulumi import Output
from pydantic import JsonValue

from components.account import Account
from components.alarm_registry import ALARMS, COMPOSITES
from components.alarm_registry.model import Alarm, Facts
from components.alarm_registry.plan import Plan, Planned, plan
from components.alarms import Alarms, AlarmsArgs
from components.dashboards import Dashboards, DashboardsArgs
from components.keys import Keys, KeysArgs
from components.load_balancer import LoadBalancer
from components.network import Network
from components.settings import Settings
from components.topics import Topics, TopicsArgs
from sandbox.program import ResourceGraph, remove_secret_marks, run_program
from tests.world import StandIns, settings

Values = Mapping[str, JsonValue]
TWO: dict[str, JsonValue] = {"backend": {"paths": ["/api/*"]}, "frontend": {}}
# Everything that can be watched, at once.
ALL: dict[str, JsonValue] = {
    "compute": "both",
    "services": TWO,
    "cache": {"enabled": True},
    "database": {"replicas": 1},
    "loadBalancer": {"domain": "app.example.com", "zoneId": "Z1", "waf": {"enabled": True}},
}


def targets_of(given: Settings) -> tuple[str, ...]:
    """What stands behind the load balancer."""
    services = tuple(given.services) if given.has_services else ()
    return (*services, "fleet") if given.has_fleet else services


def facts_of(values: Values | None = None, *, profile: str = "prod") -> Facts:
    """Facts as the alarms of a stack would find them; each zone has both kinds of NAT device."""
    given = settings(values, profile=profile)
    behind = given.has_load_balancer
    return Facts(
        settings=given,
        nat_gateways={zone: f"nat-{zone}" for zone in given.network.zones},
        nat_instances={zone: f"i-{zone}" for zone in given.network.zones},
        targets={name: f"targetgroup/{name}/1" for name in targets_of(given)} if behind else {},
        balancer="app/test/1" if behind else None,
        certificate="arn:aws:acm:eu-north-1:123456789012:certificate/1" if behind else None,
        topics={level: f"bulwark-test-{level}" for level in ("page", "warn")},
    )


def plan_of(values: Values | None = None, *, profile: str = "prod") -> Plan:
    """The plan of a stack's alarms."""
    return plan(facts_of(values, profile=profile), ALARMS, COMPOSITES)


def planned(key: str, values: Values | None = None, *, profile: str = "prod") -> list[Planned]:
    """The planned alarms of one entry."""
    return [one for one in plan_of(values, profile=profile).alarms if one.entry.key == key]


def entry(key: str) -> Alarm:
    """An entry of the registry."""
    return next(one for one in ALARMS if one.key == key)


def expression(key: str, values: Values | None = None, subject: str = "") -> str:
    """The metric math of an entry."""
    watch = entry(key).watch
    assert not hasattr(watch, "stat"), f"{key} is no metric math"
    return cast(Any, watch).expression(settings(values), subject)  # type: ignore[no-any-return]


def watched(values: Values | None = None, *, profile: str = "prod") -> ResourceGraph:
    """The graph of topics, alarms and dashboards. Kept: the same settings are built once."""
    return _watched(json.dumps(values or {}, sort_keys=True), profile)


@cache
def _watched(values: str, profile: str) -> ResourceGraph:
    given = settings(json.loads(values), profile=profile)

    def program() -> None:
        account = Account.get_current()
        topics = Topics(
            "topics", TopicsArgs(given, account, Keys("keys", KeysArgs(given, account)))
        )
        network, balancer = cast(Network, _network(given)), cast(LoadBalancer, _balancer(given))
        behind = balancer if given.has_load_balancer else None
        alarms = Alarms("alarms", AlarmsArgs(given, topics, network, behind))
        Dashboards("dashboards", DashboardsArgs(given, alarms, network, behind))

    return run_program(program, StandIns())


def _network(given: Settings) -> SimpleNamespace:
    gateways = {zone: Output.from_input(f"nat-{zone}") for zone in given.network.nat_zones}
    instances = given.network.nat_device == "instance"
    return SimpleNamespace(
        nat_gateways={} if instances else gateways,
        nat_instances=gateways if instances else {},
        flow_log_group=(
            Output.from_input("/bulwark/test/flow-logs") if given.network.flow_logs else None
        ),
    )


def _balancer(given: Settings) -> SimpleNamespace:
    return SimpleNamespace(
        arn_suffix=Output.from_input("app/test/1"),
        certificate_arn=(
            Output.from_input("arn:aws:acm:eu-north-1:123456789012:certificate/1")
            if given.load_balancer.https
            else None
        ),
        web_acl_name="bulwark-test" if given.load_balancer.waf.enabled else None,
        targets={
            name: SimpleNamespace(group_arn_suffix=Output.from_input(f"targetgroup/{name}/1"))
            for name in targets_of(given)
        },
    )


def parts_of(values: Values | None = None) -> tuple[dict[str, Any], dict[str, tuple[str, ...]]]:
    """The alarms' part of the contract, and the deployment alarms."""
    return _parts_of(json.dumps(values or {}, sort_keys=True))


@cache
def _parts_of(values: str) -> tuple[dict[str, Any], dict[str, tuple[str, ...]]]:
    given = settings(json.loads(values))
    parts: list[Any] = []
    rolled: dict[str, tuple[str, ...]] = {}

    def program() -> None:
        account = Account.get_current()
        topics = Topics(
            "topics", TopicsArgs(given, account, Keys("keys", KeysArgs(given, account)))
        )
        alarms = Alarms(
            "alarms",
            AlarmsArgs(
                given,
                topics,
                cast(Network, _network(given)),
                cast(LoadBalancer, _balancer(given)),
            ),
        )
        rolled.update(alarms.deployment_alarms)
        alarms.part.apply(lambda part: parts.append(remove_secret_marks(part)))

    run_program(program, StandIns())
    return parts[0], rolled
