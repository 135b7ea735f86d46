"""Tags of the settings: refused if a service would refuse them, on all that can carry tags."""

import re
from typing import Any

import botocore.session
import pytest
from pydantic import JsonValue

from components.facts.fleet import AUTO_SCALING_GROUP_TYPE
from components.facts.model import STACK_TAG_KEYS
from components.naming import build_stack_tags
from components.settings.tags import (
    MAX_KEY_CHARACTERS,
    MAX_TAGS,
    MAX_VALUE_CHARACTERS,
    RESOURCE_TAG_KEYS,
)
from sandbox.aws import use_in_memory_aws
from sandbox.deploy import deploy_in_memory
from tests.components.settings.test_loader import get_settings_error
from tests.test_program import STACK_VARIANTS
from tests.world import build_settings, run_whole_program

TAGS: dict[str, JsonValue] = {"team": "payments", "cost/unit": "größe 3 @ a+b=c_d-e.f"}
LONGEST: dict[str, JsonValue] = {f"{n:0>128}": "v" * 256 for n in range(MAX_TAGS)}


@pytest.mark.parametrize("tags", [{}, TAGS, LONGEST])
def test_tags_that_every_service_accepts_are_accepted(tags: dict[str, JsonValue]) -> None:
    settings = build_settings({"tags": tags})
    assert settings.tags == tags
    assert set(build_stack_tags(settings, "thing")) == {*tags, *STACK_TAG_KEYS}


@pytest.mark.parametrize(
    ("tags", "line"),
    [
        ({"": "x"}, "tags. has that name, must be 1 to 128 letters, digits, spaces between"),
        ({"k" * 129: "x"}, f"tags.{'k' * 129} has that name, must be 1 to 128 letters"),
        ({"a#b": "x"}, "tags.a#b has that name, must be 1 to 128 letters"),
        ({"a\n": "x"}, "tags.a\n has that name, must be 1 to 128 letters"),
        ({" a": "x"}, "tags. a has that name, must be 1 to 128 letters"),
        ({"aws:team": "x"}, "tags.aws:team has that name, must not begin with aws: or bulwark:"),
        ({"AWS:team": "x"}, "tags.AWS:team has that name, must not begin with aws: or bulwark:"),
        ({"bulwark:run": "x"}, "tags.bulwark:run has that name, must not begin with aws: or"),
        ({"Owner": "x"}, "tags.Owner has that name, must be none of Project, Environment, "),
        ({"name": "x"}, "tags.name has that name, must be none of Project, Environment, "),
        ({"team": ""}, "tags.team is '', must be 1 to 256 letters, digits, spaces between"),
        ({"team": "v" * 257}, f"tags.team is '{'v' * 257}', must be 1 to 256 letters, digits"),
        ({"team": "aws:x"}, "tags.team is 'aws:x', must be 1 to 256 letters"),
        ({"team": "a;b"}, "tags.team is 'a;b', must be 1 to 256 letters"),
        ({"team": 3}, "tags.team is 3, must be text"),
        ({"team": None}, "tags.team is null, must be text"),
        ({"team": "a", "Team": "b"}, "tags is an object, must hold no keys that differ in their"),
        ({f"k{n}": "x" for n in range(MAX_TAGS + 1)}, "tags is an object, must have at most 40"),
    ],
)
def test_invalid_tags_are_refused_by_their_key(tags: dict[str, JsonValue], line: str) -> None:
    assert get_settings_error({"tags": tags}).startswith(f"bulwark:{line}")


def test_tag_limits_match_those_of_the_services() -> None:
    """Of all that botocore knows a limit of; `\\p{L}\\p{Z}\\p{N}` are letters, spaces, digits."""
    session = botocore.session.get_session()
    patterns = set()
    for service in ("acm", "ecs", "elbv2", "iam", "kms", "secretsmanager", "sns", "ssm", "wafv2"):
        tag_shape: Any = session.get_service_model(service).shape_for("Tag")
        for name, shape in tag_shape.members.items():
            is_key = name.lower().endswith("key")
            assert shape.metadata["max"] == (MAX_KEY_CHARACTERS if is_key else MAX_VALUE_CHARACTERS)
            patterns.add(re.sub(r"[()^$*+]+$|^[()^$]+", "", shape.metadata.get("pattern", "")))
    assert patterns == {"", r"[\p{L}\p{Z}\p{N}_.:/=+\-@]"}
    assert MAX_TAGS + len((*STACK_TAG_KEYS, *RESOURCE_TAG_KEYS)) + 2 == 50


@pytest.mark.parametrize("variant", ["dev", "everything"])
def test_extra_tags_reach_every_taggable_resource_and_its_instances(variant: str) -> None:
    stack, overrides = STACK_VARIANTS[variant]
    without = {r.urn: r for r in run_whole_program(stack, overrides)}
    tagged = 0
    for resource in run_whole_program(stack, {**overrides, "tags": TAGS}):
        tags = resource.inputs.get("tags")
        if tags is None:
            continue
        if resource.type == AUTO_SCALING_GROUP_TYPE:
            assert all(tag["propagateAtLaunch"] for tag in tags)
            tags = {tag["key"]: tag["value"] for tag in tags}
            previous = {t["key"]: t["value"] for t in without[resource.urn].inputs["tags"]}
        else:
            previous = without[resource.urn].inputs["tags"]
        assert tags == {**TAGS, **previous}, resource.urn
        assert len(tags) <= len(TAGS) + len(STACK_TAG_KEYS) + len(RESOURCE_TAG_KEYS)
        if resource.type == "aws:ec2/launchTemplate:LaunchTemplate":
            for specification in resource.inputs["tagSpecifications"]:
                assert specification["tags"].items() >= TAGS.items()
        if resource.type == "aws:ec2/instance:Instance":
            assert resource.inputs["rootBlockDevice"]["tags"].items() >= TAGS.items()
            assert "tags" not in without[resource.urn].inputs["rootBlockDevice"]
        if resource.type == "aws:ecs/service:Service":
            assert resource.inputs["propagateTags"] == "SERVICE"
        if resource.type == "aws:rds/instance:Instance":
            assert resource.inputs["copyTagsToSnapshot"] is True
        tagged += 1
    assert tagged > 40


def test_the_in_memory_aws_accepts_extra_tags() -> None:
    with use_in_memory_aws("eu-north-1"):
        deployment = deploy_in_memory("dev", {"tags": TAGS})
        role = deployment.graph.list_resources("aws:iam/role:Role")[0]
    assert role.inputs["tags"].items() >= TAGS.items()
