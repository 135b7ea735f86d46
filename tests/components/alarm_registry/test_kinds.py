"""The kinds of things that are watched."""

import pytest

from components.alarm_registry.kinds import (
    CERTIFICATE_KIND,
    DB_INSTANCE_KIND,
    LOAD_BALANCER_KIND,
    SERVICE_KIND,
    TARGET_GROUP_KIND,
)
from components.alarm_registry.model import RegistryFacts
from tests.components.monitored_stack import ALL_WATCHED_CONFIG, build_stack_facts
from tests.world import build_settings


def test_dimensions_are_those_of_cloudwatch() -> None:
    facts = build_stack_facts(ALL_WATCHED_CONFIG)
    assert DB_INSTANCE_KIND.list_names(facts) == ("primary", "replica-1")
    assert DB_INSTANCE_KIND.get_dimensions(facts, "primary") == {
        "DBInstanceIdentifier": "bulwark-test-database"
    }
    assert DB_INSTANCE_KIND.get_dimensions(facts, "replica-1") == {
        "DBInstanceIdentifier": "bulwark-test-database-replica-1"
    }
    assert SERVICE_KIND.get_dimensions(facts, "backend") == {
        "ClusterName": "bulwark-test",
        "ServiceName": "backend",
    }
    assert TARGET_GROUP_KIND.get_dimensions(facts, "fleet") == {
        "LoadBalancer": "app/test/1",
        "TargetGroup": "targetgroup/fleet/1",
    }


@pytest.mark.parametrize("kind", [LOAD_BALANCER_KIND, CERTIFICATE_KIND])
def test_a_kind_that_the_stack_lacks_has_no_names_and_no_dimensions(kind: object) -> None:
    other_kind = LOAD_BALANCER_KIND if kind is LOAD_BALANCER_KIND else CERTIFICATE_KIND
    facts = RegistryFacts(settings=build_settings())
    assert other_kind.list_names(facts) == ()
    with pytest.raises(LookupError, match=r"no (load balancer|certificate)"):
        other_kind.get_dimensions(facts, "")
