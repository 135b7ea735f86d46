"""docs/architecture.md says what is so: its words, its rooms, and which room may import which.

The imports are read from the code with `ast`. What serves type checkers alone (`if TYPE_CHECKING:`)
is not counted, and neither are modules that the command line names in strings and loads when they
are used.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module, util
from pathlib import Path

import pytest

from sandbox.program import PROJECT_ROOT

PAGE = (PROJECT_ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
TREES = ("app", "components", "ops", "sandbox")
PROGRAMS = ("__main__", *TREES, "policy")
MOST_WORDS = 30
# Folders whose own folders are rooms of the page, too, one for each service of AWS.
FOLDERS_SHOWN_IN_FULL = ("sandbox/patches",)


def list_rows(heading: str) -> list[list[str]]:
    """The cells of the first table below a heading or a sentence, without the table's head."""
    table = PAGE.split(f"\n{heading}\n", 1)[1].split("\n| ", 1)[1].split("\n\n", 1)[0]
    rows = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in table.split("\n")]
    return rows[2:]


GLOSSARY = list_rows("## Words")


@cache
def list_layers(tree: str) -> dict[str, int]:
    """The layer of each room of a folder, as the page has it; `ops/core`, `ops/outputs.py`."""
    layers: dict[str, int] = {}
    layer = 0
    for line in PAGE.split(f"\n### {tree}\n", 1)[1].split("\n#", 1)[0].splitlines():
        if match := re.fullmatch(r"\| *(\d*) *\| `([\w/.]+)` \| (.+) \|", line):
            layer = int(match[1]) if match[1] else layer
            assert match[2] not in layers, f"{match[2]} is on the page twice"
            layers[match[2]] = layer
    return layers


def list_exceptions() -> set[tuple[str, str]]:
    """The imports that the page admits although they go against the layers: a file, and a room."""
    every_noun = {room for room in list_layers("ops") if "." not in room}
    exceptions: set[tuple[str, str]] = set()
    for file, rooms, _ in list_rows("These files go against the layers:"):
        names = every_noun if rooms == "every noun" else set(re.findall(r"`(.+?)`", rooms))
        exceptions |= {(file.strip("`"), name) for name in names}
    return exceptions


def list_rooms(tree: str) -> set[str]:
    """The rooms that a folder has: its folders, and its modules."""
    folder = PROJECT_ROOT / tree
    rooms = {
        f"{tree}/{path.name}"
        for path in folder.iterdir()
        if path.name not in ("__init__.py", "__pycache__") and (path.is_dir() or is_module(path))
    }
    for shown in FOLDERS_SHOWN_IN_FULL:
        if shown.startswith(f"{tree}/"):
            inner = (PROJECT_ROOT / shown).iterdir()
            rooms |= {f"{shown}/{p.name}" for p in inner if p.is_dir() and p.name != "__pycache__"}
    return rooms


def is_module(path: Path) -> bool:
    return path.suffix == ".py"


def find_room(tree: str, path: Path) -> str | None:
    """The room of the page that a file or folder belongs to; None for the tree's own __init__."""
    parts = path.relative_to(PROJECT_ROOT / tree).parts
    if not parts or parts == ("__init__.py",):
        return None
    return f"{tree}/{parts[0]}"


