"""What is generated from the settings is what stands in the files, and holds for the CLI."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.settings import parse_settings
from components.settings.fields import get_settings_fields
from components.settings.reference import (
    build_config_schema,
    render_project_file,
    render_settings_page,
)
from components.settings.section import Section
from sandbox.program import PROJECT_ROOT
from tests.components.settings.test_loader import BASE, config

# What the CLI's own schema of Pulumi.yaml allows (sdk/go/common/workspace/project.json).
PYTHON_TYPES = {"string": str, "integer": int, "boolean": bool, "object": dict}
DECLARATION_KEYS = {"type", "description", "default", "secret", "items"}


def load_declared_config() -> dict[str, Any]:
    declared_config: dict[str, Any] = yaml.safe_load((PROJECT_ROOT / "Pulumi.yaml").read_text())[
        "config"
    ]
    return declared_config


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("Pulumi.yaml", render_project_file((PROJECT_ROOT / "Pulumi.yaml").read_text())),
        ("docs/settings.md", render_settings_page()),
    ],
)
def test_the_config_declarations_are_up_to_date(path: str, text: str) -> None:
    assert (PROJECT_ROOT / path).read_text() == text, "run: python -m components.settings"


def test_pulumi_yaml_declares_exactly_the_settings_keys() -> None:
    assert list(load_declared_config()) == list(get_settings_fields())


def test_only_keys_without_a_default_are_required() -> None:
    must = [key for key, entry in load_declared_config().items() if "default" not in entry]
    assert must == ["profile", "owner", "costCenter"]


@pytest.mark.parametrize("key", sorted(get_settings_fields()))
def test_a_declaration_has_a_type_that_the_pulumi_cli_accepts(key: str) -> None:
    entry = build_config_schema()[key]
    assert set(entry) <= DECLARATION_KEYS
    assert isinstance(
        entry.get("default", PYTHON_TYPES[entry["type"]]()), PYTHON_TYPES[entry["type"]]
    )


@pytest.mark.parametrize("profile", ["dev", "prod"])
def test_the_declared_defaults_change_nothing(profile: str) -> None:
    pulumi_config = config({"profile": profile})
    defaults = {
        f"bulwark:{key}": entry["default"]
        if isinstance(entry["default"], str)
        else json.dumps(entry["default"])
        for key, entry in load_declared_config().items()
        if "default" in entry
    }
    with_defaults = parse_settings(
        "bulwark", stack="test", region="eu-north-1", config=defaults | pulumi_config
    )
    assert with_defaults == parse_settings(
        "bulwark", stack="test", region="eu-north-1", config=pulumi_config
    )


def test_the_page_has_every_key_of_every_section() -> None:
    text = render_settings_page()
    sections: list[type[Section]] = [Section, *Section.__subclasses__()]
    for section in sections:
        sections += [inner for inner in section.__subclasses__() if inner not in sections]
        for key in get_settings_fields(section) if section.__name__ != "ContainerSettings" else ():
            assert f"\n| `{key}` | " in text, f"{section.__name__}.{key}"


def test_the_page_says_what_each_profile_has() -> None:
    assert "| `multiAz` | true or false | `true` | `false` |" in render_settings_page()
    assert "| `storageGb` | 20 to 65536 | `20` | `20` |" in render_settings_page()


@pytest.mark.parametrize(
    "file", sorted(PROJECT_ROOT.glob("Pulumi.*.yaml")), ids=lambda f: str(f.name)
)
def test_stack_files_hold_declared_keys_only(file: Path) -> None:
    keys = yaml.safe_load(file.read_text())["config"]
    project_keys = {key.removeprefix("bulwark:") for key in keys if key.startswith("bulwark:")}
    assert project_keys <= load_declared_config().keys()
    assert project_keys >= BASE.keys() & {"profile", "owner", "costCenter"}
