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

ScalarConverter = Callable[[Any], Any]
_NAME_ENDINGS: Final = ("", "s", "es", "list", "config", "configuration", "configurations")
_VERBS: Final = re.compile(r"^(Create|Put|Modify|Register|Update|Run|Set|Associate)(or Update)?")


class UnknownInputError(ValueError):
    """An input that the operation has no parameter for."""


def require_only_inputs(inputs: Mapping[str, Any], *names: str) -> None:
    """Raises UnknownInputError for any other input: for code that takes a block apart."""
    used_names = {name for name, value in inputs.items() if value not in (None, [], False)}
    if unknown_names := used_names - set(names):
        raise UnknownInputError(min(unknown_names))


def convert_inputs(
    shape: StructureShape,
    inputs: Mapping[str, Any],
    *,
    rename: Mapping[str, str] | None = None,
    noun: str = "",
    tag_resource_type: str | None = None,
) -> dict[str, Any]:
    """The parameters of `shape` that `inputs` are. `noun` is what names may begin with in AWS.

    Raises UnknownInputError for an input without a parameter, with its path.
    """
    return _InputConverter(rename or {}, noun, tag_resource_type).convert_structure(
        shape, inputs, ""
    )


def get_operation_noun(operation: str) -> str:
    """What an operation makes: CreateDBInstance makes a DBInstance."""
    return _VERBS.sub("", operation)


class _InputConverter:
    def __init__(self, rename: Mapping[str, str], noun: str, tag_resource_type: str | None) -> None:
        self.rename, self.noun, self.tag_resource_type = rename, noun, tag_resource_type

    def convert_structure(
        self, shape: StructureShape, inputs: Mapping[str, Any], path: str
    ) -> dict[str, Any]:
        result = {}
        for key, value in inputs.items():
            if value is None:
                continue
            input_path = f"{path}.{key}" if path else key
            if self.tag_resource_type and key == "tags" and "TagSpecifications" in shape.members:
                result["TagSpecifications"] = [
                    {
                        "ResourceType": self.tag_resource_type,
                        "Tags": _build_pairs(value, "Key", "Value"),
                    }
                ]
                continue
            name = self.find_member(shape, key, input_path)
            result[name] = self.convert_value(shape.members[name], value, input_path)
        return result

    def find_member(self, shape: StructureShape, key: str, input_path: str) -> str:
        by_name = _list_members_by_plain_name(shape)
        renamed_member = self.rename.get(input_path) or self.rename.get(key)
        if renamed_member is not None and renamed_member in shape.members:
            return renamed_member
        for candidate in _list_candidates(key, self.noun):
            if candidate in by_name:
                return by_name[candidate]
        raise UnknownInputError(input_path)

    def convert_value(self, shape: Shape, value: Any, path: str) -> Any:
        if isinstance(shape, StructureShape):
            structure_value = value[0] if isinstance(value, list) and len(value) == 1 else value
            return self.convert_structure(shape, structure_value, path)
        if isinstance(shape, ListShape):
            keys = _find_pair_keys(shape.member)
            if isinstance(value, Mapping) and keys is not None:
                return _build_pairs(value, *keys)
            items = value if isinstance(value, list) else [value]
            return [self.convert_value(shape.member, item, path) for item in items]
        if shape.type_name == "map":
            return {
                key: self.convert_value(shape.value, item_value, path)  # type: ignore[attr-defined]
                for key, item_value in value.items()
            }
        return _SCALAR_CONVERTERS.get(shape.type_name, _keep_value)(value)


@cache
def _list_members_by_plain_name(shape: StructureShape) -> dict[str, str]:
    """Members by name without case and marks. Shapes are made once a client, so few are kept."""
    return {_format_plain_name(name): name for name in shape.members}


def _format_plain_name(name: str) -> str:
    return "".join(character for character in name if character.isalnum()).lower()


def _list_candidates(key: str, noun: str) -> Iterator[str]:
    key = _format_plain_name(key)
    for stem in (key, _format_plain_name(noun) + key):
        for ending in _NAME_ENDINGS:
            yield stem + ending
        if stem.endswith("ies"):
            yield stem[:-3] + "y"
        if stem.endswith("y"):
            yield stem[:-1] + "ies"
        if stem.endswith("s"):
            yield stem[:-1]


def _find_pair_keys(shape: Shape) -> tuple[str, str] | None:
    """The two members of a list's item that are a key and its value, like a tag's."""
    if not isinstance(shape, StructureShape):
        return None
    names = {name.lower().removeprefix("tag"): name for name in shape.members}
    if "value" not in names or not (key := names.get("key") or names.get("name")):
        return None
    return key, names["value"]


def _build_pairs(values: Mapping[str, Any], key_name: str, value_name: str) -> list[dict[str, Any]]:
    return [{key_name: key, value_name: value} for key, value in values.items()]


def _keep_value(value: Any) -> Any:
    return value


def _convert_to_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _convert_to_bool(value: Any) -> bool:
    return value == "true" if isinstance(value, str) else bool(value)


_SCALAR_CONVERTERS: Final[Mapping[str, ScalarConverter]] = {
    "string": _convert_to_text,
    "integer": lambda v: int(float(v)),
    "long": lambda v: int(float(v)),
    "double": float,
    "float": float,
    "boolean": _convert_to_bool,
}
