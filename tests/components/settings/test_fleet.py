"""Settings of the fleet: types that go together, and what AWS takes."""

import pytest
from pydantic import JsonValue

from components.settings import SettingsError
from components.settings.fleet import get_architecture
from tests.world import build_settings


@pytest.mark.parametrize(
    ("name", "architecture"),
    [
        ("t4g.micro", "arm64"),
        ("m7gd.large", "arm64"),
        ("c7gn.xlarge", "arm64"),
        ("im4gn.large", "arm64"),
        ("is4gen.medium", "arm64"),
        ("x2gd.medium", "arm64"),
        ("a1.medium", "arm64"),
        ("t3.micro", "x86_64"),
        ("m7i-flex.large", "x86_64"),
        ("g4dn.xlarge", "x86_64"),
        ("g6.xlarge", "x86_64"),
        ("c5a.large", "x86_64"),
    ],
)
def test_an_instance_types_name_determines_its_architecture(name: str, architecture: str) -> None:
    assert get_architecture(name) == architecture


@pytest.mark.parametrize(
    ("fleet", "message_part"),
    [
        (
            {"instanceTypes": ["t4g.small", "t3.small"]},
            "fleet.instanceTypes holds 't3.small', which is x86_64, must hold arm64 types "
            "(fleet.architecture): one AMI and one image must run on all",
        ),
        (
            {"architecture": "x86_64"},
            "fleet.instanceTypes holds 't4g.small', which is arm64, must hold x86_64 types",
        ),
        (
            {"instanceTypes": ["t4g.small", "t4g.small"]},
            "must hold EC2 instance types like t4g.small, each once",
        ),
        (
            {"instanceTypes": ["t4g.small", "small"]},
            "must hold EC2 instance types like t4g.small, each once",
        ),
        ({"instanceTypes": []}, "fleet.instanceTypes is [], "),
        ({"cooldownSeconds": -1}, "fleet.cooldownSeconds is -1, must be 0 to 86400"),
        ({"min": 11}, "fleet.min is 11, must be at most max (10)"),
        (
            {"minHealthyPercent": 50, "maxHealthyPercent": 200},
            "fleet.maxHealthyPercent is 200, must be at most 100 above minHealthyPercent (50)",
        ),
        ({"checkpoints": [50, 25, 100]}, "fleet.checkpoints is [50, 25, 100], must rise from 1"),
        ({"checkpoints": [25, 50]}, "must end with 100, or the rest stays as it is"),
        ({"ami": "latest"}, "fleet.ami is 'latest', must be an AMI like ami-"),
        ({"diskGb": 8}, "fleet.diskGb is 8, must be"),
    ],
)
def test_a_refused_fleet_value_says_what_it_must_be(
    fleet: dict[str, JsonValue], message_part: str
) -> None:
    with pytest.raises(SettingsError) as error:
        build_settings({"fleet": fleet})
    (line,) = str(error.value).splitlines()
    assert line.startswith("bulwark:fleet.")
    assert message_part in line


def test_x86_instance_types_may_be_mixed() -> None:
    fleet = build_settings(
        {"fleet": {"architecture": "x86_64", "instanceTypes": ["t3.small", "t3a.small"]}}
    ).fleet
    assert fleet.instance_types == ("t3.small", "t3a.small")


@pytest.mark.parametrize(
    ("architecture", "instance_type"), [("x86_64", "m7i.large"), ("arm64", "m7g.large")]
)
def test_a_single_instance_type_of_any_architecture_is_accepted(
    architecture: str, instance_type: str
) -> None:
    fleet = build_settings(
        {"fleet": {"architecture": architecture, "instanceTypes": [instance_type]}}
    ).fleet
    assert fleet.instance_types == (instance_type,)
