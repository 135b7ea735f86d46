"""Every setting of a deployed stack is changed, and what Pulumi would do is held to a table.

The settings come from the schema: a new one without a judgement in settings.yaml fails here.
"""

import json
import sys
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import pytest
from _pytest.mark import ParameterSet
from pydantic import JsonValue

from components.settings import Settings, SettingsError
from components.settings.deployed_stack import require_possible_changes
from sandbox.program import ResourceGraph, run_stack_program
from tests.changes.page import PAGE_FILE, render_page
from tests.changes.steps import (
    SEVERITY,
    ChangeStep,
    Verdict,
    judge_steps,
    list_steps,
    list_unsafe_singletons,
)
from tests.changes.table import (
    SettingChange,
    add_values,
    build_deployed_stack,
    build_overrides,
    get_change,
    list_setting_keys,
    load_settings_with,
    load_table,
)
from tests.world import AwsMocks, run_whole_program

# The stack on which each setting has an effect: its verdict is that of the table.
WHOLE: Final = "whole"
Stack = tuple[str, dict[str, JsonValue]]
STACKS: Final[dict[str, Stack]] = {
    WHOLE: ("prod", {"compute": "both", "cache": {"enabled": True}}),
    "dev": ("dev", {}),
    "staging": ("staging", {}),
    "prod": ("prod", {}),
    "sandbox": ("sandbox", {}),
    "fleet": ("prod", {"compute": "fleet"}),
    "both": ("prod", {"compute": "both"}),
    "none": ("prod", {"compute": "none"}),
}
KEYS: Final = sorted(load_table())
BATCH_SIZE: Final = 10
MILD: Final[tuple[Verdict, ...]] = ("nothing", "harmless")


def change_stack(name: str, change: SettingChange) -> tuple[Verdict, list[ChangeStep] | str]:
    """The verdict of a change on a stack, and the steps or the refusal that say why."""
    stack, base = STACKS[name]
    before = build_overrides(stack, base, change.given)
    try:
        deployed_settings = load_settings_with(stack, before)
    except SettingsError as error:
        return "nothing", f"this stack cannot have what is given: {error}"
    values = _find_other_values(stack, deployed_settings, before, change)
    if values is None:
        return "nothing", "the stack has these values already"
    after = add_values(before, values)
    try:
        changed_settings = load_settings_with(stack, after)
        require_possible_changes(changed_settings, build_deployed_stack(deployed_settings))
    except SettingsError as error:
        return "refused", str(error)
    steps = list_steps(run_whole_program(stack, before), _run_once(stack, after))
    return judge_steps(steps), steps


def _find_other_values(
    stack: str, deployed: Settings, before: Mapping[str, JsonValue], change: SettingChange
) -> Mapping[str, JsonValue] | None:
    """The values of a change that differ from what stands; None if none does."""
    for values in change.list_values():
        overrides = add_values(before, values)
        try:
            settings = load_settings_with(stack, overrides)
        except SettingsError:
            return values
        if settings != deployed:
            return values
    return None


def _run_once(stack: str, overrides: dict[str, JsonValue]) -> ResourceGraph:
    """Not kept: the graphs of all changes are more than a small machine's memory."""
    return run_stack_program(stack, AwsMocks(), overrides)


def list_batches() -> list[tuple[str, ...]]:
    """All keys, up to ten together that have one verdict and need the same settings before."""
    groups: dict[tuple[Verdict, str], list[str]] = {}
    for key in KEYS:
        change = load_table()[key]
        own_key = key if change.together else ""
        given = json.dumps([change.given, own_key], sort_keys=True)
        groups.setdefault((change.verdict, given), []).append(key)
    return [
        tuple(keys[start : start + BATCH_SIZE])
        for keys in groups.values()
        for start in range(0, len(keys), BATCH_SIZE)
    ]


def find_worse_change(name: str, changes: Sequence[SettingChange]) -> str | None:
    """The first change that is worse than its verdict, and why.

    All are made together; only if that is worse, or refused, the halves are looked at. It is not
    worse if the settings cannot be what the change asks for, say for want of a domain.
    """
    limit = SEVERITY.index(changes[0].verdict)
    if len(changes) == 1:
        verdict, reason = change_stack(name, changes[0])
        is_worse = SEVERITY.index(verdict) > limit and can_be_set(name, changes[0])
        return f"{changes[0].key}: {describe(reason)}" if is_worse else None
    if SEVERITY.index(judge_together(name, changes)) <= limit:
        return None
    middle = len(changes) // 2
    return find_worse_change(name, changes[:middle]) or find_worse_change(name, changes[middle:])


def can_be_set(name: str, change: SettingChange) -> bool:
    """True if the settings of a new stack could be what this change makes of them."""
    stack, base = STACKS[name]
    before = build_overrides(stack, base, change.given)
    values = _find_other_values(stack, load_settings_with(stack, before), before, change)
    try:
        load_settings_with(stack, add_values(before, values or {}))
    except SettingsError:
        return False
    return True


