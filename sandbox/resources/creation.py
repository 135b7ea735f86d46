"""Makes a resource in AWS as its entry says."""

import hashlib
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.model import StructureShape

from sandbox.resources.entry import REST, Call, Entry, Inputs, Naming
from sandbox.resources.expressions import evaluated
from sandbox.resources.type_conversion import UnfitError, fit, noun_of


class MakingError(RuntimeError):
    """A resource that could not be made: its type and name, the call, and what was said."""


@dataclass(frozen=True)
class Place:
    """Where resources are made; `client` gives a boto3 client of a service and region."""

    account: str
    partition: str
    region: str
    client: Callable[[str, str], Any]


@dataclass(frozen=True)
class Resource:
    """A resource as the program registers it."""

    type: str
    name: str
    inputs: Inputs

    @property
    def seed(self) -> str:
        """What is made up for a resource is made up from this: the same each time."""
        return f"{self.type}::{self.name}"


def make(entry: Entry, resource: Resource, place: Place) -> tuple[str, dict[str, Any]]:
    """Makes a resource; its id and its outputs. Raises MakingError."""
    return _Making(entry, resource, place).made()


def find(entry: Entry, resource: Resource, id_: str, place: Place) -> Any:
    """What AWS says of a resource that was made; falsy where it is not there."""
    return _Making(entry, resource, place).found(id_)


def named(naming: Naming, resource: Resource) -> Inputs:
    """The inputs with a name, made up from the logical one where there is none.

    Raises MakingError where it would be longer than AWS allows.
    """
    inputs = dict(resource.inputs)
    if inputs.get(naming.name) is None:
        digest = hashlib.sha256(resource.seed.encode()).hexdigest()
        prefix = inputs.get(naming.prefix) if naming.prefix else None
        if prefix is not None:
            inputs[naming.name] = prefix + digest[:26]
        else:
            inputs[naming.name] = f"{resource.name}-{digest[:7]}{naming.ending}"
    if len(inputs[naming.name]) > naming.limit:
        raise MakingError(
            f"{resource.type} {resource.name}: {naming.name} is {inputs[naming.name]}, "
            f"may have {naming.limit} characters"
        )
    if naming.prefix:
        inputs.pop(naming.prefix, None)
    return inputs


