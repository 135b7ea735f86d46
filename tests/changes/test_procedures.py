"""The procedures of docs/changing.md, carried out: one deployment after another, as Pulumi would.

Each deployment must be possible, must delete nothing that is protected, and must lose no data.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import pytest
from pydantic import JsonValue

from components.resource_keys import build_resource_key
from components.settings.deployed_stack import require_possible_changes
from components.settings.profiles import merge_values
from tests.changes.steps import ChangeStep, list_steps
from tests.changes.table import (
    build_deployed_stack,
    build_overrides,
    load_settings_with,
    load_table,
)
from tests.world import run_whole_program

Values = Mapping[str, JsonValue]
STACK = "prod"
WHOLE: Values = {"compute": "both", "cache": {"enabled": True}}
# Each needs a release; the table says the same of each.
PROTECTED_KEYS = [key for key, change in load_table().items() if change.verdict == "protected"]
QUICK_KEYS = ("network.zones", "network.nat")
# Replication of automated backups ends and begins in the other region, as the table says.
EXPECTED_LOSSES = {"recoveryRegion": ["database"]}


def change_settings(before: Values, after: Values) -> list[ChangeStep]:
    """The steps of a deployment that the program accepts on the stack as it was deployed."""
    settings = [
        load_settings_with(STACK, build_overrides(STACK, values)) for values in (before, after)
    ]
    require_possible_changes(settings[1], build_deployed_stack(settings[0]))
    graphs = [
        run_whole_program(STACK, build_overrides(STACK, values)) for values in (before, after)
    ]
    return list_steps(*graphs)


def list_protected_keys(steps: list[ChangeStep]) -> list[JsonValue]:
    """What Pulumi names when it refuses a deployment, as `deletion.release` takes it."""
    return [
        build_resource_key(step.type, step.name)
        for step in steps
        if step.is_protected and step.operation in ("delete", "replace")
    ]


def carry_out(*deployments: Values, losses: Sequence[str] = ()) -> None:
    """Deploys the settings one after another; releases what each next one removes before it."""
    for before, after in pairwise(deployments):
        released_keys = list_protected_keys(change_settings(before, after))
        if not released_keys:
            continue
        released = merge_values(before, {"deletion": {"release": released_keys}})
        release_steps = change_settings(before, released)
        assert {step.operation for step in release_steps} <= {"update"}
        steps = change_settings(released, after)
        assert list_protected_keys(steps) == [], after
        assert list_lost_names(steps, released) == [*losses], after


def list_lost_names(steps: list[ChangeStep], before: Values) -> list[str]:
    """What loses data and does not stay in AWS."""
    graph = run_whole_program(STACK, build_overrides(STACK, before))
    retained = {(item.type, item.name) for item in graph if item.retain_on_delete}
    return [
        step.name
        for step in steps
        if step.verdict == "loses" and (step.type, step.name) not in retained
    ]


def release_and_change(key: str) -> None:
    """Carries out the change of a row of the table."""
    change = load_table()[key]
    before = merge_values(WHOLE, change.given or {})
    after = merge_values(before, change.list_values()[0])
    assert list_protected_keys(change_settings(before, after)), "nothing was protected"
    carry_out(before, after, losses=EXPECTED_LOSSES.get(key, ()))


@pytest.mark.parametrize("key", QUICK_KEYS)
def test_a_released_resource_goes_with_the_next_deployment(key: str) -> None:
    release_and_change(key)


@pytest.mark.exhaustive
@pytest.mark.parametrize("key", [key for key in PROTECTED_KEYS if key not in QUICK_KEYS])
def test_every_protected_change_can_be_released(key: str) -> None:
    release_and_change(key)


@pytest.mark.exhaustive
def test_another_port_of_a_service() -> None:
    """A service beside it, the paths exchanged, the old one away."""
    frontend: JsonValue = {}
    beside: Values = {
        "services": {
            "backend": {"paths": ["/api/*"]},
            "next": {"paths": ["/next/*"], "port": 9090},
            "frontend": frontend,
        }
    }
    exchanged: Values = {
        "services": {
            "backend": {"paths": ["/next/*"]},
            "next": {"paths": ["/api/*"], "port": 9090},
            "frontend": frontend,
        }
    }
    alone: Values = {
        "services": {
            "backend": None,
            "next": {"paths": ["/api/*"], "port": 9090},
            "frontend": frontend,
        }
    }
    carry_out({}, beside, exchanged, alone)


@pytest.mark.exhaustive
def test_another_port_of_the_fleet() -> None:
    carry_out(
        {"compute": "both"},
        {"compute": "services"},
        {"compute": "both", "fleet": {"port": 9090}},
    )


@pytest.mark.exhaustive
def test_another_port_of_the_cache() -> None:
    carry_out(
        {"cache": {"enabled": True}},
        {"cache": {"enabled": False}},
        {"cache": {"enabled": True, "port": 6380}},
    )


@pytest.mark.exhaustive
def test_fewer_zones_and_the_standby_back() -> None:
    carry_out(
        WHOLE,
        merge_values(WHOLE, {"database": {"multiAz": False}, "cache": {"enabled": False}}),
        merge_values(
            WHOLE,
            {
                "database": {"multiAz": False},
                "cache": {"enabled": False},
                "network": {"zones": ["a", "b"]},
            },
        ),
        merge_values(WHOLE, {"network": {"zones": ["a", "b"]}}),
    )


@pytest.mark.exhaustive
def test_a_stack_is_destroyed_in_three_steps() -> None:
    """`protect: false` changes nothing else, and then nothing is protected any longer."""
    unprotected: Values = merge_values(WHOLE, {"protect": False})
    steps = change_settings(WHOLE, unprotected)
    assert {step.operation for step in steps} <= {"update"}
    graph = run_whole_program(STACK, build_overrides(STACK, unprotected))
    assert [resource.name for resource in graph if resource.protect] == []