def judge_together(name: str, changes: Sequence[SettingChange]) -> Verdict:
    """The verdict of several changes at once; refused if the settings cannot stand together."""
    stack, base = STACKS[name]
    before = build_overrides(stack, base, changes[0].given)
    after = before
    try:
        deployed_settings = load_settings_with(stack, before)
    except SettingsError:
        return "nothing"  # this stack cannot have what is given
    try:
        for change in changes:
            if values := _find_other_values(stack, deployed_settings, before, change):
                after = add_values(after, values)
        require_possible_changes(
            load_settings_with(stack, after), build_deployed_stack(deployed_settings)
        )
    except SettingsError:
        return "refused"
    return judge_steps(list_steps(run_whole_program(stack, before), _run_once(stack, after)))


def describe(reason: list[ChangeStep] | str) -> str:
    """What a failed assertion shows."""
    if isinstance(reason, str):
        return reason
    lines = [
        f"{step.verdict}: {step.operation} {step.type} {step.name} {', '.join(step.properties)}"
        for step in reason
    ]
    return "\n".join(lines[:12])


def test_every_setting_is_judged(capsys: pytest.CaptureFixture[str]) -> None:
    keys = list(list_setting_keys())
    unjudged = []
    for key in keys:
        try:
            get_change(key)
        except LookupError:
            unjudged.append(key)
    with capsys.disabled():
        sys.stdout.write(f"\n{len(keys)} settings, {len(unjudged)} not judged\n")
    assert unjudged == []


def test_no_judgement_is_of_a_setting_that_is_gone() -> None:
    keys = {key.replace("services.NAME.", "serviceDefaults.") for key in list_setting_keys()}
    assert load_table().keys() - keys == set()


def test_the_page_is_written_from_the_table() -> None:
    """Write it with: python -m tests.changes"""
    assert PAGE_FILE.read_text() == render_page(PAGE_FILE.read_text())


@pytest.mark.parametrize("key", KEYS)
def test_a_judgement_says_what_happens_unless_it_is_harmless(key: str) -> None:
    change = load_table()[key]
    assert change.verdict in SEVERITY
    assert change.what or change.verdict == "harmless"


@pytest.mark.parametrize("key", [key for key in KEYS if load_table()[key].verdict == "refused"])
def test_a_refusal_names_the_setting(key: str) -> None:
    change = load_table()[key]
    verdict, reason = change_stack(WHOLE, change)
    assert verdict == "refused"
    last_key = (change.names or key).rpartition(".")[2]
    assert any(
        line.startswith("bulwark:") and f"{last_key} is " in line
        for line in describe(reason).splitlines()
    ), reason


def test_harmless_changes_are_harmless_together() -> None:
    """Two runs instead of a hundred; each alone is an exhaustive test."""
    stack, base = STACKS[WHOLE]
    before = build_overrides(stack, base)
    after, taken = before, 0
    for change in load_table().values():
        if change.verdict not in MILD or change.given:
            continue
        candidate = add_values(after, change.list_values()[0])
        try:
            load_settings_with(stack, candidate)
        except SettingsError:
            continue  # not with the others
        after, taken = candidate, taken + 1
    assert taken > 50
    steps = list_steps(run_whole_program(stack, before), run_whole_program(stack, after))
    assert judge_steps(steps) == "harmless", describe(steps)


@pytest.mark.parametrize("name", STACKS)
def test_singleton_resources_are_deleted_before_they_are_replaced(name: str) -> None:
    stack, base = STACKS[name]
    locked: dict[str, JsonValue] = {"backups": {"lock": "governance"}}
    graph = run_whole_program(stack, build_overrides(stack, base, locked))
    assert list_unsafe_singletons(graph) == []


def test_a_zone_that_the_stack_made_is_protected_from_another_domain() -> None:
    given: dict[str, JsonValue] = {"loadBalancer": {"zoneId": None, "createZone": True}}
    change = replace(load_table()["loadBalancer.domain"], given=given)
    verdict, reason = change_stack("prod", change)
    assert verdict == "protected", describe(reason)


def list_key_parameters() -> list[ParameterSet]:
    """Each setting; of those that harm nothing, which are changed together too, a third by turn."""
    return [
        pytest.param(
            key,
            marks=pytest.mark.soak
            if load_table()[key].verdict in MILD and zlib.crc32(key.encode()) % 3
            else pytest.mark.exhaustive,
        )
        for key in KEYS
    ]


@pytest.mark.parametrize("key", list_key_parameters())
def test_a_change_is_what_the_table_says(key: str) -> None:
    change = load_table()[key]
    verdict, reason = change_stack(WHOLE, change)
    assert verdict == change.verdict, describe(reason)


def list_batch_parameters() -> list[ParameterSet]:
    """Each batch on each stack: half of them are exhaustive on one, by turn; the rest is soak."""
    names = [name for name in STACKS if name != WHOLE]
    return [
        pytest.param(
            keys,
            name,
            marks=pytest.mark.exhaustive
            if zlib.crc32(keys[0].encode()) % (2 * len(names)) == number
            else pytest.mark.soak,
            id=f"{keys[0]}+{len(keys) - 1}-{name}",
        )
        for keys in list_batches()
        for number, name in enumerate(names)
    ]


@pytest.mark.parametrize(("keys", "name"), list_batch_parameters())
def test_a_change_is_nowhere_worse_than_the_table_says(keys: tuple[str, ...], name: str) -> None:
    assert find_worse_change(name, [load_table()[key] for key in keys]) is None
