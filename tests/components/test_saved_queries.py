"""The queries of `ops logs query` are saved in CloudWatch, of the log groups that the stack has."""

from typing import Any

import pytest
from pydantic import JsonValue

from components.facts.log_queries import LOG_QUERIES, MAX_QUERY_GROUPS
from tests.world import run_whole_program

QUERY_TYPE = "aws:cloudwatch/queryDefinition:QueryDefinition"


def read_queries(stack: str, overrides: dict[str, JsonValue] | None = None) -> dict[str, Any]:
    world = run_whole_program(stack, overrides or {})
    return {
        resource.inputs["name"]: resource.inputs
        for resource in world.resources
        if resource.type == QUERY_TYPE
    }


def test_every_query_is_saved_with_its_text_and_its_log_groups() -> None:
    overrides: dict[str, JsonValue] = {"compute": "both", "cache": {"enabled": True}}
    queries = read_queries("prod", overrides)
    assert {
        name.removeprefix("bulwark-prod/"): q["queryString"] for name, q in queries.items()
    } == {key: query.text for key, query in LOG_QUERIES.items()}
    groups = {name: set(query["logGroupNames"]) for name, query in queries.items()}
    assert groups["bulwark-prod/errors"] >= {
        "/bulwark/prod/services/backend",
        "/bulwark/prod/fleet",
    }
    assert (
        "/aws/rds/instance/bulwark-prod-database/postgresql"
        in groups["bulwark-prod/slow-statements"]
    )
    assert groups["bulwark-prod/functions"] == {
        "/aws/lambda/bulwark-prod-rotation",
        "/aws/lambda/bulwark-prod-cache-rotation",
    }
    assert groups["bulwark-prod/rejected-flows"] == {"/bulwark/prod/flow-logs"}
    assert groups["bulwark-prod/blocked-requests"] == {"aws-waf-logs-bulwark-prod"}


def test_a_query_of_logs_that_the_stack_lacks_is_not_saved() -> None:
    queries = read_queries("prod", {"compute": "none", "network": {"flowLogs": ["s3"]}})
    assert {name.removeprefix("bulwark-prod/") for name in queries} == {
        key for key, query in LOG_QUERIES.items() if query.source in ("database", "function")
    }


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_saved_queries_are_a_setting(stack: str) -> None:
    assert read_queries(stack)
    assert not read_queries(stack, {"logs": {"savedQueries": False}})


def test_a_query_of_more_log_groups_than_it_may_have_is_saved_without() -> None:
    services: dict[str, JsonValue] = {
        f"s{number}": {"paths": [f"/s{number}/*"]} for number in range(MAX_QUERY_GROUPS)
    }
    overrides: dict[str, JsonValue] = {"compute": "both", "services": services}
    queries = read_queries("dev", overrides)
    assert queries["bulwark-dev/errors"].get("logGroupNames") is None
    assert queries["bulwark-dev/slow-statements"]["logGroupNames"]
