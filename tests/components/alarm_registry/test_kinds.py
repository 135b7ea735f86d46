"""The kinds of things that are watched."""

import pytest

from components.alarm_registry.kinds import BALANCER, CERTIFICATE, INSTANCE, SERVICE, TARGET
from components.alarm_registry.model import Facts
from tests.components.monitored_stack import ALL_WATCHED_CONFIG, build_stack_facts
from tests.world import build_settings


def test_dimensions_are_those_of_cloudwatch() -> None:
    facts = build_stack_facts(ALL_WATCHED_CONFIG)
    assert INSTANCE.names(facts) == ("primary", "replica-1")
    assert INSTANCE.dimensions(facts, "primary") == {
        "DBInstanceIdentifier": "bulwark-test-database"
    }
    assert INSTANCE.dimensions(facts, "replica-1") == {
        "DBInstanceIdentifier": "bulwark-test-database-replica-1"
    }
    assert SERVICE.dimensions(facts, "backend") == {
        "ClusterName": "bulwark-test",
        "ServiceName": "backend",
    }
    assert TARGET.dimensions(facts, "fleet") == {
        "LoadBalancer": "app/test/1",
        "TargetGroup": "targetgroup/fleet/1",
    }


@pytest.mark.parametrize("kind", [BALANCER, CERTIFICATE])
def test_what_is_not_there_has_no_name_and_no_dimensions(kind: object) -> None:
    other_kind = BALANCER if kind is BALANCER else CERTIFICATE
    facts = Facts(settings=build_settings())
    assert other_kind.names(facts) == ()
    with pytest.raises(LookupError, match=r"no (load balancer|certificate)"):
        other_kind.dimensions(facts, "")
