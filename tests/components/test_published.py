"""The copy of the outputs: a parameter for each part, small enough, in both regions."""

import json
from typing import Any

import pytest
from pulumi import Output

from components.account import Account
from components.keys import Keys, KeysArgs
from components.published import PublishedOutputs, export_outputs, list_part_labels
from components.settings import Settings
from components.settings.services import ServiceSettings
from ops.outputs import DIVIDED_PARTS, build_outputs_path
from sandbox.program import ResourceGraph
from tests.conftest import Build
from tests.world import build_settings

SSM_PARAMETER_TYPE = "aws:ssm/parameter:Parameter"
STANDARD_BYTES = 4096  # Systems Manager, "Managing parameter tiers"


def build_published_graph(build: Build, settings: Settings, parts: dict[str, Any]) -> ResourceGraph:
    def program() -> None:
        part_outputs = {k: None if v is None else Output.from_input(v) for k, v in parts.items()}
        PublishedOutputs("outputs", settings=settings, parts=part_outputs)

    return build(program)


def test_each_part_is_published_in_both_regions_under_one_path(build: Build) -> None:
    settings = build_settings()
    graph = build_published_graph(build, settings, {"network": {"vpcId": "vpc-1"}, "cache": None})
    parameters = {p.name: p.inputs for p in graph.list_resources(SSM_PARAMETER_TYPE)}
    assert {name: (p.get("region"), p["name"], p["value"]) for name, p in parameters.items()} == {
        "outputs-network": (None, "/bulwark/test/outputs/network", '{"vpcId":"vpc-1"}'),
        "outputs-cache": (None, "/bulwark/test/outputs/cache", "null"),
        "outputs-recovery-network": (
            "eu-west-1",
            "/bulwark/test/outputs/network",
            '{"vpcId":"vpc-1"}',
        ),
        "outputs-recovery-cache": ("eu-west-1", "/bulwark/test/outputs/cache", "null"),
    }
    assert all(
        p["name"].startswith(build_outputs_path("bulwark", "test")) for p in parameters.values()
    )


def test_without_a_recovery_region_there_is_one_copy(build: Build) -> None:
    graph = build_published_graph(build, build_settings(profile="dev"), {"cache": None})
    assert [p.name for p in graph.list_resources(SSM_PARAMETER_TYPE)] == ["outputs-cache"]


def test_a_parameter_above_4_kb_may_become_an_advanced_one(build: Build) -> None:
    graph = build_published_graph(build, build_settings(), {"network": {"vpcId": "vpc-1"}})
    assert {p.inputs["tier"] for p in graph.list_resources(SSM_PARAMETER_TYPE)} == {
        "Intelligent-Tiering"
    }


@pytest.mark.parametrize("count", [1, 7, 50])
def test_with_many_services_each_parameter_stays_in_the_standard_tier(
    build: Build, count: int
) -> None:
    names = [f"service-{n:012}" for n in range(count)]  # as long as they may be
    base_settings = build_settings({"recoveryRegion": None})
    settings = base_settings.model_copy(
        update={"services": dict.fromkeys(names, ServiceSettings())}
    )
    long = "x" * 120  # an ARN
    parts: dict[str, Any] = {
        "services": {
            "services": {name: dict.fromkeys("abcdefghij", long) for name in settings.services}
        },
        "loadBalancer": {"targets": {name: {"arn": long} for name in settings.services}},
        "alarms": {"names": {"P1": [f"{n:090}" for n in range(40 + 10 * count)]}},
    }
    graph = build_published_graph(build, settings, parts)
    sizes = {
        p.name: len(p.inputs["value"].encode()) for p in graph.list_resources(SSM_PARAMETER_TYPE)
    }
    assert max(sizes.values()) <= STANDARD_BYTES, sizes
    assert len(sizes) == sum(1 + len(list_part_labels(settings, part)) for part in DIVIDED_PARTS)


@pytest.mark.parametrize(
    ("compute", "expected"),
    [("services", ("web",)), ("fleet", ("fleet",)), ("both", ("web", "fleet")), ("none", ())],
)
def test_load_balancer_parts_are_labelled_by_service_and_fleet(
    compute: str, expected: tuple[str, ...]
) -> None:
    assert tuple(list_part_labels(build_settings({"compute": compute}), "loadBalancer")) == expected


def test_a_published_part_is_json(build: Build) -> None:
    graph = build_published_graph(
        build, build_settings(profile="dev"), {"network": {"vpcId": 'a"b', "cidr": "ü"}}
    )
    assert json.loads(graph.get_resource(SSM_PARAMETER_TYPE).inputs["value"]) == {
        "vpcId": 'a"b',
        "cidr": "ü",
    }


def test_every_part_of_the_contract_has_its_component(build: Build) -> None:
    def program() -> None:
        settings = build_settings()
        account = Account.get_current()
        keys = Keys("keys", args=KeysArgs(settings=settings, account=account))
        with pytest.raises(ValueError, match=r"'access', .*'gateway', .*'services'"):
            export_outputs(settings=settings, account=account, keys=keys, cache=None, gateway=None)

    build(program)