def whole(value: Any) -> Any:
    """A value with whole numbers as such: the wire between engine and program has only floats."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {k: whole(v) for k, v in value.items() if v is not None}
    return [whole(v) for v in value] if isinstance(value, list) else value


class _Making:
    def __init__(self, entry: Entry, resource: Resource, place: Place) -> None:
        self.entry, self.resource, self.place = entry, resource, place
        given = Resource(resource.type, resource.name, whole(resource.inputs))
        self.inputs = named(entry.naming, given) if entry.naming else dict(given.inputs)
        self.known: dict[str, Any] = {
            "in": self._prepared(),
            "account": place.account,
            "partition": place.partition,
            "region": self.inputs.get("region") or place.region,
            "name": resource.name,
            "seed": resource.seed,
        }

    def _prepared(self) -> Inputs:
        if self.entry.prepare is None:
            return self.inputs
        try:
            # What prepares takes blocks apart; the inputs themselves become outputs.
            return self.entry.prepare(deepcopy(self.inputs))
        except UnfitError as lost:
            raise self._lost(lost) from None

    def made(self) -> tuple[str, dict[str, Any]]:
        create = self.entry.first
        given = (name for name, value in self.known["in"].items() if value is not None)
        strays = [name for name in given if name not in self.entry.taken]
        if strays and not self.entry.takes_rest:
            raise self._lost(UnfitError(strays[0]))
        self.known["out"] = self._call(create) if isinstance(create, Call) else create(self.known)
        id_ = evaluated(self.entry.id, self.known)
        if not isinstance(id_, str):
            raise self._error(create, f"no id at {self.entry.id} of {self.known['out']}")
        self.known["id"] = id_
        self._wait()
        for call in self.entry.then:
            self._call(call)
        return id_, self._outputs()

    def found(self, id_: str) -> Any:
        """The answer of the call that finds it again."""
        assert self.entry.find is not None, f"nobody can find a {self.resource.type}"
        known = {**self.known, "id": id_}
        known["out"] = self._send(self.entry.find, known)
        return evaluated(self.entry.found, known) if self.entry.found else known["out"]

    def _call(self, call: Call) -> Any:
        if call.when is not None and not _given(evaluated(call.when, self.known)):
            return None
        items = [None] if call.each is None else evaluated(call.each, self.known) or []
        answer = None
        for item in items:
            known = self.known if call.each is None else {**self.known, "item": item}
            answer = self._send(call, known)
        if call.keep is not None:
            self.known[call.keep] = answer
        return answer

    def _send(self, call: Call, known: Mapping[str, Any]) -> Any:
        service, _, method = call.operation.partition(".")
        client = self.place.client(service, known["region"])
        try:
            params = evaluated(call.params, known)
            fitted = self._fitted(call, client, method)
            return getattr(client, method)(**_over(fitted, params))
        except UnfitError as lost:
            raise self._lost(lost) from None
        except Exception as error:  # moto also fails with its own AttributeErrors and the like
            raise self._error(call, f"{type(error).__name__}: {error}") from error

    def _fitted(self, call: Call, client: Any, method: str) -> dict[str, Any]:
        if not call.fit:
            return {}
        asked = self.known["in"]
        names = [n for n in asked if n not in self.entry.taken] if call.fit == REST else call.fit
        wanted = {name: asked[name] for name in names if asked.get(name) is not None}
        operation = client.meta.method_to_api_mapping[method]
        shape = client.meta.service_model.operation_model(operation).input_shape
        noun = noun_of(operation)
        if call.into is None:
            return fit(shape, wanted, rename=call.rename, noun=noun, tagged=self.entry.tagged)
        inner = shape.members[call.into]
        assert isinstance(inner, StructureShape)
        return {call.into: fit(inner, wanted, rename=call.rename, noun=noun)}

    def _wait(self) -> None:
        if self.entry.wait is None:
            return
        service, _, waiter = self.entry.wait.partition(".")
        client = self.place.client(service, self.known["region"])
        client.get_waiter(waiter).wait(**evaluated(self.entry.wait_for, self.known))

    def _outputs(self) -> dict[str, Any]:
        shown = evaluated(self.entry.shown, self.known) if self.entry.shown else None
        result = {
            key[0].lower() + key[1:]: _plain(value)
            for key, value in (shown or {}).items()
            if isinstance(value, (str, int, float, bool, datetime))
        }
        result |= self.inputs
        result |= _plain(evaluated(self.entry.outputs, self.known))
        result["region"] = self.known["region"]
        if "tags" in self.inputs:
            result["tagsAll"] = self.inputs["tags"]
        return result

    def _lost(self, lost: UnfitError) -> MakingError:
        return MakingError(
            f"{self.resource.type} {self.resource.name}: input {lost} is in no call: "
            "say in the entry where it goes, or why it is left"
        )

    def _error(self, call: Call | Callable[..., Any], said: str) -> MakingError:
        what = call.operation if isinstance(call, Call) else call.__name__
        return MakingError(f"{self.resource.type} {self.resource.name}: {what}: {said}")


def _plain(value: Any) -> Any:
    """A value as it can go over the wire to the program: times as text."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, list) else value


def _given(value: Any) -> bool:
    return value is not None and value is not False


def _over(under: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Both; where both have a mapping under one name, its members."""
    result = dict(under)
    for key, value in over.items():
        below = result.get(key)
        if isinstance(below, dict) and isinstance(value, Mapping):
            result[key] = _over(below, value)
        else:
            result[key] = value
    return result
