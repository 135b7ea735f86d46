"""Secrets: encrypted, kept or gone with the stack, and written by Pulumi only once."""

import pytest

from sandbox.program import ResourceGraph
from tests.components.stores import build_stores_graph

SECRET_TYPE = "aws:secretsmanager/secret:Secret"


@pytest.mark.parametrize(("profile", "days"), [("prod", 30), ("dev", 0)])
def test_a_deleted_secret_can_be_had_back_where_the_stack_is_protected(
    profile: str, days: int
) -> None:
    secret = build_stores_graph(profile=profile).get_resource(SECRET_TYPE)
    assert secret.inputs["recoveryWindowInDays"] == days
    assert secret.protect is (profile == "prod")


def test_a_secret_can_be_replaced_while_the_old_one_waits_for_its_end() -> None:
    inputs = build_stores_graph().get_resource(SECRET_TYPE).inputs
    assert inputs["namePrefix"] == "bulwark-test-database-"
    assert "name" not in inputs


def test_no_password_stands_in_clear_in_any_input() -> None:
    graph: ResourceGraph = build_stores_graph({"cache": {"enabled": True}})
    word = graph.get_resource("random:index/randomPassword:RandomPassword", "cache-token").outputs[
        "result"
    ]
    holders = [
        (r, key) for r in graph if r.custom for key, value in r.inputs.items() if word in str(value)
    ]
    assert len(holders) == 4  # instance, replication group and two versions
    assert all(key in r.secrets for r, key in holders)
