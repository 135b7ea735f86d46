"""Translates inputs in Pulumi's spelling into the parameters of an operation, by its own model.

AWS's names and types are in botocore's description of each operation, so an entry need not
repeat them: `vpcSecurityGroupIds` finds VpcSecurityGroupIds, a number becomes the text that the
operation wants, a single block the list that it is in AWS, a map of tags the pairs.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, Final

from botocore.model import ListShape, Shape, StructureShape

Scalar = Callable[[Any], Any]
_ENDINGS: Final = ("", "s", "es", "list", "config", "configuration", "configurations")
_VERBS: Final = re.compile(r"^(Create|Put|Modify|Register|Update|Run|Set|Associate)(or Update)?")


class UnfitError(ValueError):
    """An input that the operation has no parameter for."""


def nothing_but(inputs: Mapping[str, Any], *names: str) -> None:
    """Raises UnfitError where there is another input: for what takes a block apart by hand."""
    given = {name for name, value in inputs.items() if value not in (None, [], False)}
    if unknown := given - set(names):
        raise UnfitError(min(unknown))


def fit(
    shape: StructureShape,
    inputs: Mapping[str, Any],
    *,
    rename: Mapping[str, str] | None = None,
    noun: str = "",
    tagged: str | None = None,
) -> dict[str, Any]:
    """The parameters of `shape` that `inputs` are. `noun` is what names may begin with in AWS.

    Raises UnfitError for an input that has no place, with its path.
    """
    return _Fitting(rename or {}, noun, tagged).structure(shape, inputs, "")


def noun_of(operation: str) -> str:
    """What an operation makes: CreateDBInstance makes a DBInstance."""
    return _VERBS.sub("", operation)


class _Fitting:
    def __init__(self, rename: Mapping[str, str], noun: str, tagged: str | None) -> None:
        self.rename, self.noun, self.tagged = rename, noun, tagged

    def structure(
        self, shape: StructureShape, inputs: Mapping[str, Any], path: str
    ) -> dict[str, Any]:
        result = {}
        for key, value in inputs.items():
            if value is None:
                continue
            where = f"{path}.{key}" if path else key
            if self.tagged and key == "tags" and "TagSpecifications" in shape.members:
                result["TagSpecifications"] = [
                    {"ResourceType": self.tagged, "Tags": _pairs(value, "Key", "Value")}
                ]
                continue
            name = self.member(shape, key, where)
            result[name] = self.value(shape.members[name], value, where)
        return result

    def member(self, shape: StructureShape, key: str, where: str) -> str:
        by_name = _members(shape)
        said = self.rename.get(where) or self.rename.get(key)
        if said is not None and said in shape.members:
            return said
        for candidate in _candidates(key, self.noun):
            if candidate in by_name:
                return by_name[candidate]
        raise UnfitError(where)

    def value(self, shape: Shape, value: Any, path: str) -> Any:
        if isinstance(shape, StructureShape):
            one = value[0] if isinstance(value, list) and len(value) == 1 else value
            return self.structure(shape, one, path)
        if isinstance(shape, ListShape):
            keys = _pair_keys(shape.member)
            if isinstance(value, Mapping) and keys is not None:
                return _pairs(value, *keys)
            items = value if isinstance(value, list) else [value]
            return [self.value(shape.member, item, path) for item in items]
        if shape.type_name == "map":
            return {k: self.value(shape.value, v, path) for k, v in value.items()}  # type: ignore[attr-defined]
        return _SCALARS.get(shape.type_name, _as_is)(value)


@cache
def _members(shape: StructureShape) -> dict[str, str]:
    """Members by name without case and marks. Shapes are made once a client, so few are kept."""
    return {_plain(name): name for name in shape.members}


def _plain(name: str) -> str:
    return "".join(c for c in name if c.isalnum()).lower()


def _candidates(key: str, noun: str) -> Iterator[str]:
    key = _plain(key)
    for stem in (key, _plain(noun) + key):
        for ending in _ENDINGS:
            yield stem + ending
        if stem.endswith("ies"):
            yield stem[:-3] + "y"
        if stem.endswith("y"):
            yield stem[:-1] + "ies"
        if stem.endswith("s"):
            yield stem[:-1]


def _pair_keys(shape: Shape) -> tuple[str, str] | None:
    """The two members of a list's item that are a key and its value, like a tag's."""
    if not isinstance(shape, StructureShape):
        return None
    names = {name.lower().removeprefix("tag"): name for name in shape.members}
    if "value" not in names or not (key := names.get("key") or names.get("name")):
        return None
    return key, names["value"]


def _pairs(values: Mapping[str, Any], key: str, value: str) -> list[dict[str, Any]]:
    return [{key: k, value: v} for k, v in values.items()]


def _as_is(value: Any) -> Any:
    return value


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _truth(value: Any) -> bool:
    return value == "true" if isinstance(value, str) else bool(value)


_SCALARS: Final[Mapping[str, Scalar]] = {
    "string": _text,
    "integer": lambda v: int(float(v)),
    "long": lambda v: int(float(v)),
    "double": float,
    "float": float,
    "boolean": _truth,
}
