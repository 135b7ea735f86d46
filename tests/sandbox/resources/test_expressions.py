"""Expressions of entries."""

from typing import Any

import pytest

from sandbox.resources.expressions import evaluate_template, list_template_inputs

EXPRESSION_VALUES: dict[str, Any] = {
    "id": "vpc-1",
    "region": "eu-north-1",
    "in": {"name": "web", "tags": {"Owner": "me"}, "ids": ["b"], "off": False, "doc": '{"a": [1]}'},
    "out": {"Vpc": {"Arn": "arn:x:y/z", "List": [{"Id": "a"}, {"Id": "b"}]}},
}


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("out.Vpc.Arn", "arn:x:y/z"),
        ("'text'", "text"),
        ("${region}:${in.name}", "eu-north-1:web"),
        ("${region}:${in.missing}", None),
        ("after(out.Vpc.Arn, '/')", "z"),
        ("after(in.name, '/')", "web"),
        ("before(out.Vpc.Arn, '/')", "arn:x:y"),
        ("split(out.Vpc.Arn, ':')[1]", "x"),
        ("pairs(in.tags)", [{"Key": "Owner", "Value": "me"}]),
        ("pairs(in.missing)", []),
        ("parsed(in.doc)", {"a": [1]}),
        ("among(out.Vpc.List, 'Id', in.ids)", [{"Id": "b"}]),
        ({"VpcId": "id", "Gone": "in.missing"}, {"VpcId": "vpc-1"}),
        (["id", "in.missing", {"A": "in.off"}], ["vpc-1", {"A": False}]),
        ({"MinCount": 1, "On": True}, {"MinCount": 1, "On": True}),
    ],
)
def test_a_template_is_filled_with_what_is_known(template: object, value: object) -> None:
    assert evaluate_template(template, EXPRESSION_VALUES) == value


def test_the_inputs_that_a_template_speaks_of_are_seen_at_any_depth() -> None:
    template = {"A": "in.one || in.two", "B": [{"C": "${in.three}/${out.X}"}], "D": 4}
    assert list_template_inputs(template) == {"one", "two", "three"}
