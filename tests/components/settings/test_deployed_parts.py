"""The deployed stack as data: what is not known of it refuses nothing."""

from dataclasses import fields

import pytest
from pydantic import JsonValue

from components.settings.deployed_parts import DeployedStack
from components.settings.deployed_stack import require_possible_changes
from tests.changes.table import build_deployed_stack
from tests.world import build_settings


@pytest.mark.parametrize(
    "values",
    [
        {"encryption": "aws", "database": {"crossRegionBackups": False}},
        {"network": {"cidr": "10.9.0.0/16", "zones": ["c", "a"]}},
        {"database": {"port": 6000, "name": "shop", "engineVersion": "14"}},
        {"cache": {"enabled": True, "engine": "redis"}},
    ],
)
def test_an_unknown_deployed_stack_refuses_no_settings(
    values: dict[str, JsonValue],
) -> None:
    require_possible_changes(build_settings(values), DeployedStack())


def test_a_deployment_leaves_a_value_of_every_part_that_settings_are_judged_by() -> None:
    settings = build_settings({"compute": "both", "cache": {"enabled": True}})
    deployed, unknown = build_deployed_stack(settings), DeployedStack()
    unset = {f.name for f in fields(unknown) if getattr(deployed, f.name) is None}
    assert unset <= {"fleet_template_version"}  # AWS numbers the versions
