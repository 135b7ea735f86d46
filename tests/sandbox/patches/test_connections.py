"""What connections in the network of the sandbox come to, by its rules as they are now."""

from collections.abc import Iterator

import pytest
from moto.ec2.models import ec2_backends

from sandbox.patches.ec2.connections import build_instance_caller, try_connections
from tests.ops.fleet_stage import get_first_instance
from tests.ops.network_stage import put_connected_fleet
from tests.ops.stage import ACCOUNT, REGION, Stage, open_stage


@pytest.fixture
def stage() -> Iterator[Stage]:
    with open_stage() as opened_stage:
        put_connected_fleet(opened_stage)
        yield opened_stage


def try_from_instance(stage: Stage, host: str, port: int) -> tuple[str | None, str]:
    ec2 = ec2_backends[ACCOUNT][REGION]
    instance = ec2.get_instance(get_first_instance(stage))
    ((_, _, address, outcome),) = try_connections(
        ec2, build_instance_caller(instance), [(host, port)]
    )
    return address, outcome


def test_a_name_that_is_nobodys_does_not_resolve(stage: Stage) -> None:
    assert try_from_instance(stage, "no.such.host", 443) == (None, "unresolved")


def test_an_address_that_nothing_has_never_answers(stage: Stage) -> None:
    assert try_from_instance(stage, "10.0.32.99", 5433) == ("10.0.32.99", "timed out")


def test_the_cache_is_called_by_its_primary_endpoint(stage: Stage) -> None:
    groups = stage.client("elasticache").describe_replication_groups()["ReplicationGroups"]
    host = groups[0]["NodeGroups"][0]["PrimaryEndpoint"]["Address"]
    assert try_from_instance(stage, host, 6379)[1] == "connected"
    assert try_from_instance(stage, host, 443)[1] == "timed out"


def test_a_public_address_is_left_by_nat_or_not_at_all(stage: Stage) -> None:
    assert try_from_instance(stage, "192.0.2.10", 443)[1] == "connected"
    assert try_from_instance(stage, "192.0.2.10", 80)[1] == "timed out"  # no rule
    for table in stage.client("ec2").describe_route_tables()["RouteTables"]:
        for route in table["Routes"]:
            if "NatGatewayId" in route:
                stage.client("ec2").delete_route(
                    RouteTableId=table["RouteTableId"], DestinationCidrBlock="0.0.0.0/0"
                )
    assert try_from_instance(stage, "192.0.2.10", 443)[1] == "timed out"
