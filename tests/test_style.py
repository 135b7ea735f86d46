"""The house rules that a machine can hold: format, lint, strict types, rooms of one screenful."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from sandbox.program import PROJECT_ROOT

MAX_FILE_LINES = 400
SOURCE_FILES = [
    file
    for folder in ("app", "components", "ops", "policy", "sandbox", "tests", "bench")
    for file in sorted((PROJECT_ROOT / folder).rglob("*.py"))
]


def run_tool(*command: str) -> str:
    """What a tool of the environment says; empty where it has nothing to say."""
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.parametrize(
    "command", [("ruff", "format", "--check"), ("ruff", "check")], ids=" ".join
)
def test_ruff_reports_no_problem(command: tuple[str, ...]) -> None:
    assert run_tool(*command, ".") == ""


@pytest.mark.exhaustive
def test_mypy_reports_no_problem() -> None:
    assert run_tool("mypy") == ""


def test_every_file_is_one_room() -> None:
    lengths = {
        str(f.relative_to(PROJECT_ROOT)): len(f.read_text("utf-8").splitlines())
        for f in SOURCE_FILES
    }
    assert len(lengths) > 100
    assert [name for name, length in lengths.items() if length > MAX_FILE_LINES] == []


def test_the_program_only_connects_components() -> None:
    """One page without logic: as many lines as the formatter gives to named arguments."""
    source = (PROJECT_ROOT / "__main__.py").read_text(encoding="utf-8")
    assert len(source.splitlines()) <= 164
    statements = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.stmt)]
    plain = (ast.Expr, ast.Assign, ast.If, ast.ImportFrom)
    assert [ast.unparse(node) for node in statements if not isinstance(node, plain)] == []
    assert sum(not isinstance(node, ast.ImportFrom) for node in statements) <= 37


# Names that say nothing: each of them once meant six things.
VAGUE_PARAMETERS = {"of", "on", "own", "found", "given", "one", "it", "told", "seen", "asked"}
PARTICIPLE = re.compile(
    r"_*(?!seed|need|embed|feed|speed)"
    r"([a-z]+ed|made|kept|told|seen|given|found|shown|known|held|left|said|chosen|taken|done|gone)_?"
)


def list_functions() -> list[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Every function of the program, the operations and the sandbox, with its file."""
    return [
        (str(file.relative_to(PROJECT_ROOT)), node)
        for file in SOURCE_FILES
        if file.relative_to(PROJECT_ROOT).parts[0] not in ("tests", "bench")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def test_no_function_is_called_by_a_bare_participle() -> None:
    functions = list_functions()
    assert len(functions) > 2000
    assert [(file, node.name) for file, node in functions if PARTICIPLE.fullmatch(node.name)] == []


def test_no_parameter_has_a_name_that_says_nothing() -> None:
    vague_names = [
        (file, node.name, parameter.arg)
        for file, node in list_functions()
        for parameter in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
        if parameter.arg in VAGUE_PARAMETERS
    ]
    assert vague_names == []


# Tables that each room of a kind has one of; they are read by the names of their modules.
TABLE_NAMES = {"CHECKS", "DECLARATIONS", "ENTRIES", "FACTS"}
# The same text with different meanings: a region with a role of its own in three services, and
# words that name two things.
COINCIDENCES = {"us-east-1", "bulwark", "fleet", "alb", "none", "404"}


def list_constants(*folders: str) -> list[tuple[str, str, ast.expr]]:
    """The public constants of the modules in some folders: file, name and value."""
    constants: list[tuple[str, str, ast.expr]] = []
    for file in SOURCE_FILES:
        name = str(file.relative_to(PROJECT_ROOT))
        for node in ast.parse(file.read_text("utf-8")).body if name.startswith(folders) else ():
            pairs: list[tuple[ast.expr, ast.expr]]
            if isinstance(node, ast.AnnAssign) and node.value is not None:
                pairs = [(node.target, node.value)]
            elif isinstance(node, ast.Assign):
                pairs = list(_list_assignments(node))
            else:
                continue
            constants += [
                (name, target.id, value)
                for target, value in pairs
                if isinstance(target, ast.Name) and re.fullmatch(r"[A-Z][A-Z0-9_]*", target.id)
            ]
    return constants


def _list_assignments(node: ast.Assign) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Each target with its value; those of `A, B = 1, 2` one by one."""
    for target in node.targets:
        if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            yield from zip(target.elts, node.value.elts, strict=True)
        elif isinstance(target, ast.Tuple):
            yield from ((element, node.value) for element in target.elts)
        else:
            yield target, node.value


def test_a_public_constant_is_defined_in_one_room() -> None:
    files: dict[str, list[str]] = {}
    for file, name, _ in list_constants("ops/", "components/", "sandbox/", "policy/"):
        files.setdefault(name, []).append(file)
    assert len(files) > 1000
    assert {n: f for n, f in files.items() if len(f) > 1 and n not in TABLE_NAMES} == {}


def test_a_text_is_a_public_constant_once() -> None:
    """A name of AWS or Pulumi that has two constants is changed in one of them, some day.

    The sandbox is left out: it says for itself what AWS does.
    """
    names: dict[object, list[str]] = {}
    for file, name, node in list_constants("ops/", "components/", "policy/"):
        try:
            value = ast.literal_eval(node)
        except ValueError:
            continue
        parts = value if isinstance(value, tuple) and len(value) > 1 else (value,)
        if parts and all(isinstance(part, str) for part in parts) and value not in COINCIDENCES:
            names.setdefault(value, []).append(f"{file}: {name}")
    assert len(names) > 200
    assert {value: places for value, places in names.items() if len(places) > 1} == {}


def test_the_formatter_decides() -> None:
    skip = "# fmt" + ":"
    assert [str(f) for f in SOURCE_FILES if skip in f.read_text(encoding="utf-8")] == []


def test_there_are_no_conflict_marks() -> None:
    marks = re.compile(r"^(<{7}|>{7}|={7})( |$)", re.MULTILINE)
    listed = subprocess.run(
        ["git", "ls-files"], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True
    )
    files = [PROJECT_ROOT / name for name in listed.stdout.splitlines()]
    texts = {f: f.read_text(encoding="utf-8", errors="replace") for f in files if f.is_file()}
    assert [str(f) for f, text in texts.items() if marks.search(text)] == []


def build_import_graph(sources: dict[str, str]) -> dict[str, set[str]]:
    """The modules that each module imports anywhere, in functions and for type checks too.

    `sources` are texts by module name; imports from outside them are left out.
    """
    graph: dict[str, set[str]] = {}
    for module, source in sources.items():
        names = set()
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                assert node.level == 0, f"{module} has a relative import"
                for alias in node.names:
                    submodule = f"{node.module}.{alias.name}"
                    names.add(submodule if submodule in sources else node.module)
        graph[module] = (names & set(sources)) - {module}
    return graph


def find_circular_modules(graph: dict[str, set[str]]) -> set[str]:
    """The modules that are in some circle of imports, or between two circles."""
    importers: dict[str, set[str]] = {module: set() for module in graph}
    for module, imports in graph.items():
        for name in imports:
            importers[name].add(module)
    circular = set(graph)
    for edges in (graph, importers):
        removed = True
        while removed:
            leaves = {module for module in circular if not edges[module] & circular}
            circular -= leaves
            removed = bool(leaves)
    return circular


def list_modules() -> dict[str, str]:
    """The texts of the program, the operations, the policies and the sandbox, by module name."""
    return {
        ".".join(file.relative_to(PROJECT_ROOT).with_suffix("").parts).removesuffix(
            ".__init__"
        ): file.read_text(encoding="utf-8")
        for file in SOURCE_FILES
        if file.relative_to(PROJECT_ROOT).parts[0] not in ("tests", "bench")
    }


def test_no_modules_import_each_other_in_a_circle() -> None:
    modules = list_modules()
    assert len(modules) > 250
    assert find_circular_modules(build_import_graph(modules)) == set()


def test_a_circle_is_found_however_it_is_imported() -> None:
    sources = {
        "a": "import b",
        "b": "def load():\n    from p import c",
        "p": "",
        "p.c": "if TYPE_CHECKING:\n    from a import Thing",
        "user": "import a\nimport os",
        "leaf": "from os import path",
    }
    assert find_circular_modules(build_import_graph(sources)) == {"a", "b", "p.c"}
    sources["p.c"] = "from leaf import Thing"
    assert find_circular_modules(build_import_graph(sources)) == set()
