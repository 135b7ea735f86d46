"""The registry of entries: each says only what AWS's own models know."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.model import StructureShape

from sandbox.aws import _create_client
from sandbox.resources import (
    EntryChoice,
    ResourceEntry,
    UnknownResourceTypeError,
    get_entry,
    get_entry_module_name,
    load_entries,
)
from sandbox.resources.entry import EntryCall
from sandbox.resources.expressions import _compile_expression

REGION = "eu-north-1"
# Types whose resource nobody can look up again, and why.
TYPES_WITHOUT_FIND = {
    "random:index/randomId:RandomId": "it is only in the stack's state",
    "random:index/randomPassword:RandomPassword": "it is only in the stack's state",
}


def list_entry_alternatives(type_: str) -> list[ResourceEntry]:
    """The entries of a type: one, or those of a choice."""
    type_entry = load_entries()[type_]
    return (
        [*type_entry.by_input.values(), type_entry.default_entry]
        if isinstance(type_entry, EntryChoice)
        else [type_entry]
    )


def list_calls(type_: str) -> list[EntryCall]:
    """Every call that a type's entries make, with those that find it again."""
    entry_calls = [
        call
        for alternative in list_entry_alternatives(type_)
        for call in (alternative.create_step, *alternative.later_calls, alternative.find_call)
    ]
    return [call for call in entry_calls if isinstance(call, EntryCall)]


def get_input_shape(call: EntryCall) -> StructureShape:
    """The parameters of the operation. Fails where there is no such operation."""
    service, _, method = call.operation.partition(".")
    meta = _create_client(service, REGION).meta
    operation = meta.method_to_api_mapping[method]
    return meta.service_model.operation_model(operation).input_shape  # type: ignore[no-any-return]


def test_resource_entries_are_loaded() -> None:
    assert len(list(load_entries())) > 70


@pytest.mark.parametrize("type_", sorted(load_entries()))
def test_a_call_is_to_an_operation_with_those_parameters(type_: str) -> None:
    for call in list_calls(type_):
        member_names = set(get_input_shape(call).members)
        assert (
            set(call.params) | ({call.params_member} if call.params_member else set())
            <= member_names
        ), call.operation


@pytest.mark.parametrize("type_", sorted(load_entries()))
def test_a_rename_leads_to_a_name_that_an_operation_of_the_type_has(type_: str) -> None:
    names = {
        name
        for call in list_calls(type_)
        for name in _list_shape_names(get_input_shape(call), set())
    }
    assert {name for call in list_calls(type_) for name in call.rename.values()} <= names


def _list_shape_names(shape: Any, visited: set[str]) -> Iterator[str]:
    if shape.name in visited:
        return
    visited.add(shape.name)
    for name, member in getattr(shape, "members", {}).items():
        yield name
        yield from _list_shape_names(member, visited)
    if shape.type_name == "list":
        yield from _list_shape_names(shape.member, visited)


@pytest.mark.parametrize("type_", sorted(load_entries()))
def test_every_expression_can_be_read(type_: str) -> None:
    entry_values: list[object] = [
        [call.params, call.condition or "id", call.item_source or "id"]
        for call in list_calls(type_)
    ]
    for alternative in list_entry_alternatives(type_):
        entry_values += [
            alternative.id,
            alternative.description or "id",
            alternative.find_result or "id",
            alternative.waiter_params,
            alternative.outputs,
        ]
    for text in _list_texts(entry_values):
        for expression in _parse_expressions(text):
            assert _compile_expression(expression)


def _list_texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from _list_texts(list(value.values()))
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _list_texts(item)


def _parse_expressions(text: str) -> list[str]:
    if "${" not in text:
        return [text]
    return [part.partition("}")[0] for part in text.split("${")[1:]]


@pytest.mark.parametrize("type_", sorted(load_entries()))
def test_every_created_resource_has_a_find_call(type_: str) -> None:
    assert all(
        (alternative.find_call is None) == (type_ in TYPES_WITHOUT_FIND)
        for alternative in list_entry_alternatives(type_)
    )


def test_a_type_without_an_entry_is_an_error_that_names_it_and_the_file() -> None:
    with pytest.raises(UnknownResourceTypeError) as caught:
        get_entry("aws:sqs/queue:Queue", {})
    assert str(caught.value) == (
        "aws:sqs/queue:Queue has no entry: add it to sandbox/resources/sqs.py, "
        "where the other types of its service stand"
    )


@pytest.mark.parametrize(
    ("type_", "file"),
    [
        ("aws:lb/listener:Listener", "elbv2"),
        ("aws:lambda/function:Function", "lambda_"),
        ("random:index/randomPassword:RandomPassword", "random"),
        ("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "vpc"),
    ],
)
def test_a_type_belongs_in_the_file_of_its_service(type_: str, file: str) -> None:
    assert get_entry_module_name(type_) == file


def test_an_alternative_is_selected_by_the_inputs_present() -> None:
    database = "aws:rds/instance:Instance"
    new = get_entry(database, {"identifier": "a"})
    replica = get_entry(database, {"identifier": "a", "replicateSourceDb": "b"})
    assert isinstance(new.create_step, EntryCall)
    assert isinstance(replica.create_step, EntryCall)
    assert new.create_step.operation == "rds.create_db_instance"
    assert replica.create_step.operation == "rds.create_db_instance_read_replica"
