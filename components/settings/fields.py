"""What the models say of a key: its section, its bounds, and how an error words them."""

from collections.abc import Mapping
from functools import cache
from types import UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from components.settings.section import Section
from components.settings.stack import Settings

GIVEN: Final = frozenset({"project", "stack", "region"})  # by Pulumi itself, not by the config
WHOLE: Final = "may be a whole number"
# By pydantic's name of the error; {} are of its context.
MAY: Final[Mapping[str, str]] = {
    "bool_parsing": "may be true or false",
    "bool_type": "may be true or false",
    "dict_type": "may be an object of values by name",
    "finite_number": "may be a number",
    "float_parsing": "may be a number",
    "float_type": "may be a number",
    "int_from_float": WHOLE,
    "int_parsing": WHOLE,
    "int_parsing_size": WHOLE,
    "int_type": WHOLE,
    "ip_v4_network": "may be an IPv4 range like 10.0.0.0/16",
    "list_type": "may be a list",
    "literal_error": "may be {expected}",
    "model_attributes_type": "may be an object of settings by name",
    "model_type": "may be an object of settings by name",
    "string_pattern_mismatch": "may match {pattern}",
    "string_type": "may be text (put a number in quotes)",
    "string_too_long": "may have at most {max_length} characters",
    "string_too_short": "may have {min_length} or more characters",
    "too_long": "may have at most {max_length} items",
    "too_short": "may have {min_length} or more items",
    "tuple_type": "may be a list",
}


def plain(annotation: Any) -> Any:
    """An annotation without what may be null and what is annotated: the one that matters."""
    if get_origin(annotation) is Annotated:
        return plain(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return plain(next(arg for arg in get_args(annotation) if arg is not type(None)))
    return annotation


def is_section(field: FieldInfo) -> bool:
    """Whether a field is a section of its own."""
    return _section(field.annotation) is not None


def is_object(field: FieldInfo) -> bool:
    """Whether a field is written as an object: a section, or sections by name."""
    return is_section(field) or get_origin(plain(field.annotation)) is dict


def section_of(annotation: Any) -> type[Section] | None:
    """The section that a field is, or that its items are."""
    found = plain(annotation)
    inner = (section_of(arg) for arg in get_args(found) if arg is not Ellipsis)
    return _section(found) or next((section for section in inner if section), None)


def _section(annotation: Any) -> type[Section] | None:
    found = plain(annotation)
    return found if isinstance(found, type) and issubclass(found, Section) else None


@cache
def settings_fields(section: type[Section] = Settings) -> Mapping[str, FieldInfo]:
    """The fields of a section by their keys in Pulumi's config."""
    fields = {str(field.alias): field for field in section.model_fields.values()}
    return {key: field for key, field in fields.items() if key not in GIVEN}


def section_at(loc: tuple[int | str, ...]) -> type[Section] | None:
    """The section that stands at a path, if one does."""
    return _section(_walk(loc)[0])


def field_at(loc: tuple[int | str, ...]) -> FieldInfo | None:
    """The field that a path leads to, or into."""
    return _walk(loc)[1]


def keys_below(annotation: Any) -> frozenset[str]:
    """Every key that a value of this type may hold, at any depth."""
    section = _section(annotation)
    if section is None:
        return frozenset().union(*map(keys_below, get_args(annotation)))
    fields = settings_fields(section)
    return frozenset(fields).union(*(keys_below(f.annotation) for f in fields.values()))


def keys_at(loc: tuple[int | str, ...]) -> frozenset[str]:
    """Every key that may stand below a path."""
    return keys_below(_walk(loc)[0])


def _walk(loc: tuple[int | str, ...]) -> tuple[Any, FieldInfo | None]:
    """(annotation, last field) at a path."""
    annotation: Any = Settings
    field: FieldInfo | None = None
    for part in loc:
        section = _section(annotation)
        if section is not None:
            field = settings_fields(section).get(str(part))
            if field is None:
                return None, None
            annotation = plain(field.annotation)
        else:  # in a list, or in an object by name
            arguments = get_args(annotation)
            index = 1 if get_origin(annotation) is dict else 0
            if len(arguments) <= index:
                return None, field
            annotation = plain(arguments[index])
    return annotation, field


def bounds(field: FieldInfo) -> str | None:
    """The range of a number, as in `20 to 65536`."""
    least = next((m.ge for m in field.metadata if hasattr(m, "ge")), None)
    most = next((m.le for m in field.metadata if hasattr(m, "le")), None)
    if least is None and most is None:
        return None
    if most is None:
        return f"{least} or more"
    return f"{least} to {most}" if least is not None else f"{most} or less"


def wording(detail: ErrorDetails) -> str:
    """What the value may be: `may be 20 to 65536`."""
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    field = field_at(detail["loc"])
    range_ = bounds(field) if field else None
    if range_ and (kind in ("greater_than_equal", "less_than_equal") or MAY.get(kind) == WHOLE):
        return f"may be {range_}"
    return MAY.get(kind, f"may not be: {detail['msg']}").format(**context)
