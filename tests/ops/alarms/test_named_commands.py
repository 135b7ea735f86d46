"""Every `ops ...` command that a text names exists: its verb, and its options.

Texts are strings, docstrings and comments of ops/, components/ and sandbox/, their templates, and
the pages of docs/ and README.md. A command is named in backticks, by a text that begins with it, or
by a noun behind `ops` in a sentence. What is filled in at run time ends the words that are checked;
values are not checked here, but in test_commands.py.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.cli.command_tree import CommandNode, build_command_tree
from sandbox.program import PROJECT_ROOT

FILLED = "\N{WHITE SQUARE}"  # stands for what is filled in at run time
TREE = build_command_tree()
NOUNS = {words[0] for words in TREE}
PYTHON_FILES = [
    file
    for folder in ("components", "ops", "sandbox")
    for file in sorted((PROJECT_ROOT / folder).rglob("*.py"))
]
TEXT_FILES = [
    PROJECT_ROOT / "README.md",
    *sorted((PROJECT_ROOT / "docs").rglob("*.md")),
    *sorted(PROJECT_ROOT.glob("*/templates/*.j2")),
]
# A span in backticks, with or without the folder of the program; lines may break within it.
SPAN = re.compile(r"`(?:\.venv/bin/)?(ops\s[^`]+)`")
SHOWN_LINE = re.compile(r"^(?:\$ |\.venv/bin/)?(ops [a-z].*)$", re.MULTILINE)
SENTENCE = re.compile(rf"\bops (?:{'|'.join(map(re.escape, sorted(NOUNS)))})\b[^`\n.;:()]*")
QUOTED_VALUE = re.compile(r"""(?<=\s)(["'])[^"']*\1""")  # its words are another program's
OPTION = re.compile(r"(?<![\w-])(--?[a-z][a-z-]*)")


def list_python_texts(source: str) -> Iterator[str]:
    """The strings and comments of a program; what is filled into an f-string is FILLED."""
    nodes = list(ast.walk(ast.parse(source)))
    inner = {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in nodes:
        if id(node) in inner:
            continue
        if isinstance(node, ast.JoinedStr):
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else FILLED
                for part in node.values
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
    comment = ""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            comment += token.string.lstrip("# ") + " "
        elif comment and token.type != tokenize.NL:
            yield comment
            comment = ""


def list_named_lines(text: str) -> Iterator[tuple[str, bool]]:
    """The commands that a text names, and whether each is typed so, or part of a sentence."""
    for block in re.findall(r"```\w*\n(.*?)```", text, re.DOTALL):
        yield from ((line, True) for line in SHOWN_LINE.findall(block))
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    yield from ((re.sub(r"\s+", " ", span), True) for span in SPAN.findall(prose))
    if re.match(r"ops [a-z]", prose):
        yield prose.split("\n")[0], prose.split()[1] in NOUNS
    yield from ((line, True) for line in SENTENCE.findall(SPAN.sub("", prose)))


def find_node(words: list[str]) -> tuple[CommandNode | None, str]:
    """The longest command or group that the words lead to, and the word behind it."""
    found: tuple[str, ...] = ()
    while len(found) < len(words) and (*found, words[len(found)]) in TREE:
        found = (*found, words[len(found)])
    return TREE.get(found), words[len(found)] if len(found) < len(words) else ""


def list_faults(line: str, *, typed: bool) -> list[str]:
    """What is wrong with the commands that a text names; nothing if all of it exists."""
    first, *others = re.split(r" && (?=ops )", line)
    if others:
        return [fault for part in (first, *others) for fault in list_faults(part, typed=typed)]
    own_words = QUOTED_VALUE.sub("VALUE", re.split(r" -- | [|>&]+ ", line)[0])
    words = [word.rstrip(",.;:)'\"") for word in own_words.split()[1:]]
    node, next_word = find_node(words)
    is_verb = re.fullmatch(r"[a-z][a-z-]*", next_word) is not None
    if node is None:
        return [f"no noun {next_word!r}"] if is_verb and typed else []
    if node.members and is_verb and typed:
        return [f"ops {node.name} has no {next_word!r}"]
    known = set(node.options)
    if node.members:  # options of a group are those of its commands
        known |= {o for n in TREE.values() if n.words[:1] == node.words[:1] for o in n.options}
    return [
        f"{node.name} has no {option}"
        for option in OPTION.findall(own_words)
        if option not in known
    ]


def list_file_texts(file: Path) -> Iterator[str]:
    source = file.read_text(encoding="utf-8")
    return list_python_texts(source) if file.suffix == ".py" else iter([source])


def list_all_lines() -> list[tuple[str, str, bool]]:
    return [
        (str(file.relative_to(PROJECT_ROOT)), line, typed)
        for file in [*PYTHON_FILES, *TEXT_FILES]
        for text in list_file_texts(file)
        for line, typed in list_named_lines(text)
    ]


ALL_LINES = list_all_lines()


@pytest.mark.parametrize("place", sorted({place for place, _, _ in ALL_LINES}))
def test_the_commands_that_a_file_names_exist_with_their_options(place: str) -> None:
    faults = {
        line: found
        for file, line, typed in ALL_LINES
        if file == place and (found := list_faults(line, typed=typed))
    }
    assert not faults


def test_there_are_commands_to_look_at_in_every_folder() -> None:
    assert len(ALL_LINES) > 900
    folders = {place.split("/")[0] for place, _, _ in ALL_LINES}
    assert {"components", "docs", "ops", "sandbox", "README.md"} <= folders


@pytest.mark.parametrize(
    "text",
    [
        "see `ops db statsu`",
        "see `ops\n    nothing here`",
        "ops service limits --service backend",
        "no such thing, see ops db snapshots for them",
        "```sh\nops db resize db.m7g.large --dryrun\n```",
        "`ops fleet refresh --checkpoints 20`",
    ],
)
def test_a_command_that_is_not_there_is_seen(text: str) -> None:
    assert any(list_faults(line, typed=typed) for line, typed in list_named_lines(text))


@pytest.mark.parametrize(
    "text",
    [
        "`ops db`: status, snapshots",
        "`ops fleet run --all -- df --human-readable`",
        "`ops runs show RUN --output json | jq --raw-output .`",
        "ops is a program",
        "`ops bootstrap check --repository OWNER/NAME`",
    ],
)
def test_a_command_that_is_there_is_no_fault(text: str) -> None:
    assert not any(list_faults(line, typed=typed) for line, typed in list_named_lines(text))


def test_a_placeholder_ends_the_command_that_is_checked() -> None:
    (text,) = list_python_texts('f"ops db {verb} --nothing"')
    assert text == f"ops db {FILLED} --nothing"
    (comment,) = list_python_texts("# see `ops\n# db status`\n")
    assert list(list_named_lines(comment)) == [("ops db status", True)]
