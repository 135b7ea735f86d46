"""How an instance of the fleet is made."""

from typing import Any

import pytest
from pydantic import JsonValue

from tests.components.neighbours import build_fleet_graph
from tests.conftest import Build

LAUNCH_TEMPLATE_TYPE = "aws:ec2/launchTemplate:LaunchTemplate"


def _build_template_inputs(build: Build, **fleet: Any) -> dict[str, Any]:
    return dict(
        build_fleet_graph(build, {"fleet": fleet}).get_resource(LAUNCH_TEMPLATE_TYPE).inputs
    )


@pytest.mark.parametrize("control", ["EC2.3", "EC2.181"])
def test_the_disk_is_encrypted_with_the_stacks_key(build: Build, control: str) -> None:
    (mapping,) = _build_template_inputs(build, diskGb=50)["blockDeviceMappings"]
    disk = mapping["ebs"]
    assert (disk["encrypted"], disk["volumeType"], disk["volumeSize"]) == ("true", "gp3", 50)
    assert disk["kmsKeyId"].endswith("keys-data")


def test_without_own_keys_the_disk_is_encrypted_with_awss(build: Build) -> None:
    (mapping,) = (
        build_fleet_graph(build, profile="dev")
        .get_resource(LAUNCH_TEMPLATE_TYPE)
        .inputs["blockDeviceMappings"]
    )
    assert mapping["ebs"]["encrypted"] == "true"
    assert "kmsKeyId" not in mapping["ebs"]


@pytest.mark.parametrize("control", ["EC2.8", "EC2.170", "AutoScaling.3"])
def test_metadata_needs_a_token(build: Build, control: str) -> None:
    assert _build_template_inputs(build)["metadataOptions"]["httpTokens"] == "required"


def test_autoscaling_4_metadata_does_not_reach_the_container(build: Build) -> None:
    assert _build_template_inputs(build)["metadataOptions"]["httpPutResponseHopLimit"] == 1


@pytest.mark.parametrize("control", ["EC2.9", "EC2.25", "AutoScaling.5"])
def test_an_instance_has_no_public_address(build: Build, control: str) -> None:
    for interface in _build_template_inputs(build)["networkInterfaces"]:
        assert interface["associatePublicIpAddress"] == "false"


def test_ec2_17_an_instance_has_one_interface(build: Build) -> None:
    template = _build_template_inputs(build)
    assert [i["deviceIndex"] for i in template["networkInterfaces"]] == [0]
    # AWS refuses groups beside an interface that has them.
    assert "vpcSecurityGroupIds" not in template


def test_disks_and_interfaces_are_tagged_too(build: Build) -> None:
    specifications = _build_template_inputs(build)["tagSpecifications"]
    assert [s["resourceType"] for s in specifications] == ["volume", "network-interface"]
    assert all(s["tags"]["Component"] == "fleet" for s in specifications)


@pytest.mark.parametrize(
    ("architecture", "types", "path"),
    [
        ("arm64", ["t4g.small", "m7g.large"], "amazon-linux-2023/arm64/recommended/image_id"),
        ("x86_64", ["t3.small", "m7i.large"], "amazon-linux-2023/recommended/image_id"),
    ],
)
def test_the_image_is_the_newest_of_its_architecture(
    build: Build, architecture: str, types: list[JsonValue], path: str
) -> None:
    graph = build_fleet_graph(
        build, {"fleet": {"architecture": architecture, "instanceTypes": types}}
    )
    parameter_names = [args["name"] for token, args in graph.invokes if "getParameter" in token]
    assert parameter_names == [f"/aws/service/ecs/optimized-ami/{path}"]
    assert graph.get_resource(LAUNCH_TEMPLATE_TYPE).inputs["imageId"] == "ami-0123456789abcdef0"
    assert "imageId" not in graph.get_resource(LAUNCH_TEMPLATE_TYPE).secrets
    assert graph.get_resource(LAUNCH_TEMPLATE_TYPE).ignore_changes == ("imageId",)


def test_an_image_of_the_settings_is_not_looked_up(build: Build) -> None:
    graph = build_fleet_graph(build, {"fleet": {"ami": "ami-00000000000000001"}})
    assert graph.get_resource(LAUNCH_TEMPLATE_TYPE).inputs["imageId"] == "ami-00000000000000001"
    assert graph.get_resource(LAUNCH_TEMPLATE_TYPE).ignore_changes == ()
    assert not [token for token, _ in graph.invokes if "getParameter" in token]


def test_instances_are_watched_each_minute(build: Build) -> None:
    assert _build_template_inputs(build)["monitoring"] == {"enabled": True}
