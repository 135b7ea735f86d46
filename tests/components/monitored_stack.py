"""A stack's alarms and dashboards, with stand-ins for the network and the load balancer."""

import json
from collections.abc import Mapping
from functools import cache
from types import SimpleNamespace
from typing import Any, cast

from pulumi import Output
from pydantic import JsonValue

from components.account import Account
from components.alarm_registry import REGISTRY_ALARMS, REGISTRY_COMPOSITES
from components.alarm_registry.model import AlarmEntry, RegistryFacts
from components.alarm_registry.plan import AlarmPlan, PlannedAlarm, build_alarm_plan
from components.alarms import Alarms, AlarmsArgs
from components.dashboards import Dashboards, DashboardsArgs
from components.keys import Keys, KeysArgs
from components.load_balancer import LoadBalancer
from components.network import Network
from components.settings import Settings
from components.topics import Topics, TopicsArgs
from sandbox.program import ResourceGraph, remove_secret_marks, run_program
from tests.world import AwsMocks, build_settings

ConfigValues = Mapping[str, JsonValue]
TWO_SERVICES: dict[str, JsonValue] = {"backend": {"paths": ["/api/*"]}, "frontend": {}}
QUEUE_WORKER: dict[str, JsonValue] = {
    "kind": "worker",
    "scaling": {"queue": "mails", "backlogPerTask": 100},
}
# Everything that can be watched, at once.
ALL_WATCHED_CONFIG: dict[str, JsonValue] = {
    "compute": "both",
    "services": {**TWO_SERVICES, "mailer": QUEUE_WORKER},
    "cache": {"enabled": True},
    "database": {"replicas": 1},
    "loadBalancer": {"domain": "app.example.com", "zoneId": "Z1", "waf": {"enabled": True}},
}


def list_stack_targets(settings: Settings) -> tuple[str, ...]:
    """What stands behind the load balancer."""
    return tuple(settings.target_patterns)


def build_stack_facts(
    values: ConfigValues | None = None, *, profile: str = "prod"
) -> RegistryFacts:
    """Facts as the alarms of a stack would find them; each zone has both kinds of NAT device."""
    settings = build_settings(values, profile=profile)
    has_load_balancer = settings.has_load_balancer
    return RegistryFacts(
        settings=settings,
        nat_gateways={zone: f"nat-{zone}" for zone in settings.network.zones},
        nat_instances={zone: f"i-{zone}" for zone in settings.network.zones},
        targets={name: f"targetgroup/{name}/1" for name in list_stack_targets(settings)}
        if has_load_balancer
        else {},
        balancer="app/test/1" if has_load_balancer else None,
        certificate="arn:aws:acm:eu-north-1:123456789012:certificate/1"
        if has_load_balancer
        else None,
        topics={level: f"bulwark-test-{level}" for level in ("page", "warn")},
    )


def plan_stack_alarms(values: ConfigValues | None = None, *, profile: str = "prod") -> AlarmPlan:
    """The plan of a stack's alarms."""
    return build_alarm_plan(
        build_stack_facts(values, profile=profile),
        alarms=REGISTRY_ALARMS,
        composites=REGISTRY_COMPOSITES,
    )


def list_planned_alarms(
    key: str, values: ConfigValues | None = None, *, profile: str = "prod"
) -> list[PlannedAlarm]:
    """The planned alarms of one entry."""
    return [
        alarm
        for alarm in plan_stack_alarms(values, profile=profile).alarms
        if alarm.entry.key == key
    ]


def get_alarm_entry(key: str) -> AlarmEntry:
    """An entry of the registry."""
    return next(alarm for alarm in REGISTRY_ALARMS if alarm.key == key)


def get_metric_math(key: str, values: ConfigValues | None = None, dimension_value: str = "") -> str:
    """The metric math of an entry."""
    watch = get_alarm_entry(key).metric
    assert not hasattr(watch, "stat"), f"{key} is no metric math"
    return cast(Any, watch).build_expression(build_settings(values), dimension_value)  # type: ignore[no-any-return]


