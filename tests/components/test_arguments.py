"""Components and their helpers are called with named arguments, and use every one they take."""

import ast
from collections.abc import Iterator

from tests.components.test_layers import COMPONENTS_FOLDER

# Code that runs elsewhere, in a Lambda and on an instance: its text is what is deployed.
DELIVERED_FOLDERS = {"lambdas", "hosts"}
MAX_POSITIONAL_ARGUMENTS = 2  # what it belongs to and its logical name, or its subject and another

CLASSES: list[tuple[str, ast.ClassDef]] = []
FUNCTIONS: list[tuple[str, ast.FunctionDef]] = []
for path in sorted(COMPONENTS_FOLDER.rglob("*.py")):
    name = str(path.relative_to(COMPONENTS_FOLDER))
    if name.partition("/")[0] in DELIVERED_FOLDERS:
        continue
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef):
            CLASSES.append((name, node))
        elif isinstance(node, ast.FunctionDef):
            FUNCTIONS.append((name, node))


def list_positional_arguments(function: ast.FunctionDef) -> list[str]:
    arguments = [a.arg for a in (*function.args.posonlyargs, *function.args.args)]
    return [name for name in arguments if name not in ("self", "cls")]


def list_component_constructors() -> Iterator[tuple[str, ast.FunctionDef]]:
    """The constructors of the classes that extend `Component`, by class."""
    for _, definition in CLASSES:
        if any(isinstance(base, ast.Name) and base.id == "Component" for base in definition.bases):
            for member in definition.body:
                if isinstance(member, ast.FunctionDef) and member.name == "__init__":
                    yield definition.name, member


def test_a_component_takes_only_its_name_by_position() -> None:
    constructors = dict(list_component_constructors())
    assert len(constructors) >= 24
    positional = {name: list_positional_arguments(c) for name, c in constructors.items()}
    assert positional == {name: ["name"] for name in constructors}


def test_the_args_of_components_are_named() -> None:
    decorators = {
        definition.name: [ast.unparse(decorator) for decorator in definition.decorator_list]
        for _, definition in CLASSES
        if definition.name.endswith("Args")
    }
    assert len(decorators) >= 24
    assert decorators == {name: ["dataclass(frozen=True, kw_only=True)"] for name in decorators}


def test_a_function_takes_at_most_two_positional_arguments() -> None:
    """Except those that take any number of a thing by position: what precedes must be, too."""
    assert len(FUNCTIONS) > 450
    assert [
        (file, function.name)
        for file, function in FUNCTIONS
        if len(list_positional_arguments(function)) > MAX_POSITIONAL_ARGUMENTS
        and function.args.vararg is None
    ] == []


def test_no_function_takes_an_argument_that_it_does_not_use() -> None:
    """One that begins with `_` belongs to a signature that many functions share."""
    unused = [
        (file, function.name, argument.arg)
        for file, function in FUNCTIONS
        for argument in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)
        if argument.arg not in ("self", "cls")
        and not argument.arg.startswith("_")
        and argument.arg not in {n.id for n in ast.walk(function) if isinstance(n, ast.Name)}
    ]
    assert unused == []


def test_a_component_reads_every_field_of_its_args() -> None:
    fields = [
        (file, definition.name, field.target.id)
        for file, definition in CLASSES
        if definition.name.endswith("Args")
        for field in definition.body
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
    ]
    assert len(fields) > 100
    reads = {
        (file, node.attr)
        for file in {file for file, _, _ in fields}
        for node in ast.walk(ast.parse((COMPONENTS_FOLDER / file).read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and ast.unparse(node.value) in ("args", "self._args", "self.args")
    }
    assert [entry for entry in fields if (entry[0], entry[2]) not in reads] == []
