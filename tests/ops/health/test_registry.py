"""The registry of checks: its keys, routines, calls and views; `ops health --list` and --only."""

import ast
import inspect
import json
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from ops.checks.table import CHECKLIST_ITEMS, list_checklist_apis, list_checklist_items
from ops.cli.app import main
from ops.core.check_record import CHECKLIST_LINES, UPKEEP_VIEWS, VIEWS, Check, Checklist
from ops.core.checks import CheckFacts, UnknownAnswerError
from ops.core.errors import UsageError
from ops.health.registry import (
    CHECKS,
    HEALTH_AREAS,
    HEALTH_CHECKS,
    HEALTH_CHECKS_BY_KEY,
    HEALTH_KEYS,
    list_view_calls,
    parse_health_selection,
    select_checks,
    select_health_checks,
)
from ops.permissions.apis import API_GRANTS, UNRESTRICTED_APIS
from ops.permissions.declared import DECLARATIONS, OUTPUTS_CALLS
from tests.ops.single_check import NOW
from tests.ops.stage import build_stack_outputs

PROJECT_ROOT = Path(__file__).resolve().parents[3]
KEBAB_CASE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)+")
KNOWN_APIS = {*API_GRANTS, *UNRESTRICTED_APIS, *OUTPUTS_CALLS}
CHECKLISTS: tuple[Checklist, ...] = ("daily", "weekly", "monthly", "pre-deploy", "post-deploy")
each_check = pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.key)


def list_routine_files() -> list[Path]:
    """The files that hold routines of checks: those that a record names."""
    modules = {check.routine.partition(":")[0] for check in CHECKS}
    return sorted(PROJECT_ROOT / f"{module.replace('.', '/')}.py" for module in modules)


def list_apis_in_routine(check: Check) -> set[str]:
    """The APIs that a routine names, itself or in the functions and methods that it uses."""
    apis, visited, attributes = set[object](), set[object](), set[str]()
    modules: dict[str, dict[str, Any]] = {}
    pending: list[object] = [check.load_routine()]
    while pending:
        function: Any = pending.pop()
        visited.add(function)
        names = modules.setdefault(function.__module__, vars(import_module(function.__module__)))
        values: list[object] = []
        for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function)))):
            if isinstance(node, ast.Name):
                values.append(names.get(node.id))
            elif isinstance(node, ast.Attribute):
                attributes.add(node.attr)
                if isinstance(node.value, ast.Name):
                    values.append(getattr(names.get(node.value.id), node.attr, None))
        apis |= {value for value in values if isinstance(value, str)} & KNOWN_APIS
        tables = [value for value in values if isinstance(value, tuple)]
        apis |= {text for table in tables for text in list_texts_in_table(table)} & KNOWN_APIS
        functions = [
            value
            for value in (*values, *list_methods(modules, attributes))
            if inspect.isfunction(value) and value.__module__.startswith("ops.")
        ]
        pending += [found for found in functions if found not in visited and found not in pending]
    return {str(api) for api in apis}


