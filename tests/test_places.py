"""How many places are edited by hand to add something, as docs/architecture.md counts them."""

from functools import cache

import pytest

from components.alarm_keys import ALARM_KEYS
from ops.health.registry import HEALTH_CHECKS_BY_KEY
from sandbox.program import PROJECT_ROOT

PAGE = (PROJECT_ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


@cache
def list_sources() -> dict[str, str]:
    """The texts of the program, the operations, the policies and the sandbox, by path."""
    return {
        str(file.relative_to(PROJECT_ROOT)): file.read_text(encoding="utf-8")
        for folder in ("components", "ops", "policy", "sandbox")
        for file in sorted((PROJECT_ROOT / folder).rglob("*.py"))
    }


def list_files_with(text: str) -> set[str]:
    return {path for path, source in list_sources().items() if text in source}


@pytest.mark.parametrize("row", ["an alarm | 1", "a setting | 2", "a health check | 2"])
def test_the_page_has_the_count(row: str) -> None:
    assert f"| {row} |" in PAGE


def test_an_alarm_is_one_entry_of_the_registry() -> None:
    keys = [key for key in ALARM_KEYS if not key.startswith("slo-")]  # those are made from tiers
    assert len(keys) > 40
    for key in keys:
        (file,) = list_files_with(f'key="{key}"')
        assert file.startswith("components/alarm_registry/"), key


def test_a_setting_is_a_field_and_what_its_component_does_with_it() -> None:
    assert list_files_with("snapshot_days") == {
        "components/settings/cache.py",
        "components/cache.py",
    }


@pytest.mark.parametrize("key", sorted(HEALTH_CHECKS_BY_KEY))
def test_a_health_check_is_a_record_and_a_routine_in_one_folder(key: str) -> None:
    (records,) = list_files_with(f'key="{key}"')
    folder = records.removesuffix("/check_records.py")
    record = list_sources()[records].split(f'key="{key}"', 1)[1].split("    Check(", 1)[0]
    module, routine = record.split('routine="', 1)[1].split('"', 1)[0].split(":")
    assert module.replace(".", "/").startswith(f"{folder}/")
    assert f"def {routine}(" in list_sources()[f"{module.replace('.', '/')}.py"]
