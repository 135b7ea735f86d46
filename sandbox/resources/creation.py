"""Creates a resource in AWS as its entry describes."""

import hashlib
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.model import StructureShape

from sandbox.resources.entry import (
    REMAINING_INPUTS,
    EntryCall,
    EntryInputs,
    PhysicalNaming,
    ResourceEntry,
)
from sandbox.resources.expressions import evaluate_template
from sandbox.resources.type_conversion import UnknownInputError, convert_inputs, get_operation_noun


class CreationError(RuntimeError):
    """A resource that could not be made: its type and name, the call, and what was said."""


@dataclass(frozen=True)
class AwsLocation:
    """Where resources are made; `client` gives a boto3 client of a service and region."""

    account: str
    partition: str
    region: str
    client: Callable[[str, str], Any]


@dataclass(frozen=True)
class ProgramResource:
    """A resource as the program registers it."""

    type: str
    name: str
    inputs: EntryInputs

    @property
    def seed(self) -> str:
        """What is made up for a resource is made up from this: the same each time."""
        return f"{self.type}::{self.name}"


def create_resource(
    entry: ResourceEntry, resource: ProgramResource, location: AwsLocation
) -> tuple[str, dict[str, Any]]:
    """Creates a resource; returns its id and outputs. Raises CreationError."""
    return _ResourceCreation(entry, resource, location).create()


def find_created_resource(
    entry: ResourceEntry, resource: ProgramResource, resource_id: str, location: AwsLocation
) -> Any:
    """AWS's description of a resource; falsy if it does not exist."""
    return _ResourceCreation(entry, resource, location).find(resource_id)


def add_physical_name(naming: PhysicalNaming, resource: ProgramResource) -> EntryInputs:
    """The inputs with a name, generated from the logical one if there is none.

    Raises CreationError if it would be longer than AWS allows.
    """
    inputs = dict(resource.inputs)
    if inputs.get(naming.name) is None:
        digest = hashlib.sha256(resource.seed.encode()).hexdigest()
        prefix = inputs.get(naming.prefix) if naming.prefix else None
        if prefix is not None:
            inputs[naming.name] = prefix + digest[:26]
        else:
            inputs[naming.name] = f"{resource.name}-{digest[:7]}{naming.suffix}"
    if len(inputs[naming.name]) > naming.max_length:
        raise CreationError(
            f"{resource.type} {resource.name}: {naming.name} is {inputs[naming.name]}, "
            f"must have {naming.max_length} characters"
        )
    if naming.prefix:
        inputs.pop(naming.prefix, None)
    return inputs