def build_monitoring_graph(
    values: ConfigValues | None = None, *, profile: str = "prod"
) -> ResourceGraph:
    """The graph of topics, alarms and dashboards. Kept: the same settings are built once."""
    return _build_monitoring_graph(json.dumps(values or {}, sort_keys=True), profile)


@cache
def _build_monitoring_graph(values: str, profile: str) -> ResourceGraph:
    settings = build_settings(json.loads(values), profile=profile)

    def program() -> None:
        account = Account.get_current()
        topics = Topics(
            "topics",
            args=TopicsArgs(
                settings=settings,
                account=account,
                keys=Keys("keys", args=KeysArgs(settings=settings, account=account)),
            ),
        )
        network, load_balancer = (
            cast(Network, _build_network_stand_in(settings)),
            cast(LoadBalancer, _build_load_balancer_stand_in(settings)),
        )
        load_balancer_or_none = load_balancer if settings.has_load_balancer else None
        alarms = Alarms(
            "alarms",
            args=AlarmsArgs(
                settings=settings,
                topics=topics,
                network=network,
                load_balancer=load_balancer_or_none,
            ),
        )
        Dashboards(
            "dashboards",
            args=DashboardsArgs(
                settings=settings,
                alarms=alarms,
                network=network,
                load_balancer=load_balancer_or_none,
                program_log_groups=["/bulwark/test/services/backend", "/bulwark/test/fleet"],
            ),
        )

    return run_program(program, AwsMocks())


def _build_network_stand_in(settings: Settings) -> SimpleNamespace:
    devices = {zone: Output.from_input(f"nat-{zone}") for zone in settings.network.nat_zones}
    uses_instances = settings.network.nat_device == "instance"
    return SimpleNamespace(
        nat_gateways={} if uses_instances else devices,
        nat_instances=devices if uses_instances else {},
        flow_log_group=(
            Output.from_input("/bulwark/test/flow-logs") if settings.network.flow_logs else None
        ),
    )


def _build_load_balancer_stand_in(settings: Settings) -> SimpleNamespace:
    return SimpleNamespace(
        arn_suffix=Output.from_input("app/test/1"),
        certificate_arn=(
            Output.from_input("arn:aws:acm:eu-north-1:123456789012:certificate/1")
            if settings.load_balancer.has_https
            else None
        ),
        web_acl_name="bulwark-test" if settings.load_balancer.waf.enabled else None,
        targets={
            name: SimpleNamespace(group_arn_suffix=Output.from_input(f"targetgroup/{name}/1"))
            for name in list_stack_targets(settings)
        },
    )


def get_alarms_part(
    values: ConfigValues | None = None,
) -> tuple[dict[str, Any], dict[str, tuple[str, ...]]]:
    """The alarms' part of the contract, and the deployment alarms."""
    return _get_alarms_part(json.dumps(values or {}, sort_keys=True))


@cache
def _get_alarms_part(values: str) -> tuple[dict[str, Any], dict[str, tuple[str, ...]]]:
    settings = build_settings(json.loads(values))
    parts: list[Any] = []
    deployment_alarms: dict[str, tuple[str, ...]] = {}

    def program() -> None:
        account = Account.get_current()
        topics = Topics(
            "topics",
            args=TopicsArgs(
                settings=settings,
                account=account,
                keys=Keys("keys", args=KeysArgs(settings=settings, account=account)),
            ),
        )
        alarms = Alarms(
            "alarms",
            args=AlarmsArgs(
                settings=settings,
                topics=topics,
                network=cast(Network, _build_network_stand_in(settings)),
                load_balancer=cast(LoadBalancer, _build_load_balancer_stand_in(settings)),
            ),
        )
        deployment_alarms.update(alarms.deployment_alarms)
        alarms.part.apply(lambda part: parts.append(remove_secret_marks(part)))

    run_program(program, AwsMocks())
    return parts[0], deployment_alarms
