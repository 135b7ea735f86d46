"""Reads from the models a key's section, its bounds, and how an error words them."""

from collections.abc import Mapping
from functools import cache
from types import UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from components.settings.section import Section
from components.settings.stack import Settings

PULUMI_KEYS: Final = frozenset(
    {"project", "stack", "region"}
)  # by Pulumi itself, not by the config
WHOLE_NUMBER_TEXT: Final = "must be a whole number"
# By pydantic's name of the error; {} are of its context.
ERROR_TEXTS: Final[Mapping[str, str]] = {
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "dict_type": "must be an object of values by name",
    "finite_number": "must be a number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "int_from_float": WHOLE_NUMBER_TEXT,
    "int_parsing": WHOLE_NUMBER_TEXT,
    "int_parsing_size": WHOLE_NUMBER_TEXT,
    "int_type": WHOLE_NUMBER_TEXT,
    "list_type": "must be a list",
    "literal_error": "must be {expected}",
    "model_attributes_type": "must be an object of settings by name",
    "model_type": "must be an object of settings by name",
    "string_pattern_mismatch": "must match {pattern}",
    "string_type": "must be text (put a number in quotes)",
    "string_too_long": "must have at most {max_length} characters",
    "string_too_short": "must have {min_length} or more characters",
    "too_long": "must have at most {max_length} items",
    "too_short": "must have {min_length} or more items",
    "tuple_type": "must be a list",
}


def unwrap_annotation(annotation: Any) -> Any:
    """An annotation without what may be null and what is annotated: the one that matters."""
    if get_origin(annotation) is Annotated:
        return unwrap_annotation(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return unwrap_annotation(
            next(argument for argument in get_args(annotation) if argument is not type(None))
        )
    return annotation


def is_section(field: FieldInfo) -> bool:
    """True if a field is a section of its own."""
    return _find_direct_section(field.annotation) is not None


def is_object(field: FieldInfo) -> bool:
    """True if a field is written as an object: a section, or sections by name."""
    return is_section(field) or get_origin(unwrap_annotation(field.annotation)) is dict


def find_section(annotation: Any) -> type[Section] | None:
    """The section that a field is, or that its items are."""
    plain_annotation = unwrap_annotation(annotation)
    inner_sections = (
        find_section(argument)
        for argument in get_args(plain_annotation)
        if argument is not Ellipsis
    )
    return _find_direct_section(plain_annotation) or next(
        (section for section in inner_sections if section), None
    )


def _find_direct_section(annotation: Any) -> type[Section] | None:
    plain_annotation = unwrap_annotation(annotation)
    return (
        plain_annotation
        if isinstance(plain_annotation, type) and issubclass(plain_annotation, Section)
        else None
    )


@cache
def get_settings_fields(section: type[Section] = Settings) -> Mapping[str, FieldInfo]:
    """The fields of a section by their keys in Pulumi's config."""
    fields = {str(field.alias): field for field in section.model_fields.values()}
    return {key: field for key, field in fields.items() if key not in PULUMI_KEYS}


def find_section_at(location: tuple[int | str, ...]) -> type[Section] | None:
    """The section at a path, or None."""
    return _find_direct_section(_resolve_location(location)[0])


def find_field_at(location: tuple[int | str, ...]) -> FieldInfo | None:
    """The field that a path leads to, or into."""
    return _resolve_location(location)[1]


def list_keys_below(annotation: Any) -> frozenset[str]:
    """Every key that a value of this type may hold, at any depth."""
    section = _find_direct_section(annotation)
    if section is None:
        return frozenset().union(*map(list_keys_below, get_args(annotation)))
    fields = get_settings_fields(section)
    return frozenset(fields).union(
        *(list_keys_below(field.annotation) for field in fields.values())
    )


def list_keys_at(location: tuple[int | str, ...]) -> frozenset[str]:
    """Every key below a path."""
    return list_keys_below(_resolve_location(location)[0])


def _resolve_location(location: tuple[int | str, ...]) -> tuple[Any, FieldInfo | None]:
    """(annotation, last field) at a path."""
    annotation: Any = Settings
    field: FieldInfo | None = None
    for part in location:
        section = _find_direct_section(annotation)
        if section is not None:
            field = get_settings_fields(section).get(str(part))
            if field is None:
                return None, None
            annotation = unwrap_annotation(field.annotation)
        else:  # in a list, or in an object by name
            arguments = get_args(annotation)
            index = 1 if get_origin(annotation) is dict else 0
            if len(arguments) <= index:
                return None, field
            annotation = unwrap_annotation(arguments[index])
    return annotation, field


def format_bounds(field: FieldInfo) -> str | None:
    """The range of a number, as in `20 to 65536`."""
    minimum = next(
        (constraint.ge for constraint in field.metadata if hasattr(constraint, "ge")), None
    )
    maximum = next(
        (constraint.le for constraint in field.metadata if hasattr(constraint, "le")), None
    )
    if minimum is None and maximum is None:
        return None
    if maximum is None:
        return f"{minimum} or more"
    return f"{minimum} to {maximum}" if minimum is not None else f"{maximum} or less"


def format_requirement(detail: ErrorDetails) -> str:
    """The bounds of the value, as an error words them."""
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    field = find_field_at(detail["loc"])
    bounds = format_bounds(field) if field else None
    if bounds and (
        kind in ("greater_than_equal", "less_than_equal")
        or ERROR_TEXTS.get(kind) == WHOLE_NUMBER_TEXT
    ):
        return f"must be {bounds}"
    return ERROR_TEXTS.get(kind, f"must not be: {detail['msg']}").format(**context)
