"""The shape of a message: what is left without numbers, ids and addresses; messages by shape."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Literal

from ops.logs.lines import LogLine

MAX_SHAPE_CHARACTERS: Final = 200
# What is read of a line to find its shape: a line has up to 1 MB (CloudWatch Logs User Guide,
# "CloudWatch Logs quotas"), and some patterns take time by the square of its length.
MAX_READ_CHARACTERS: Final = 2000
# In this order: what is a part of another comes after it.
SHAPE_PATTERNS: Final = (
    (
        re.compile(
            r"\d{4}[-/]\d{2}[-/]\d{2}[T ]\d{2}:\d{2}:\d{2}(?:[.,]\d+)?"
            r"(?: ?(?:Z|UTC|GMT|[+-]\d{2}:?\d{2}))?"
        ),
        "<time>",
    ),
    (re.compile(r"\d{2}/[A-Z][a-z]{2}/\d{4}:\d{2}:\d{2}:\d{2} [+-]\d{4}"), "<time>"),
    (re.compile(r"\b[\da-fA-F]{8}(?:-[\da-fA-F]{4}){3}-[\da-fA-F]{12}\b"), "<id>"),
    (re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), "<email>"),
    (re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?:[:/(]\d+\)?)?(?![\w.])"), "<address>"),
    (
        re.compile(r"(?<![\w:])(?=[\da-fA-F:]*::|(?:[\da-fA-F]+:){7})[\da-fA-F:]{3,39}(?![\w:])"),
        "<address>",
    ),
    (re.compile(r"\b0x[\da-fA-F]+\b"), "<hex>"),
    (re.compile(r"\b(?=[\da-fA-F]*\d)[\da-fA-F]{8,}\b"), "<hex>"),
    # Ids and tokens: long, and letters and digits mixed.
    (re.compile(r"(?<![\w-])(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[\w-]{16,}(?![\w-])"), "<id>"),
    (re.compile(r"(?<![A-Za-z_<])-?\d+(?:[.,]\d+)*"), "<n>"),
    (re.compile(r"\s+"), " "),
)
MESSAGE_KEYS: Final = ("message", "msg", "event", "error", "errorMessage")
LEVEL_KEYS: Final = ("level", "severity", "levelname")
TRACE_START: Final = "Traceback (most recent call last)"
# Lines that belong to the one before: indented, or how a trace of Java, JavaScript or Ruby goes on.
CONTINUATION_PATTERN: Final = re.compile(
    r"\s+\S|at \S|Caused by: |During handling of the above exception|The above exception was|\.{3} "
    r"\d+ more|from \S+:\d+:in "
)
TRACE_GAP_MILLISECONDS: Final = 1000  # an assumption: a trace is written at once
Novelty = Literal["yes", "no", "unknown"]


def find_shape(message: str) -> str:
    """The shape of a message. Of JSON it is that of its text, with its level before it."""
    text = _find_text(message)
    head, *others = [line for line in text.strip().split("\n") if line.strip()] or [""]
    # A trace is known by its first line and by its last, which names the exception.
    last = [line for line in others if not CONTINUATION_PATTERN.match(line)][-1:]
    if head.startswith(TRACE_START) and last:
        head, last = last[0], []
    shape = " / ".join(text[:MAX_READ_CHARACTERS] for text in (head, *last))
    for pattern, replacement in SHAPE_PATTERNS:
        shape = pattern.sub(replacement, shape)
    return shape.strip()[:MAX_SHAPE_CHARACTERS]


def _find_text(message: str) -> str:
    if not message.lstrip().startswith("{"):
        return message
    try:
        document: Any = json.loads(message)
    except (ValueError, RecursionError):  # the second if it is nested too deeply
        return message
    if not isinstance(document, dict):
        return message
    text = next((document[key] for key in MESSAGE_KEYS if document.get(key)), None)
    if text is None:
        return message
    if isinstance(text, dict):
        text = text.get("message") or json.dumps(text, sort_keys=True)
    level = next((document[key] for key in LEVEL_KEYS if document.get(key)), "")
    return f"{level} {text}".strip()


def join_traces(lines: Iterable[LogLine]) -> list[LogLine]:
    """Joins the lines of a stack trace, which a program writes one by one, in each stream.

    A line that goes on is joined to the one before it in its stream, and so is the line after a
    trace that names its exception, if they are at most a second apart.
    """
    joined: list[LogLine] = []
    last_by_stream: dict[str, int] = {}
    for line in lines:
        index = last_by_stream.get(line.stream)
        if index is not None and _goes_on(joined[index], line):
            before = joined[index]
            joined[index] = replace(before, message=f"{before.message.rstrip()}\n{line.message}")
            continue
        last_by_stream[line.stream] = len(joined)
        joined.append(line)
    return joined


def _goes_on(before: LogLine, line: LogLine) -> bool:
    if line.time - before.time > TRACE_GAP_MILLISECONDS:
        return False
    if CONTINUATION_PATTERN.match(line.message):
        return True
    lines_before = before.message.rstrip("\n").split("\n")
    is_in_trace = any(text.startswith(TRACE_START) for text in lines_before)
    if line.message.startswith(TRACE_START):
        return not is_in_trace
    # The exception's own line ends a trace of Python; what follows it is another message.
    return is_in_trace and (
        lines_before[-1].startswith((TRACE_START, " ", "\t"))
        and re.match(r"[A-Za-z_][\w.]*(?::|$)", line.message) is not None
    )


@dataclass
class ShapeGroup:
    """The messages of one shape: how many, the first and the last time, the newest as example."""

    shape: str
    count: int = 0
    first: LogLine | None = None
    last: LogLine | None = None
    streams: set[str] = field(default_factory=set)

    def add(self, line: LogLine) -> None:
        """Counts a line."""
        self.count += 1
        self.streams.add(line.stream)
        if self.first is None or line.time < self.first.time:
            self.first = line
        if self.last is None or line.time >= self.last.time:
            self.last = line

    def find_novelty(self, deployed_at: datetime | None, read_since: datetime) -> Novelty:
        """Whether it is new since a deployment; unknown unless lines before that were read."""
        if deployed_at is None or self.first is None:
            return "unknown"
        if self.first.written_at < deployed_at:
            return "no"
        return "yes" if read_since < deployed_at else "unknown"


def group_by_shape(lines: Sequence[LogLine]) -> list[ShapeGroup]:
    """Groups lines by shape, the most frequent first, then the newest."""
    groups: dict[str, ShapeGroup] = {}
    for line in _list_texts(lines):
        shape = find_shape(line.message)
        groups.setdefault(shape, ShapeGroup(shape)).add(line)
    return sorted(groups.values(), key=lambda group: (-group.count, -_get_last_time(group)))


def _list_texts(lines: Sequence[LogLine]) -> Iterator[LogLine]:
    """The lines that say something: an empty one has no shape."""
    return (line for line in join_traces(lines) if line.message.strip())


def _get_last_time(group: ShapeGroup) -> int:
    return group.last.time if group.last is not None else 0
