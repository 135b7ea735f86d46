"""Parts of the contract are filled whole, or refused at once."""

from typing import Any

import pulumi
import pytest
from pulumi import Output

from components.component import Component
from components.contract import build_contract_part
from ops.outputs import CachePart, DashboardsPart
from tests.conftest import Build
from tests.world import build_settings


def test_a_part_is_exported_in_camel_case(build: Build) -> None:
    def program() -> None:
        Component("Anything", "anything", settings=build_settings())
        names = {"database": Output.from_input("d")}
        pulumi.export("part", build_contract_part(DashboardsPart, dashboards=names))

    assert build(program).exports == {"part": {"dashboards": {"database": "d"}}}


def test_all_missing_and_unknown_fields_are_named_together() -> None:
    with pytest.raises(TypeError, match="DashboardsPart lacks dashboards"):
        build_contract_part(DashboardsPart)
    with pytest.raises(TypeError, match="DashboardsPart has no colour"):
        build_contract_part(DashboardsPart, dashboards={}, colour="red")


def test_a_value_of_another_type_is_refused_when_it_is_known(build: Build) -> None:
    values: dict[str, Any] = dict.fromkeys(CachePart.model_fields, "x")

    def program() -> None:
        Component("Anything", "anything", settings=build_settings())
        pulumi.export("part", build_contract_part(CachePart, **values))

    with pytest.raises(Exception, match="engine"):
        build(program)
