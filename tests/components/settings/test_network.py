"""Settings of the network: each refused value names its key and says what it may be."""

import re

import pytest
from pydantic import JsonValue

from components.settings import SettingsError
from components.settings.network import SECURITY_HUB_ENDPOINT_SERVICES, NetworkSettings
from tests.world import build_settings


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"cidr": "8.8.0.0/16"}, ".cidr is '8.8.0.0/16', must be a range from /16"),
        (
            {"cidr": "10.0.0.0/21"},
            "must be a range from /16 to /20 in 10.0.0.0/8, 172.16.0.0/12 or",
        ),
        ({"cidr": "10.0.0.0/8"}, "must be a range from /16 to /20"),
        ({"cidr": "127.0.0.0/16"}, "must be a range from /16 to /20 in 10.0.0.0/8"),
        ({"cidr": "172.17.0.0/18"}, "must be any private range but 172.17.0.0/16, which Docker"),
        ({"cidr": "10.0.1.0/16"}, ".cidr is '10.0.1.0/16', must be a range like 10.0.0.0/16, with"),
        ({"cidr": "lan"}, ".cidr is 'lan', must be a range like 10.0.0.0/16, without host bits"),
        ({"zones": ["a"]}, ".zones is ['a'], "),
        ({"zones": ["a", "b", "c", "d"]}, ".zones is ['a', 'b', 'c', 'd'], "),
        ({"zones": ["a", "z"]}, ".zones.1 is 'z', must be 'a', 'b'"),
        ({"zones": ["a", "a"]}, ".zones is ['a', 'a'], must name 'a' only once"),
        ({"nat": "two"}, ".nat is 'two', must be 'none', 'one' or 'per-zone'"),
        ({"natDevice": "box"}, ".natDevice is 'box', must be 'gateway' or 'instance'"),
        ({"interfaceEndpoints": ["s3"]}, "must not hold 's3': it always has a gateway endpoint"),
        (
            {"interfaceEndpoints": ["com.amazonaws.eu-north-1.ssm"]},
            "must not hold 'com.amazonaws.eu-north-1.ssm': names are like 'ecr.api', without the",
        ),
        ({"interfaceEndpoints": ["SSM"]}, "must not hold 'SSM': names are like 'ecr.api'"),
        ({"interfaceEndpoints": ["ssm", "ssm"]}, "must name 'ssm' only once"),
        ({"s3Accounts": ["12"]}, ".s3Accounts.0 is '12', "),
        ({"flowLogs": ["s3", "s3"]}, ".flowLogs is ['s3', 's3'], must name 's3' only once"),
        ({"flowLogs": ["kinesis"]}, ".flowLogs.0 is 'kinesis', must be 'cloudwatch' or 's3'"),
        ({"subnets": 3}, ".subnets is no setting"),
    ],
)
def test_a_refused_network_value_names_its_key_and_what_it_must_be(
    values: dict[str, JsonValue], line: str
) -> None:
    with pytest.raises(SettingsError, match=re.escape(line)) as error:
        build_settings({"network": values})
    assert str(error.value).startswith("bulwark:network.")


@pytest.mark.parametrize(
    ("compute", "nat", "zones"),
    [
        ("services", "none", ()),
        ("services", "one", ("a",)),
        ("fleet", "per-zone", ("a", "b", "c")),
        ("none", "per-zone", ()),
    ],
)
def test_nat_exists_only_if_something_needs_outbound_traffic(
    compute: str, nat: str, zones: tuple[str, ...]
) -> None:
    endpoints: list[JsonValue] = ["ecr.api", "ecr.dkr", "logs", "secretsmanager"]
    image = "123456789012.dkr.ecr.eu-north-1.amazonaws.com/web:1"
    settings = build_settings(
        {
            "compute": compute,
            "network": {"nat": nat, "interfaceEndpoints": endpoints},
            "cluster": {"exec": False},
            "services": {"web": {"image": image}},
        }
    )
    assert settings.nat_zones == zones


def test_the_description_of_endpoints_names_the_strict_list() -> None:
    text = NetworkSettings.model_fields["interface_endpoints"].description
    assert text is not None
    assert ", ".join(SECURITY_HUB_ENDPOINT_SERVICES) in text
    for control in ("EC2.10", ".55", ".56", ".57"):
        assert control in text
