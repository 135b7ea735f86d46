"""The base of components: parents, names, protection, tags."""

import pulumi_aws as aws
import pytest

from components.component import Component
from tests.conftest import Build
from tests.world import build_settings

TOPIC_TYPE = "aws:sns/topic:Topic"


class OuterComponent(Component):
    """A component with a child, a guarded child, and a component inside."""

    def __init__(self, protect: bool) -> None:
        super().__init__(
            "Outer", "outer", settings=build_settings({"protect": str(protect).lower()})
        )
        aws.sns.Topic(
            self.format_logical_name("plain"),
            name=self.format_physical_name("plain"),
            opts=self.child_options,
        )
        aws.sns.Topic(
            self.format_logical_name("kept"),
            opts=self.build_protected_options(ignore_changes=["name"]),
        )
        inner = Component(
            "Inner",
            self.format_logical_name("inner"),
            settings=self.settings,
            opts=self.child_options,
        )
        aws.sns.Topic(
            inner.format_logical_name("deep"), opts=inner.build_child_options(depends_on=[])
        )


@pytest.mark.parametrize("protect", [True, False])
def test_guarded_resources_are_protected_if_the_stack_is(build: Build, protect: bool) -> None:
    topics = {t.name: t for t in build(lambda: OuterComponent(protect)).list_resources(TOPIC_TYPE)}
    assert {name: t.protect for name, t in topics.items()} == {
        "outer-plain": False,
        "outer-kept": protect,
        "outer-inner-deep": False,
    }
    assert topics["outer-kept"].ignore_changes == ("name",)


def test_children_are_named_from_the_component_and_the_stack(build: Build) -> None:
    graph = build(lambda: OuterComponent(True))
    assert graph.get_resource(TOPIC_TYPE, "outer-plain").inputs["name"] == "bulwark-test-plain"
    assert [c.type for c in graph if not c.custom] == ["bulwark:index:Outer", "bulwark:index:Inner"]


def test_nested_components_keep_the_tags_of_the_outer_one(build: Build) -> None:
    graph = build(lambda: OuterComponent(True))
    for topic in graph.list_resources(TOPIC_TYPE):
        outer = graph.find_component(topic)
        assert outer is not None
        assert outer.name == topic.inputs["tags"]["Component"] == "outer"
