"""Imports between the components' files run one way, those for type checkers included."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

from sandbox.program import PROJECT_ROOT

COMPONENTS_FOLDER = PROJECT_ROOT / "components"


def get_module_name(file: Path) -> str:
    parts = file.relative_to(PROJECT_ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES_BY_MODULE = {get_module_name(file): file for file in COMPONENTS_FOLDER.rglob("*.py")}


def list_imported_modules(file: Path) -> set[str]:
    """The components' modules that a file names in an import."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            members = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= (members & FILES_BY_MODULE.keys()) or {node.module}
    return names & FILES_BY_MODULE.keys()


def test_no_files_import_each_other_in_a_circle() -> None:
    graph = {name: list_imported_modules(file) for name, file in FILES_BY_MODULE.items()}
    assert graph["components.settings.monitoring"] >= {"components.alarm_keys"}
    assert sum(map(len, graph.values())) > 200
    list(TopologicalSorter(graph).static_order())


def test_settings_know_nothing_of_the_alarm_registry() -> None:
    for name, file in FILES_BY_MODULE.items():
        if name.startswith("components.settings"):
            module_names = list_imported_modules(file)
            assert not [
                module for module in module_names if module.startswith("components.alarm_registry")
            ]


def test_facts_import_nothing_but_facts() -> None:
    for name, file in FILES_BY_MODULE.items():
        if name.startswith("components.facts"):
            module_names = list_imported_modules(file)
            assert all(module.startswith("components.facts") for module in module_names), name
