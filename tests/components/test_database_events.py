"""RDS's events: who hears of which."""

import pytest

from components.database_events import EVENT_SUBSCRIPTIONS
from sandbox.program import ResourceGraph
from tests.components.stores import build_stores_graph

DB_EVENT_SUBSCRIPTION_TYPE = "aws:rds/eventSubscription:EventSubscription"


@pytest.fixture
def prod() -> ResourceGraph:
    return build_stores_graph({"database": {"replicas": 1}})


@pytest.mark.parametrize(
    ("control", "source_type", "categories"),
    [
        ("RDS.20", "db-instance", {"configuration change", "failure", "maintenance"}),
        ("RDS.21", "db-parameter-group", {"configuration change"}),
        ("RDS.22", "db-security-group", {"configuration change", "failure"}),
    ],
)
def test_subscriptions_cover_the_events_that_security_hub_requires(
    prod: ResourceGraph, control: str, source_type: str, categories: set[str]
) -> None:
    subscriptions = [
        s.inputs
        for s in prod.list_resources(DB_EVENT_SUBSCRIPTION_TYPE)
        if s.inputs["sourceType"] == source_type and set(s.inputs["eventCategories"]) == categories
    ]
    assert len(subscriptions) == 1, control
    assert subscriptions[0].get("enabled") is not False


def test_urgent_database_events_page(prod: ResourceGraph) -> None:
    page = prod.get_resource("aws:sns/topic:Topic", "topics-page").outputs["arn"]
    page_subscriptions = [
        s for s in prod.list_resources(DB_EVENT_SUBSCRIPTION_TYPE) if s.inputs["snsTopic"] == page
    ]
    assert {c for s in page_subscriptions for c in s.inputs["eventCategories"]} >= {
        "failover",
        "failure",
        "low storage",
        "deletion",
    }


def test_subscriptions_are_for_this_stacks_instances_only(prod: ResourceGraph) -> None:
    instances = {"bulwark-test-database", "bulwark-test-database-replica-1"}
    of_instances = [
        s.inputs
        for s in prod.list_resources(DB_EVENT_SUBSCRIPTION_TYPE)
        if s.inputs["sourceType"] == "db-instance"
    ]
    assert len(of_instances) == 3
    assert all(set(s["sourceIds"]) == instances for s in of_instances)


def test_each_entry_makes_one_subscription(prod: ResourceGraph) -> None:
    assert {s.name for s in prod.list_resources(DB_EVENT_SUBSCRIPTION_TYPE)} == {
        f"database-{key}" for key in EVENT_SUBSCRIPTIONS
    }