def list_texts_in_table(value: object) -> Iterator[str]:
    """The texts in a table of data that a routine names: tuples of dataclasses."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from list_texts_in_table(item)
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from list_texts_in_table(getattr(value, field.name))


def list_methods(modules: dict[str, dict[str, Any]], attributes: set[str]) -> list[object]:
    """What classes of these modules have by these names."""
    return [
        vars(value)[name]
        for module, names in modules.items()
        for value in names.values()
        if inspect.isclass(value) and value.__module__ == module
        for name in attributes & set(vars(value))
    ]


@each_check
def test_a_check_record_is_complete(check: Check) -> None:
    assert KEBAB_CASE.fullmatch(check.key)
    assert check.title
    assert check.failure.endswith(".")
    assert check.views, "no view holds it"
    assert len(set(check.calls)) == len(check.calls)
    assert set(check.calls) <= KNOWN_APIS


def test_keys_are_unique_and_no_area_is_called_like_one() -> None:
    keys = [check.key for check in CHECKS]
    assert len(set(keys)) == len(keys)
    assert not set(keys) & {check.area for check in CHECKS}
    assert list(HEALTH_CHECKS_BY_KEY) == keys


@each_check
def test_a_routine_calls_what_its_record_declares_and_no_more(check: Check) -> None:
    assert list_apis_in_routine(check) == set(check.calls)


def test_every_routine_has_its_record() -> None:
    routines = {
        f"{'.'.join(file.relative_to(PROJECT_ROOT).with_suffix('').parts)}:{node.name}"
        for file in list_routine_files()
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.FunctionDef)
        and isinstance(node.returns, ast.Name)
        and node.returns.id == "CheckRoutine"
        and not node.name.startswith("_")
    }
    assert routines == {check.routine for check in CHECKS}


def test_every_record_that_a_noun_lists_is_collected() -> None:
    records = {
        record.key
        for file in sorted((PROJECT_ROOT / "ops").glob("*/check_records.py"))
        for value in vars(import_module(f"ops.{file.parent.name}.check_records")).values()
        if isinstance(value, tuple)
        for record in value
        if isinstance(record, Check)
    }
    assert records == {check.key for check in CHECKS}


def test_every_line_of_the_checklists_has_checks_and_each_check_is_on_its_lines() -> None:
    assert [item.name for item in CHECKLIST_ITEMS] == list(CHECKLIST_LINES)
    for item in CHECKLIST_ITEMS:
        expected = [c.key for c in CHECKS if item.name in c.lines]
        assert expected, item.name
        assert item.checks == tuple(HEALTH_CHECKS_BY_KEY[key] for key in expected)


@pytest.mark.parametrize("checklist", CHECKLISTS)
def test_a_checklist_holds_the_checks_of_its_view(checklist: Checklist) -> None:
    shown = {check for item in list_checklist_items(checklist) for check in item.checks}
    assert shown == set(select_health_checks(checklist))
    assert list_checklist_apis(checklist) == list_view_calls(checklist)
    assert DECLARATIONS[f"check {checklist}"].calls == list_view_calls(checklist)


def test_declared_calls_come_from_the_registry() -> None:
    assert set(DECLARATIONS["health"].calls) == {api for c in HEALTH_CHECKS for api in c.apis}
    for command, view in (
        ("baseline capture", "baseline"),
        ("baseline compare", "baseline"),
        ("recover ready", "recover-ready"),
        ("deploy", "pre-deploy"),
    ):
        view_calls = {call for check in CHECKS if view in check.views for call in check.calls}
        assert view_calls - set(OUTPUTS_CALLS) <= set(DECLARATIONS[command].calls)


def test_the_views_of_a_line_that_does_not_exist_are_refused() -> None:
    check = Check("a-b", "a", "b", "c.", (), "m:f", lines=("no such line",))
    with pytest.raises(KeyError, match="no such line"):
        _ = check.views


def test_a_health_check_runs_the_routine_of_its_record() -> None:
    check = HEALTH_CHECKS_BY_KEY["network-vpc"]
    routine = check.routine(CheckFacts(build_stack_outputs(), NOW))
    (read,) = next(routine)
    assert (read.api, check.area, check.subject) == ("ec2.describe_vpcs", "network", "VPC")
    with pytest.raises(UnknownAnswerError, match="was denied"):
        routine.send([UnknownAnswerError("was denied")])


def test_the_registry_loads_no_routine_and_no_model() -> None:
    """The declarations import it, and so does the program that makes the roles."""
    code = (
        "import sys, ops.health.registry as registry; "
        "routines = {check.routine.partition(':')[0] for check in registry.CHECKS}; "
        "print(*(routines | {'boto3', 'botocore', 'pydantic', 'typer'}) & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT_ROOT, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


@pytest.fixture
def run_without_credentials(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[str, str]]:
    """A line typed where nothing can be called: no credentials, and each call is an error."""

    def refuse_call(*_: Any, **__: Any) -> None:
        raise AssertionError("a call was made")

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("botocore.client.BaseClient._make_api_call", refuse_call)
    monkeypatch.setattr("botocore.session.Session.create_client", refuse_call)

    def run(*words: str, code: int = 0) -> tuple[str, str]:
        assert main(["health", *words]) == code
        captured = capsys.readouterr()
        return captured.out, captured.err

    return run


def test_the_list_names_every_check_without_credentials(
    run_without_credentials: Callable[..., tuple[str, str]],
) -> None:
    out, _ = run_without_credentials("--list")
    header, *lines = out.splitlines()
    assert header.split() == ["key", "area", "checks", "failure", "calls", "views"]
    assert [line.split()[0] for line in lines] == [check.key for check in CHECKS]


def test_the_list_for_a_program_has_the_calls_and_views_of_each_check(
    run_without_credentials: Callable[..., tuple[str, str]],
) -> None:
    body = json.loads(run_without_credentials("--list", "--output", "json")[0])
    assert (body["schema"], body["kind"]) == (1, "health-checks")
    items = {item["key"]: item for item in body["items"]}
    assert items["backup-replication"] == {
        "key": "backup-replication",
        "area": "backups",
        "checks": "replication",
        "failure": "The replicated backups in the recovery region do not reach to an hour ago.",
        "calls": ["rds.describe_db_instance_automated_backups"],
        "views": ["health", "weekly", "monthly", "recover-ready", "baseline"],
    }
    for view in VIEWS:
        listed = [key for key, item in items.items() if view in item["views"]]
        assert listed == [check.key for check in select_checks(view)]
        assert listed or view in UPKEEP_VIEWS, view


def test_the_list_takes_no_selection(
    run_without_credentials: Callable[..., tuple[str, str]],
) -> None:
    _, err = run_without_credentials("--list", "--only", "database", code=2)
    assert "must be without --only" in err


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("database-storge", "nearest: database-storage"),
        ("Service-Tasks", "nearest: service-tasks"),
        ("recovery-key", "keys of checks ("),
        ("%", "see `ops health --list`"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_ones(
    word: str, hint: str, run_without_credentials: Callable[..., tuple[str, str]]
) -> None:
    _, err = run_without_credentials("--only", word, code=2)
    assert err.startswith(f"ops: --only is {word!r}, must be some of account, alarms")
    assert hint in err


def test_areas_and_keys_can_be_selected_together() -> None:
    assert parse_health_selection("logs, database-status") == ("logs", "database-status")
    assert parse_health_selection(None) == HEALTH_AREAS
    assert all(parse_health_selection(key) == (key,) for key in HEALTH_KEYS)
    with pytest.raises(UsageError):
        parse_health_selection("last-drill")  # a check of `ops check monthly` alone
