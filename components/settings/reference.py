"""Generates the config schema of Pulumi.yaml and docs/settings.md from the settings."""

from collections.abc import Iterator
from ipaddress import IPv4Network
from typing import Any, Final, Literal, get_args, get_origin

import yaml
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined, to_jsonable_python

from components.settings.fields import (
    find_section,
    format_bounds,
    get_settings_fields,
    is_object,
    unwrap_annotation,
)
from components.settings.profiles import PROFILES, ConfigValues, merge_values
from components.settings.section import Section
from components.settings.stack import Settings

SETTINGS_PAGE_HEAD: Final = """\
# Settings

Every key of a stack file (`Pulumi.STACK.yaml`), written as `bulwark:KEY`, or `NAME:KEY` if
`Pulumi.yaml` has another `name`. A stack must set `profile`, which has the defaults, `owner` and
`costCenter`. Invalid values and combinations are rejected before anything is created.

This page and the `config` of `Pulumi.yaml` are written by `python -m components.settings`.
"""
TYPE_NAMES: Final = {bool: "true or false", int: "whole number", float: "number", str: "text"}


def build_config_schema() -> dict[str, dict[str, Any]]:
    """Builds the config schema: a type for each key, and a default so that it is optional.

    Pulumi's CLI requires a key without a default, and passes a default on as if a stack had set
    it. So the default is `profile` for a plain key and {} for a section, which both mean not set.
    """
    entries: dict[str, dict[str, Any]] = {}
    for key, field in get_settings_fields().items():
        if is_object(field):
            description = _get_description(field)
            entries[key] = {"type": "object", "description": description, "default": {}}
        else:
            entries[key] = {
                "type": "string",
                "description": f"{_get_description(field)}: {_format_allowed_values(field)}",
            }
            if not field.is_required():
                entries[key]["default"] = "profile"
    return entries


def render_project_file(text: str) -> str:
    """Returns Pulumi.yaml with a new `config`, which is its last part."""
    head = text.partition("\nconfig:\n")[0].rstrip("\n")
    config = yaml.safe_dump(
        {"config": build_config_schema()}, sort_keys=False, width=96, allow_unicode=True
    )
    return f"{head}\n{config}"


def render_settings_page() -> str:
    """Returns docs/settings.md."""
    prod, dev = (merge_values(_get_defaults(Settings), PROFILES[name]) for name in ("prod", "dev"))
    return (
        "\n".join(
            (SETTINGS_PAGE_HEAD, *_render_tables("", section=Settings, prod=prod, dev=dev))
        ).rstrip("\n")
        + "\n"
    )


def _render_tables(path: str, *, section: type[Section], prod: Any, dev: Any) -> Iterator[str]:
    """Yields the table of a section's keys, then the tables of its subsections."""
    if path:
        yield f"## {path}\n\n{_get_first_line(section)}\n"
    yield "| key | value | prod | dev | what |\n|---|---|---|---|---|"
    subsections: list[tuple[str, type[Section], Any, Any]] = []
    for key, field in get_settings_fields(section).items():
        subsection = find_section(field.annotation)
        defaults = (_find_value(prod, key), _find_value(dev, key))
        if subsection is not None:
            subsection_path = f"{path}.{key}" if path else key
            path_suffix = {dict: ".NAME", tuple: "[]"}.get(_get_container_type(field), "")
            subsections.append(
                (
                    f"{subsection_path}{path_suffix}",
                    subsection,
                    *((None, None) if path_suffix else defaults),
                )
            )
        cells = (
            f"`{key}`",
            _format_allowed_values(field),
            *map(_render_cell, defaults),
            _get_description(field),
        )
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    yield ""
    for subsection_path, subsection, *profile_values in subsections:
        if subsection_path == "services.NAME":  # the same keys
            yield (
                f"## {subsection_path}\n\nThe same keys as `serviceDefaults`, which apply to what "
                "a service does not set.\n"
            )
            continue
        section_defaults = _get_defaults(subsection)
        prod, dev = (
            merge_values(section_defaults, values) if values else section_defaults
            for values in profile_values
        )
        yield from _render_tables(subsection_path, section=subsection, prod=prod, dev=dev)


def _get_defaults(section: type[Section]) -> ConfigValues:
    """The defaults of a section, by key; required keys are left out."""
    return {
        key: to_jsonable_python(field.default, by_alias=True)
        for key, field in get_settings_fields(section).items()
        if field.default is not PydanticUndefined
    }


def _find_value(values: Any, key: str) -> Any:
    return values.get(key) if isinstance(values, dict) else None


def _render_cell(value: Any) -> str:
    if value is None or isinstance(value, dict):
        return ""
    if isinstance(value, list):
        return ", ".join(f"`{entry}`" for entry in value) or "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _get_container_type(field: FieldInfo) -> Any:
    return get_origin(unwrap_annotation(field.annotation))


def _get_description(field: FieldInfo) -> str:
    section = find_section(field.annotation)
    return field.description or (_get_first_line(section).rstrip(".") if section else "")


def _get_first_line(section: type[Section]) -> str:
    return (section.__doc__ or "").strip().split("\n")[0]


def _format_allowed_values(field: FieldInfo) -> str:
    return format_bounds(field) or _format_type(field.annotation)


def _format_type(annotation: Any) -> str:
    plain_annotation = unwrap_annotation(annotation)
    if find_section(plain_annotation) is not None and not get_args(plain_annotation):
        return "object"
    if get_origin(plain_annotation) is Literal:
        return ", ".join(map(str, get_args(plain_annotation)))
    if get_origin(plain_annotation) is tuple:
        return f"list of {_format_type(get_args(plain_annotation)[0])}"
    if get_origin(plain_annotation) is dict:
        return f"{_format_type(get_args(plain_annotation)[1])} by name"
    return "address range" if plain_annotation is IPv4Network else TYPE_NAMES[plain_annotation]
