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
    changed = [merge_values(before, values) for values in change.list_values()]
    protected = [after for after in changed if list_protected_keys(change_settings(before, after))]
    assert protected, "nothing was protected"
    carry_out(before, protected[0], losses=EXPECTED_LOSSES.get(key, ()))


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


# What stays after a destruction: a name or a key that the next stack takes over, and settings of
# those that are written again as they are.
IMPORTED_TYPES = frozenset(
    {
        "aws:backup/vault:Vault",
        "aws:cloudwatch/logGroup:LogGroup",
        "aws:ecr/repository:Repository",
        "aws:kms/key:Key",
        "aws:s3/bucket:Bucket",
    }
)
REWRITTEN_TYPES = frozenset(
    {
        "aws:ecr/lifecyclePolicy:LifecyclePolicy",
        "aws:ecr/repositoryPolicy:RepositoryPolicy",
        "aws:route53/record:Record",  # the proof of a name, which may be there already
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        "aws:s3/bucketLogging:BucketLogging",
        "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
        "aws:s3/bucketPolicy:BucketPolicy",
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        "aws:s3/bucketVersioning:BucketVersioning",
    }
)


def test_a_stack_comes_again_under_the_name_of_a_destroyed_one() -> None:
    """Everything that stays with a fixed name is imported, the keys that encrypt it with it."""
    graph = run_whole_program(STACK, build_overrides(STACK, WHOLE))
    retained = [item for item in graph if item.retain_on_delete]
    assert {item.type for item in retained} <= IMPORTED_TYPES | REWRITTEN_TYPES
    imports: dict[str, JsonValue] = {
        build_resource_key(item.type, item.name): f"{item.id}@{item.inputs.get('region')}"
        for item in retained
        if item.type in IMPORTED_TYPES
    }
    assert {"kms/key keys-data", "kms/key keys-recovery", "backup/vault backups"} <= imports.keys()
    again = merge_values(
        WHOLE,
        {"imports": imports, "database": {"restoreFrom": {"snapshot": "bulwark-prod-final-0a1b"}}},
    )
    imported = run_whole_program(STACK, build_overrides(STACK, again))
    taken_over = {
        build_resource_key(item.type, item.name): item.import_id
        for item in imported
        if item.import_id
    }
    assert taken_over == imports
    (database,) = (
        item
        for item in imported
        if (item.type, item.name) == ("aws:rds/instance:Instance", "database")
    )
    assert database.inputs["snapshotIdentifier"] == "bulwark-prod-final-0a1b"


def test_a_deleted_secret_keeps_no_name_from_the_next_stack() -> None:
    """Secrets Manager keeps the name of a deleted secret for its recovery window."""
    graph = run_whole_program(STACK, build_overrides(STACK, WHOLE))
    secrets = graph.list_resources("aws:secretsmanager/secret:Secret")
    assert len(secrets) == 2
    for secret in secrets:
        assert "name" not in secret.inputs
        assert secret.inputs["namePrefix"].startswith("bulwark-prod-")
