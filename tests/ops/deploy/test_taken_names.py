"""Names that a first deployment would give: found where they are taken, in any region."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import JsonValue

from ops.core.aws import Aws
from ops.core.errors import FindingsError
from ops.deploy.taken_names import (
    NAME_LOOKUPS,
    RECORD_TYPE,
    NameAnswers,
    TakenName,
    find_taken_names,
    require_free_names,
)
from ops.preview.changes import Preview, ResourceChange, parse_live
from sandbox.aws import get_client, use_in_memory_aws
from sandbox.deploy import InMemoryDeployment, deploy_in_memory
from sandbox.program import RegisteredResource, remove_secret_marks

REGION = "eu-north-1"


@dataclass(frozen=True)
class StandingStack:
    """What a deployment of a stack would create, and which names of it are taken as it stands."""

    creations: tuple[ResourceChange, ...]
    answers: NameAnswers


@pytest.fixture(scope="module")
def standing_stack() -> StandingStack:
    overrides: dict[str, JsonValue] = {"compute": "both", "cache": {"enabled": True}}
    with use_in_memory_aws(REGION):
        creations = tuple(list_creations(deploy_in_memory("prod", overrides)))
        preview = Preview("prod", creations)
        return StandingStack(creations, find_taken_names(Aws(REGION), REGION, preview))


def build_creation(type_: str, inputs: Mapping[str, Any], region: str = "") -> ResourceChange:
    return ResourceChange(
        f"urn:{type_}::x",
        "created",
        type_,
        "x",
        "stack",
        "",
        {},
        inputs,
        region=region,
    )


def get_resource_region(resource: RegisteredResource) -> str:
    arn = str(resource.outputs.get("arn", ""))
    return (arn.split(":") + [""] * 4)[3]


def list_creations(deployment: InMemoryDeployment) -> list[ResourceChange]:
    return [
        build_creation(
            resource.type, remove_secret_marks(dict(resource.inputs)), get_resource_region(resource)
        )
        for resource in deployment.graph
        if resource.is_in_aws
    ]


def test_every_fixed_name_of_a_standing_stack_is_taken(standing_stack: StandingStack) -> None:
    named = {
        (change.type, change.new[NAME_LOOKUPS[change.type].input_name])
        for change in standing_stack.creations
        if change.type in NAME_LOOKUPS and NAME_LOOKUPS[change.type].input_name in change.new
    }
    assert {type_ for type_, _ in named} >= NAME_LOOKUPS.keys()
    answers = standing_stack.answers
    assert answers.unknown == {}
    found = {(name.type, name.name) for name in answers.taken if name.type != RECORD_TYPE}
    assert named - found == set()
    overwritten = {name.type for name in answers.taken if name.is_overwritten}
    assert "aws:cloudwatch/dashboard:Dashboard" in overwritten


def test_no_name_is_taken_in_an_empty_account(standing_stack: StandingStack) -> None:
    creations = tuple(c for c in standing_stack.creations if c.type != RECORD_TYPE)
    with use_in_memory_aws(REGION):
        preview = Preview("prod", creations)
        assert find_taken_names(Aws(REGION), REGION, preview) == NameAnswers((), {})


def test_a_record_is_taken_by_its_name_and_type() -> None:
    with use_in_memory_aws(REGION):
        route53 = get_client("route53", REGION)
        zone = route53.create_hosted_zone(Name="example.com", CallerReference="x")["HostedZone"]
        for name in ("app.example.com", "*.example.com"):
            route53.change_resource_record_sets(
                HostedZoneId=zone["Id"],
                ChangeBatch={
                    "Changes": [
                        {
                            "Action": "CREATE",
                            "ResourceRecordSet": {
                                "Name": name,
                                "Type": "A",
                                "TTL": 60,
                                "ResourceRecords": [{"Value": "192.0.2.1"}],
                            },
                        }
                    ]
                },
            )
        zone_id = zone["Id"].rpartition("/")[2]

        def find(name: str, kind: str, **inputs: Any) -> list[str]:
            change = build_creation(
                RECORD_TYPE, {"zoneId": zone_id, "name": name, "type": kind, **inputs}
            )
            answers = find_taken_names(Aws(REGION), REGION, Preview("prod", (change,)))
            assert answers.unknown == {}
            return [taken.name for taken in answers.taken]

        assert find("app.example.com", "A") == ["app.example.com."]
        assert find("App.Example.com.", "A") == ["app.example.com."]
        assert find("*.example.com", "A") == ["*.example.com."]
        assert find("app.example.com", "AAAA") == []
        assert find("ap.example.com", "A") == []
        assert find("app.example.com", "A", allowOverwrite=True) == []


def test_what_is_imported_or_of_another_region_is_not_taken() -> None:
    type_ = "aws:ecs/cluster:Cluster"
    inputs: dict[str, JsonValue] = {"name": "bulwark-prod"}

    def count_taken(op: str, region: str) -> int:
        provider = "urn:pulumi:prod::bulwark::pulumi:providers:aws::other"
        steps: list[JsonValue] = [
            {
                "op": "create",
                "urn": provider,
                "newState": {"type": "pulumi:providers:aws", "inputs": {"region": region}},
            },
            {
                "op": op,
                "urn": f"urn:pulumi:prod::bulwark::{type_}::cluster",
                "provider": f"{provider}::04da6b54-80e4-46f7-96ec-b56ff0331ba9",
                "newState": {"type": type_, "inputs": inputs},
            },
        ]
        preview = parse_live({"steps": steps}, "prod")
        return len(find_taken_names(Aws(REGION), REGION, preview).taken)

    with use_in_memory_aws(REGION):
        get_client("ecs", REGION).create_cluster(clusterName="bulwark-prod")
        assert count_taken("create", REGION) == 1
        assert count_taken("create", "eu-west-1") == 0
        assert count_taken("import", REGION) == 0
        get_client("ecs", REGION).delete_cluster(cluster="bulwark-prod")
        assert count_taken("create", REGION) == 0


def test_names_that_are_taken_stop_a_deployment_unless_a_person_says_why() -> None:
    taken = TakenName("aws:kms/alias:Alias", "alias/x", REGION, is_overwritten=False)
    board = TakenName("aws:cloudwatch/dashboard:Dashboard", "d", REGION, is_overwritten=True)
    with pytest.raises(FindingsError) as refused:
        require_free_names(NameAnswers((taken, board), {}), None)
    assert "Alias alias/x in eu-north-1: AWS would refuse it" in str(refused.value)
    assert "Dashboard d in eu-north-1: it would be overwritten" in str(refused.value)
    assert "`imports`" in str(refused.value)
    (note,) = require_free_names(NameAnswers((taken,), {}), "it is ours")
    assert "since it is ours" in note
    (unknown,) = require_free_names(NameAnswers((), {"Role r": "iam.get_role was denied"}), None)
    assert "1 name could not be looked up" in unknown
    assert "iam.get_role was denied" in unknown
