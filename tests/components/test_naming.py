"""Tags: the six on everything that can carry them, and the name."""

import pulumi_aws as aws
import pytest

from components.component import Component
from components.naming import build_stack_tags, has_tags
from tests.conftest import Build
from tests.world import build_settings

DEFAULT_TAGS = {
    "Project": "bulwark",
    "Environment": "test",
    "Component": "thing",
    "Owner": "platform",
    "CostCenter": "cc-1",
    "ManagedBy": "pulumi",
}


def test_there_are_six_tags() -> None:
    assert build_stack_tags(build_settings(), "thing") == DEFAULT_TAGS


@pytest.mark.parametrize(
    ("resource", "expected"), [(aws.sns.Topic, True), (aws.s3.BucketPolicy, False), (int, False)]
)
def test_the_sdk_says_what_can_carry_tags(resource: type, expected: bool) -> None:
    assert has_tags(resource) is expected


def test_a_childs_own_tags_win(build: Build) -> None:
    def program() -> None:
        thing = Component("Thing", "thing", settings=build_settings())
        aws.sns.Topic(
            thing.format_logical_name("a"),
            tags={"Owner": "me", "More": "x"},
            opts=thing.child_options,
        )

    tags = build(program).get_resource("aws:sns/topic:Topic").inputs["tags"]
    assert tags == DEFAULT_TAGS | {"Owner": "me", "More": "x", "Name": "bulwark-test-thing-a"}


def test_a_groups_tags_reach_its_instances(build: Build) -> None:
    def program() -> None:
        thing = Component("Thing", "thing", settings=build_settings())
        aws.autoscaling.Group(
            thing.format_logical_name("a"), max_size=1, min_size=1, opts=thing.child_options
        )

    tag_list = build(program).get_resource("aws:autoscaling/group:Group").inputs["tags"]
    assert {tag["key"]: tag["value"] for tag in tag_list} == DEFAULT_TAGS | {
        "Name": "bulwark-test-thing-a"
    }
    assert all(tag["propagateAtLaunch"] for tag in tag_list)
