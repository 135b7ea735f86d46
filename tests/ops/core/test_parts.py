"""The names of parts: one table for logs, metrics and changes."""

from typing import get_args

import pytest

from ops.changes.model import list_change_parts
from ops.core.parts import (
    FIXED_PARTS,
    FixedPartName,
    find_part,
    get_service_part,
    list_service_parts,
)
from ops.logs.parts import list_log_parts
from ops.metrics.parts import list_metric_parts
from ops.outputs import Outputs
from tests.ops.single_check import build_changed_outputs
from tests.ops.stage import STACK_PREFIX, build_stack_outputs

REPLICA = "database-replica-1"


def build_named_outputs(*names: str) -> Outputs:
    """Outputs with services of these names, and a replica."""
    services = build_stack_outputs().services
    assert services is not None
    backend = services.services["backend"]
    named = {name: backend.model_copy(update={"name": name}) for name in names}
    outputs = build_changed_outputs("services", services=named)
    database = outputs.database.model_copy(update={"replicas": (f"{STACK_PREFIX}-{REPLICA}",)})
    return outputs.model_copy(update={"database": database})


@pytest.mark.parametrize("name", [*FIXED_PARTS, REPLICA])
def test_a_service_that_is_called_like_a_part_has_one_name_in_every_look(name: str) -> None:
    outputs = build_named_outputs(name, "web")
    for parts in (list_log_parts(outputs), list_metric_parts(outputs), list_change_parts(outputs)):
        assert f"service/{name}" in parts
        assert "web" in parts
        assert find_part(parts, "service/web") == parts["web"]
    assert list_service_parts(outputs) == {f"service/{name}": name, "web": "web"}


def test_every_part_of_a_look_is_in_the_table() -> None:
    outputs = build_named_outputs("web")
    names = {*list_log_parts(outputs), *list_metric_parts(outputs), *list_change_parts(outputs)}
    assert {name.partition("/")[0] for name in names} - {"web", REPLICA} <= {*FIXED_PARTS}
    assert {*FIXED_PARTS} == {*get_args(FixedPartName)}
    assert get_service_part(outputs, "web") == "web"
    assert find_part({"web": 1}, "service/other") is None
