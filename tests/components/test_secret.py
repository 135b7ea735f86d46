"""Secrets: encrypted, kept or gone with the stack, and written by Pulumi only once."""

import pytest

from sandbox.program import ResourceGraph
from tests.components.stores import stores

SECRET = "aws:secretsmanager/secret:Secret"


@pytest.mark.parametrize(("profile", "days"), [("prod", 30), ("dev", 0)])
def test_a_deleted_secret_can_be_had_back_where_the_stack_is_protected(
    profile: str, days: int
) -> None:
    made = stores(profile=profile).get_resource(SECRET)
    assert made.inputs["recoveryWindowInDays"] == days
    assert made.protect is (profile == "prod")


def test_a_secret_can_be_replaced_while_the_old_one_waits_for_its_end() -> None:
    made = stores().get_resource(SECRET).inputs
    assert made["namePrefix"] == "bulwark-test-database-"
    assert "name" not in made


def test_no_password_stands_in_clear_in_any_input() -> None:
    graph: ResourceGraph = stores({"cache": {"enabled": True}})
    word = graph.get_resource("random:index/randomPassword:RandomPassword", "cache-token").outputs[
        "result"
    ]
    holders = [
        (r, key) for r in graph if r.custom for key, value in r.inputs.items() if word in str(value)
    ]
    assert len(holders) == 4  # instance, replication group and two versions
    assert all(key in r.secrets for r, key in holders)
