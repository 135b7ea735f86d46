"""How many places are edited by hand to add something, as docs/architecture.md counts them."""

from functools import cache
from typing import get_args

import pytest
from pydantic.alias_generators import to_camel

from components.alarm_keys import ALARM_KEYS
from components.settings import Settings
from components.settings.fields import find_section
from ops.core.plan_kind import PlanKind
from ops.health.registry import HEALTH_CHECKS_BY_KEY
from ops.outputs import Outputs
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


@pytest.mark.parametrize(
    "row",
    [
        "a changing command | 5",
        "an alarm | 1",
        "a setting | 2",
        "a health check | 2",
        "a component | 10",
    ],
)
def test_the_architecture_page_has_the_counts(row: str) -> None:
    assert f"| {row} |" in PAGE


# Kinds of plans that another noun asks for by name: each alters what a run of that kind does.
KINDS_NAMED_ELSEWHERE = {
    "db reboot": {"ops/maintenance/window.py"},
    "maintenance run": {"ops/alarms/mute_state.py"},
    "recover drill": {"ops/runs/commands/__init__.py"},
    "recover rebuild": {"ops/runs/verification.py"},
    "recover region": {"ops/runs/verification.py"},
    "service maintenance on": {"ops/cli/plan_view.py"},
    "state backup": {"ops/runs/verification.py"},
    "state restore": {"ops/runs/verification.py"},
}


@pytest.mark.parametrize("kind", [kind for kind in get_args(PlanKind) if " " in kind])
def test_a_changing_command_is_declared_and_planned_in_one_folder(kind: str) -> None:
    files = list_files_with(f'"{kind}"') - {"ops/core/plan_kind.py"}  # which is written by a tool
    (declarations,) = (file for file in files if file.endswith("/declarations.py"))
    folder = declarations.removesuffix("declarations.py")
    assert len({file for file in files if file.startswith(folder)}) >= 2
    outside = {file for file in files if not file.startswith(folder)}
    assert outside == KINDS_NAMED_ELSEWHERE.get(kind, set())


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
    folder = records.rpartition("/")[0]
    record = list_sources()[records].split(f'key="{key}"', 1)[1].split("    Check(", 1)[0]
    module, routine = record.split('routine="', 1)[1].split('"', 1)[0].split(":")
    assert module.replace(".", "/").startswith(f"{folder}/")
    assert f"def {routine}(" in list_sources()[f"{module.replace('.', '/')}.py"]


@pytest.mark.parametrize("name", sorted(set(Outputs.model_fields) - {"stack"}))
def test_a_part_of_the_outputs_is_a_model_that_one_component_fills_in(name: str) -> None:
    """Nothing else of the program names it: what is exported follows from `Outputs`."""
    model = to_camel(name)[0].upper() + to_camel(name)[1:] + "Part"
    assert f"    {name}: {model}" in list_sources()["ops/outputs.py"]
    files = {file for file in list_files_with(model) if file.startswith("components/")}
    assert len(files) == 1


@pytest.mark.parametrize(
    "section",
    sorted(
        {
            section.__name__
            for field in Settings.model_fields.values()
            if (section := find_section(field.annotation))
        }
    ),
)
def test_a_section_of_the_settings_is_a_class_and_a_field(section: str) -> None:
    files = {file for file in list_files_with(section) if file.startswith("components/settings/")}
    (module,) = (file for file in files if f"class {section}(" in list_sources()[file])
    assert files - {module} <= {"components/settings/stack.py"}
