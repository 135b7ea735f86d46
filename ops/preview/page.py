"""A preview as the comment of a pull request: Markdown that fits into one, the dangerous first.

GitHub takes 65,536 characters. What is dangerous and what failed is always there, if need be in
fewer words; then the table of each stack; then the details, as far as there is room.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ops.core.errors import OpsError
from ops.cost import prices
from ops.preview.changes import ACTS, Act, Change, Preview
from ops.preview.costs import Costs, costs
from ops.preview.dangers import Danger, Kind, dangers, path

MARKER: Final = "<!-- bulwark preview-report -->"
# Characters of a comment (GitHub says so when it refuses a longer one). Counted here in bytes of
# UTF-8, of which a text has as many or more.
LIMIT: Final = 65_536
ROOM: Final = 600  # for the line that says what was left out
SHOWN: Final[tuple[Act, ...]] = ("created", "changed", "replaced", "deleted", "forgotten")
HEADS: Final[dict[Kind, tuple[str, str]]] = {
    "data": ("CAUTION", "DATA IS LOST"),
    "unknown": ("WARNING", "Perhaps data is lost"),
    "interrupts": ("WARNING", "Service is interrupted, or may be"),
    "protects less": ("WARNING", "Less is kept or protected than before"),
}


@dataclass(frozen=True)
class Seen:
    """A preview with what follows from it."""

    preview: Preview
    dangers: tuple[Danger, ...]
    costs: Costs


def seen(previews: Iterable[Preview]) -> list[Seen]:
    """What follows from each preview."""
    return [Seen(one, tuple(dangers(one)), costs(one)) for one in previews]


def page(all_: Sequence[Seen], *, allowed: bool = False) -> str:
    """The comment. `allowed` says that losing data was agreed to.

    Raises OpsError where not even the dangers fit.
    """
    names = ", ".join(_code(one.preview.stack) for one in all_)
    if all(one.preview.empty for one in all_):
        return f"{MARKER}\nPreview of {names}: no changes.\n"
    title = [MARKER, f"## Preview of {names}", ""]
    failures = [line for one in all_ for line in _failure(one.preview)]
    for whole in (tuple(HEADS), ("data", "unknown"), ()):  # kinds that are told in all words
        warnings = _dangers(all_, allowed=allowed, told=whole)
        head = "\n".join([*title, *failures, *warnings])
        if _size(head) < LIMIT - ROOM:
            return _filled(head, all_)
    raise OpsError("what is dangerous does not fit into a comment: give fewer stacks at a time")


def _filled(head: str, all_: Sequence[Seen]) -> str:
    """As much of the tables and the details as there is room for, and what was left out."""
    room = LIMIT - ROOM - _size(head)
    texts, left = [head], []
    for one in all_:
        text = "\n".join([f"### {_code(one.preview.stack)}", "", *_table(one), ""])
        if one.preview.empty:
            text = f"### {_code(one.preview.stack)}\n\nno changes\n"
        if _size(text) < room:
            texts.append(text)
            room -= _size(text) + 1
        else:
            left.append(f"the table of {_code(one.preview.stack)}")
    for one in all_:
        for title, lines in _details(one):
            text, rest = _folded(title, lines, room)
            texts.append(text)
            room -= _size(text) + 1
            if rest:
                left.append(f"{rest} rows of {title.split(':')[0]}")
    if left:
        few = ", ".join(left[:8]) + (f" and {len(left) - 8} more" if len(left) > 8 else "")
        texts.append(f"_Left out for GitHub's limit of {LIMIT:,} characters: {few[:400]}._")
    return "\n".join(text for text in texts if text) + "\n"


def _folded(title: str, lines: Sequence[str], room: int) -> tuple[str, int]:
    """A collapsed block with the lines that there is room for, and how many are left out."""
    opening, ending = f"<details><summary>{title}</summary>\n\n", "\n\n</details>\n"
    room -= _size(opening) + _size(ending)
    fits = 0
    for line in lines:
        room -= _size(line) + 1
        if room < 0:
            break
        fits += 1
    if fits < 3 and fits < len(lines):  # a table's head alone says nothing
        return "", len(lines) - 2
    return opening + "\n".join(lines[:fits]) + ending, len(lines) - fits


def _failure(preview: Preview) -> Iterator[str]:
    if not preview.errors:
        return
    yield "> [!CAUTION]"
    yield f"> **The preview of {_code(preview.stack)} FAILED. What follows is not all of it.**"
    yield ""
    for message in preview.errors[:10]:
        fence = "`" * max(3, 1 + max(map(len, re.findall("`+", message)), default=0))
        yield from (f"{fence}text", message, fence, "")
    if len(preview.errors) > 10:
        yield f"and {len(preview.errors) - 10} more messages"
        yield ""


def _dangers(all_: Sequence[Seen], *, allowed: bool, told: Collection[str]) -> Iterator[str]:
    """The dangers of all stacks by kind; those of kinds not in `told` in fewer words."""
    for kind, (level, words) in HEADS.items():
        found = [(one, danger) for one in all_ for danger in one.dangers if danger.kind == kind]
        if not found:
            continue
        agreed = " It was agreed to (`--allow-data-loss`)." if kind == "data" and allowed else ""
        many = f"{len(found)} change{'s' * (len(found) > 1)}"
        yield f"> [!{level}]"
        yield f"> **{words}: {many}.**{agreed}"
        yield ""
        if kind in told:
            yield "| stack | component | resource | what happens | downtime to expect | source |"
            yield "|---|---|---|---|---|---|"
        for one, danger in found:
            change = danger.change
            stack = _code(one.preview.stack)
            if kind not in told:
                yield f"- {stack} {_code(f'{path(change.type)} {change.name}')} {change.act}"
                continue
            because = f" ({_text(change.said())})" if change.said() else ""
            yield _row(
                stack,
                _text(change.component),
                f"{_code(change.name)} {path(change.type)}",
                f"{danger.what}{because}",
                danger.downtime,
                danger.source,
            )
        yield ""


def _table(one: Seen) -> Iterator[str]:
    """What happens in each component, and what it costs."""
    preview, fixed = one.preview, one.costs.components
    acts = [act for act in SHOWN if act != "forgotten" or preview.of(act)]
    yield _row("component", *acts, "$ a month before", "after", "difference")
    yield _row("---", *["--:"] * (len(acts) + 3))
    names = sorted({c.component for c in preview.changes if c.act != "same"} | set(fixed))
    for name in names:
        inside = [c for c in preview.changes if c.component == name]
        counts = [sum(1 for c in inside if c.act == act) for act in acts]
        old, new = fixed.get(name, (0.0, 0.0))
        if any(counts) or old or new:
            yield _row(_text(name), *(str(n or "") for n in counts), *_money(old, new))
    totals = [f"**{preview.of(act)}**" for act in acts]
    yield _row("**all**", *totals, *(f"**{m}**" for m in _money(*one.costs.fixed)))
    yield ""
    if preview.left_out:
        yield (
            f"{preview.left_out} unchanged resources are not in the file, and not in the figures "
            "(`pulumi preview --json --show-sames` writes them)."
        )
        yield ""
    yield _prices()


def _prices() -> str:
    return (
        f"List prices of {prices.TABLE.region}, {prices.TABLE.taken}, from {prices.TABLE.source}; "
        "what depends on use comes on top."
    )


def _money(old: float, new: float) -> tuple[str, str, str]:
    return f"{old:,.2f}", f"{new:,.2f}", f"{new - old:+,.2f}" if round(new - old, 2) else "0.00"


def _details(one: Seen) -> Iterator[tuple[str, list[str]]]:
    """Of each component what happens to which resource; then what depends on use."""
    changes = [c for c in one.preview.changes if c.act != "same"]
    for name in sorted({c.component for c in changes}):
        inside = [c for c in changes if c.component == name]
        counts = [(act, sum(1 for c in inside if c.act == act)) for act in ACTS]
        said = ", ".join(f"{n} {act}" for act, n in counts if n)
        lines = [_row("what", "type", "resource", "changes"), _row(*["---"] * 4)]
        lines += [row for act in ACTS for row in _rows(c for c in inside if c.act == act)]
        yield f"{_text(f'{one.preview.stack} {name}')}: {said}", lines
    if one.costs.usage:
        lines = [_row("component", "what", "rate"), _row(*["---"] * 3)]
        lines += [_row(*map(_text, row)) for row in one.costs.usage]
        yield f"{_text(one.preview.stack)} costs: what depends on use", lines


def _rows(changes: Iterable[Change]) -> Iterator[str]:
    """A row a change; those of one type that have no more to say share one, ten at a time."""
    alike: dict[tuple[str, str], list[str]] = {}
    for change in changes:
        if change.said():
            forced = f"; forced by {', '.join(change.because)}" if change.because else ""
            words = _text(f"{change.said()}{forced}")
            yield _row(change.act, path(change.type), _code(change.name), words)
        else:
            alike.setdefault((change.act, path(change.type)), []).append(change.name)
    for (act, kind), names in alike.items():
        for first in range(0, len(names), 10):
            yield _row(act, kind, ", ".join(map(_code, names[first : first + 10])), "")


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _code(text: str) -> str:
    """A name as code: nothing in it is markup."""
    return f"`{_line(text).replace('`', chr(39)).replace('|', '/')}`"


def _text(text: str) -> str:
    """Words that may hold a name from elsewhere: no markup, no mention of anybody."""
    return re.sub(r"[\\`*_\[\]<>|@#~&]", lambda match: f"&#{ord(match[0])};", _line(text))


def _line(text: str) -> str:
    return " ".join(text.split())


def _size(text: str) -> int:
    return len(text.encode())