def is_for_type_checkers(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def walk_at_run_time(node: ast.AST) -> Iterator[ast.AST]:
    """Every node but those that only a type checker reads."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not is_for_type_checkers(child):
            yield from walk_at_run_time(child)


@cache
def list_module_imports(file: Path) -> frozenset[str]:
    """The dotted names that a file imports at run time; `from a import b` is `a.b`."""
    names: set[str] = set()
    for node in walk_at_run_time(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} imports relatively"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(names)


def find_module_path(dotted: str) -> Path | None:
    """The file or folder of this project that a dotted name leads to, its last word or not."""
    path = PROJECT_ROOT
    for word in dotted.split("."):
        if (path / word).is_dir():
            path = path / word
        elif (path / f"{word}.py").exists():
            return path / f"{word}.py"
        else:
            break
    return None if path == PROJECT_ROOT else path


def list_room_imports(tree: str) -> Iterator[tuple[Path, str, str]]:
    """Each file with the room that it is in and another room of its tree that it imports."""
    for file in sorted((PROJECT_ROOT / tree).rglob("*.py")):
        room = find_room(tree, file)
        for name in sorted(list_module_imports(file)):
            if room is None or name.split(".")[0] != tree:
                continue
            path = find_module_path(name)
            imported = find_room(tree, path) if path is not None else None
            if imported is not None and imported != room:
                yield file, room, imported


def test_the_glossary_is_short_and_has_no_word_twice() -> None:
    words = [row[0] for row in GLOSSARY]
    assert {"stack", "plan", "step", "goal", "journal", "run", "lock", "engine"} <= set(words)
    assert len(words) <= MOST_WORDS
    assert len(set(words)) == len(words)


@pytest.mark.parametrize("row", GLOSSARY, ids=lambda row: row[0])
def test_a_word_is_explained_in_one_sentence_and_is_in_the_code(row: list[str]) -> None:
    _, sentence, *code = row
    assert sentence.endswith(".")
    assert not re.search(r"[.!?] [A-Z]", sentence), "that is more than one sentence"
    for name in re.findall(r"`([\w.]+)`", " ".join(code)):
        if util.find_spec(name.split(".")[0]) and find_dotted_module(name):
            continue
        module, _, attribute = name.rpartition(".")
        assert hasattr(import_module(module), attribute), f"{name} does not exist"


def find_dotted_module(name: str) -> bool:
    """Whether a dotted name is a module or package of the project, to its last word."""
    path = PROJECT_ROOT.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").exists()


@pytest.mark.parametrize("tree", TREES)
def test_the_page_has_every_room_and_no_other(tree: str) -> None:
    assert set(list_layers(tree)) == list_rooms(tree)


@pytest.mark.parametrize("tree", TREES)
def test_a_room_imports_rooms_of_lower_layers_only(tree: str) -> None:
    layers, exceptions = list_layers(tree), list_exceptions()
    against = {
        (str(file.relative_to(PROJECT_ROOT)), imported)
        for file, room, imported in list_room_imports(tree)
        if layers[imported] >= layers[room]
    }
    assert not against - exceptions, "these imports go against docs/architecture.md"


def test_no_exception_is_listed_that_the_code_does_not_need() -> None:
    layers = list_layers("ops")
    needed = {
        (str(file.relative_to(PROJECT_ROOT)), imported)
        for file, room, imported in list_room_imports("ops")
        if layers[imported] >= layers[room]
    }
    for file, rooms, _ in list_rows("These files go against the layers:"):
        name = file.strip("`")
        if rooms == "every noun":
            assert any(needed_file == name for needed_file, _ in needed), name
            continue
        for room in re.findall(r"`(.+?)`", rooms):
            assert (name, room) in needed, f"{name} does not import {room}: take the line out"


def test_the_trees_import_each_other_as_the_arrows_say() -> None:
    diagram = PAGE.split("```mermaid\n", 1)[1].split("```", 1)[0]
    diagram = diagram.replace('main["__main__.py"]', "__main__")
    arrows = set(re.findall(r"(\w+) --> (\w+)", diagram))
    imports = {
        (tree, name.split(".")[0])
        for tree in PROGRAMS
        for file in list_tree_files(tree)
        for name in list_module_imports(file)
        if name.split(".")[0] in PROGRAMS
    }
    assert arrows == {(tree, imported) for tree, imported in imports if tree != imported}


def list_tree_files(tree: str) -> list[Path]:
    if tree == "__main__":
        return [PROJECT_ROOT / "__main__.py"]
    return sorted((PROJECT_ROOT / tree).rglob("*.py"))


def test_an_import_is_seen_unless_it_is_for_type_checkers_alone(tmp_path: Path) -> None:
    file = tmp_path / "module.py"
    file.write_text(
        "if TYPE_CHECKING:\n    import ops.deploy\ndef late():\n    from ops.core import plan\n",
        encoding="utf-8",
    )
    assert list_module_imports(file) == {"ops.core.plan"}
