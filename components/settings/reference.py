"""What is generated from the settings: the config schema of Pulumi.yaml, and docs/settings.md."""

from collections.abc import Iterator
from ipaddress import IPv4Network
from typing import Any, Final, Literal, get_args, get_origin

import yaml
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined, to_jsonable_python

from components.settings.fields import bounds, is_object, plain, section_of, settings_fields
from components.settings.profiles import PROFILES, Values, merged
from components.settings.section import Section
from components.settings.stack import Settings

HEAD: Final = """\
# Settings

Every key that a stack file (`Pulumi.STACK.yaml`) may have, each as `bulwark:KEY`. A stack
names a `profile`, which decides what it does not say itself; `owner` and `costCenter` have no
default. What is not allowed, or not allowed together, is refused before anything is made.

This page and the `config` of `Pulumi.yaml` are written by `python -m components.settings`.
"""
NAMES: Final = {bool: "true or false", int: "whole number", float: "number", str: "text"}


def schema() -> dict[str, dict[str, Any]]:
    """The config schema: a type for each key, and a default so that no stack must set it.

    The CLI asks each stack for a key without default, and hands a default on as if it were set:
    the word `profile` leaves a plain key to the profile, {} a section.
    """
    found: dict[str, dict[str, Any]] = {}
    for key, field in settings_fields().items():
        if is_object(field):
            meaning = _meaning(field)
            found[key] = {"type": "object", "description": meaning, "default": {}}
        else:
            found[key] = {"type": "string", "description": f"{_meaning(field)}: {_may(field)}"}
            if not field.is_required():
                found[key]["default"] = "profile"
    return found


def project_file(text: str) -> str:
    """Pulumi.yaml with its `config`, which is its last part, written anew."""
    head = text.partition("\nconfig:\n")[0].rstrip("\n")
    config = yaml.safe_dump({"config": schema()}, sort_keys=False, width=96, allow_unicode=True)
    return f"{head}\n{config}"


def page() -> str:
    """docs/settings.md."""
    prod, dev = (merged(_defaults(Settings), PROFILES[name]) for name in ("prod", "dev"))
    return "\n".join((HEAD, *_tables("", Settings, prod, dev))).rstrip("\n") + "\n"


def _tables(path: str, section: type[Section], prod: Any, dev: Any) -> Iterator[str]:
    """A table of a section's keys, then those of the sections in it."""
    if path:
        yield f"## {path}\n\n{_first_line(section)}\n"
    yield "| key | may be | prod | dev | what |\n|---|---|---|---|---|"
    below: list[tuple[str, type[Section], Any, Any]] = []
    for key, field in settings_fields(section).items():
        inner = section_of(field.annotation)
        here = (_value(prod, key), _value(dev, key))
        if inner is not None:
            where = f"{path}.{key}" if path else key
            mark = {dict: ".NAME", tuple: "[]"}.get(_container(field), "")
            below.append((f"{where}{mark}", inner, *((None, None) if mark else here)))
        cells = (f"`{key}`", _may(field), *map(_cell, here), _meaning(field))
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    yield ""
    for where, inner, *values in below:
        if where == "services.NAME":  # the same keys
            yield f"## {where}\n\nAs `serviceDefaults`, on top of which each service stands.\n"
            continue
        own = _defaults(inner)
        yield from _tables(where, inner, *(merged(own, v) if v else own for v in values))


def _defaults(section: type[Section]) -> Values:
    """The values of a section that sets nothing, by key; without those that it must set."""
    return {
        key: to_jsonable_python(field.default, by_alias=True)
        for key, field in settings_fields(section).items()
        if field.default is not PydanticUndefined
    }


def _value(values: Any, key: str) -> Any:
    return values.get(key) if isinstance(values, dict) else None


def _cell(value: Any) -> str:
    if value is None or isinstance(value, dict):
        return ""
    if isinstance(value, list):
        return ", ".join(f"`{entry}`" for entry in value) or "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _container(field: FieldInfo) -> Any:
    return get_origin(plain(field.annotation))


def _meaning(field: FieldInfo) -> str:
    section = section_of(field.annotation)
    return field.description or (_first_line(section).rstrip(".") if section else "")


def _first_line(section: type[Section]) -> str:
    return (section.__doc__ or "").strip().split("\n")[0]


def _may(field: FieldInfo) -> str:
    return bounds(field) or _kind(field.annotation)


def _kind(annotation: Any) -> str:
    found = plain(annotation)
    if section_of(found) is not None and not get_args(found):
        return "object"
    if get_origin(found) is Literal:
        return ", ".join(map(str, get_args(found)))
    if get_origin(found) is tuple:
        return f"list of {_kind(get_args(found)[0])}"
    if get_origin(found) is dict:
        return f"{_kind(get_args(found)[1])} by name"
    return "address range" if found is IPv4Network else NAMES[found]