def convert_whole_numbers(value: Any) -> Any:
    """A value with whole numbers as such: the wire between engine and program has only floats."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: convert_whole_numbers(item) for key, item in value.items() if item is not None}
    return [convert_whole_numbers(item) for item in value] if isinstance(value, list) else value


class _ResourceCreation:
    def __init__(
        self, entry: ResourceEntry, resource: ProgramResource, location: AwsLocation
    ) -> None:
        self.entry, self.resource, self.location = entry, resource, location
        whole_resource = ProgramResource(
            resource.type, resource.name, convert_whole_numbers(resource.inputs)
        )
        self.inputs = (
            add_physical_name(entry.naming, whole_resource)
            if entry.naming
            else dict(whole_resource.inputs)
        )
        self.variables: dict[str, Any] = {
            "in": self._prepare_inputs(),
            "account": location.account,
            "partition": location.partition,
            "region": self.inputs.get("region") or location.region,
            "name": resource.name,
            "seed": resource.seed,
        }

    def _prepare_inputs(self) -> EntryInputs:
        if self.entry.prepare is None:
            return self.inputs
        try:
            # What prepares takes blocks apart; the inputs themselves become outputs.
            return self.entry.prepare(deepcopy(self.inputs))
        except UnknownInputError as input_error:
            raise self._build_input_error(input_error) from None

    def create(self) -> tuple[str, dict[str, Any]]:
        create_step = self.entry.create_step
        input_names = (name for name, value in self.variables["in"].items() if value is not None)
        unused_names = [name for name in input_names if name not in self.entry.used_inputs]
        if unused_names and not self.entry.uses_remaining_inputs:
            raise self._build_input_error(UnknownInputError(unused_names[0]))
        self.variables["out"] = (
            self._run_call(create_step)
            if isinstance(create_step, EntryCall)
            else create_step(self.variables)
        )
        resource_id = evaluate_template(self.entry.id, self.variables)
        if not isinstance(resource_id, str):
            raise self._build_error(
                create_step, f"no id at {self.entry.id} of {self.variables['out']}"
            )
        self.variables["id"] = resource_id
        self._wait_for_resource()
        for call in self.entry.later_calls:
            self._run_call(call)
        return resource_id, self._build_outputs()

    def find(self, resource_id: str) -> Any:
        """The answer of the call that finds it again."""
        assert self.entry.find_call is not None, f"nobody can find a {self.resource.type}"
        variables = {**self.variables, "id": resource_id}
        variables["out"] = self._send_call(self.entry.find_call, variables)
        return (
            evaluate_template(self.entry.find_result, variables)
            if self.entry.find_result
            else variables["out"]
        )

    def _run_call(self, call: EntryCall) -> Any:
        if call.condition is not None and not _is_condition_true(
            evaluate_template(call.condition, self.variables)
        ):
            return None
        items = (
            [None]
            if call.item_source is None
            else evaluate_template(call.item_source, self.variables) or []
        )
        answer = None
        for item in items:
            variables = (
                self.variables if call.item_source is None else {**self.variables, "item": item}
            )
            answer = self._send_call(call, variables)
        if call.result_name is not None:
            self.variables[call.result_name] = answer
        return answer

    def _send_call(self, call: EntryCall, variables: Mapping[str, Any]) -> Any:
        service, _, method = call.operation.partition(".")
        client = self.location.client(service, variables["region"])
        try:
            params = evaluate_template(call.params, variables)
            converted_params = self._convert_call_inputs(call, client, method)
            return getattr(client, method)(**_merge_params(converted_params, params))
        except UnknownInputError as input_error:
            raise self._build_input_error(input_error) from None
        except Exception as error:  # moto also fails with its own AttributeErrors and the like
            raise self._build_error(call, f"{type(error).__name__}: {error}") from error

    def _convert_call_inputs(self, call: EntryCall, client: Any, method: str) -> dict[str, Any]:
        if not call.inputs:
            return {}
        inputs = self.variables["in"]
        names = (
            [input_name for input_name in inputs if input_name not in self.entry.used_inputs]
            if call.inputs == REMAINING_INPUTS
            else call.inputs
        )
        call_inputs = {name: inputs[name] for name in names if inputs.get(name) is not None}
        operation = client.meta.method_to_api_mapping[method]
        shape = client.meta.service_model.operation_model(operation).input_shape
        noun = get_operation_noun(operation)
        if call.params_member is None:
            return convert_inputs(
                shape,
                call_inputs,
                rename=call.rename,
                noun=noun,
                tag_resource_type=self.entry.tag_resource_type,
            )
        inner_shape = shape.members[call.params_member]
        assert isinstance(inner_shape, StructureShape)
        return {
            call.params_member: convert_inputs(
                inner_shape, call_inputs, rename=call.rename, noun=noun
            )
        }

    def _wait_for_resource(self) -> None:
        if self.entry.waiter is None:
            return
        service, _, waiter = self.entry.waiter.partition(".")
        client = self.location.client(service, self.variables["region"])
        client.get_waiter(waiter).wait(
            **evaluate_template(self.entry.waiter_params, self.variables)
        )

    def _build_outputs(self) -> dict[str, Any]:
        description = (
            evaluate_template(self.entry.description, self.variables)
            if self.entry.description
            else None
        )
        result = {
            key[0].lower() + key[1:]: _convert_times(value)
            for key, value in (description or {}).items()
            if isinstance(value, (str, int, float, bool, datetime))
        }
        result |= self.inputs
        result |= _convert_times(evaluate_template(self.entry.outputs, self.variables))
        result["region"] = self.variables["region"]
        if "tags" in self.inputs:
            result["tagsAll"] = self.inputs["tags"]
        return result

    def _build_input_error(self, input_error: UnknownInputError) -> CreationError:
        return CreationError(
            f"{self.resource.type} {self.resource.name}: input {input_error} is in no call: "
            "say in the entry where it goes, or why it is left"
        )

    def _build_error(self, call: EntryCall | Callable[..., Any], message: str) -> CreationError:
        operation = call.operation if isinstance(call, EntryCall) else call.__name__
        return CreationError(f"{self.resource.type} {self.resource.name}: {operation}: {message}")


def _convert_times(value: Any) -> Any:
    """A value as it can go over the wire to the program: times as text."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: _convert_times(item) for key, item in value.items()}
    return [_convert_times(item) for item in value] if isinstance(value, list) else value


def _is_condition_true(value: Any) -> bool:
    return value is not None and value is not False


def _merge_params(base_params: dict[str, Any], other_params: Mapping[str, Any]) -> dict[str, Any]:
    """Both; where both have a mapping under one name, its members."""
    result = dict(base_params)
    for key, value in other_params.items():
        base_value = result.get(key)
        if isinstance(base_value, dict) and isinstance(value, Mapping):
            result[key] = _merge_params(base_value, value)
        else:
            result[key] = value
    return result
