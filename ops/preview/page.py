"""A preview as a pull request comment in Markdown, dangers first.

GitHub allows 65,536 characters. Failures and dangers are always included, shortened if necessary;
tables and details follow as far as they fit.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ops.cli.markdown import escape_markup, format_code
from ops.cli.streams import clean_text
from ops.core.errors import OpsError
from ops.preview.changes import Preview, ResourceChange
from ops.preview.costs import CostComparison, compare_costs
from ops.preview.dangers import Danger, DangerKind, get_short_type, list_dangers
from ops.preview.document import CHANGE_KINDS, ChangeKind
from ops.prices.price_table import DEFAULT_PRICE_TABLE

PREVIEW_MARKER: Final = "<!-- bulwark preview-report -->"
# Maximum of a comment (GitHub's error message). Counted here in bytes of UTF-8, which are at
# least as many.
MAX_COMMENT_CHARACTERS: Final = 65_536
OMISSION_NOTE_CHARACTERS: Final = 600  # for the note about omissions
TABLE_CHANGE_KINDS: Final[tuple[ChangeKind, ...]] = (
    "created",
    "changed",
    "replaced",
    "deleted",
    "forgotten",
)
DANGER_HEADINGS: Final[dict[DangerKind, tuple[str, str]]] = {
    "data": ("CAUTION", "DATA WILL BE LOST"),
    "unknown": ("WARNING", "Data may be lost"),
    "interrupts": ("WARNING", "Service is or may be interrupted"),
    "protects less": ("WARNING", "Less is kept or protected than before"),
    "not judged": ("NOTE", "Not judged: look at these changes yourself"),
}


@dataclass(frozen=True)
class PreviewAssessment:
    """A preview with its dangers and costs."""

    preview: Preview
    dangers: tuple[Danger, ...]
    costs: CostComparison


def assess_previews(previews: Iterable[Preview]) -> list[PreviewAssessment]:
    """Assesses the dangers and costs of each preview."""
    return [
        PreviewAssessment(preview, tuple(list_dangers(preview)), compare_costs(preview))
        for preview in previews
    ]


def render_preview_page(assessments: Sequence[PreviewAssessment], *, allowed: bool = False) -> str:
    """Renders the comment. `allowed` means that --allow-data-loss was given.

    Raises OpsError if not even the dangers fit.
    """
    names = ", ".join(format_code(assessment.preview.stack) for assessment in assessments)
    if all(assessment.preview.is_empty for assessment in assessments):
        return f"{PREVIEW_MARKER}\nPreview of {names}: no changes.\n"
    title = [PREVIEW_MARKER, f"## Preview of {names}", ""]
    failures = [line for assessment in assessments for line in _render_failure(assessment.preview)]
    for detailed_kinds in (
        tuple(DANGER_HEADINGS),
        ("data", "unknown"),
        (),
    ):  # kinds shown as a full table
        warnings = _render_dangers(assessments, allowed=allowed, detailed_kinds=detailed_kinds)
        head = "\n".join([*title, *failures, *warnings])
        if _count_bytes(head) < MAX_COMMENT_CHARACTERS - OMISSION_NOTE_CHARACTERS:
            return _render_tables_and_details(head, assessments)
    raise OpsError("the dangers do not fit into one comment; give fewer stacks at a time")


def _render_tables_and_details(head: str, assessments: Sequence[PreviewAssessment]) -> str:
    """Renders tables and details as far as they fit, and a note about the rest."""
    room = MAX_COMMENT_CHARACTERS - OMISSION_NOTE_CHARACTERS - _count_bytes(head)
    blocks, omissions = [head], []
    for assessment in assessments:
        block = "\n".join(
            [f"### {format_code(assessment.preview.stack)}", "", *_render_table(assessment), ""]
        )
        if assessment.preview.is_empty:
            block = f"### {format_code(assessment.preview.stack)}\n\nno changes\n"
        if _count_bytes(block) < room:
            blocks.append(block)
            room -= _count_bytes(block) + 1
        else:
            omissions.append(f"the table of {format_code(assessment.preview.stack)}")
    for assessment in assessments:
        for title, lines in _render_details(assessment):
            block, omitted_rows = _render_collapsed_block(title, lines, room)
            blocks.append(block)
            room -= _count_bytes(block) + 1
            if omitted_rows:
                omissions.append(f"{omitted_rows} rows of {title.split(':')[0]}")
    if omissions:
        omission_text = ", ".join(omissions[:8]) + (
            f" and {len(omissions) - 8} more" if len(omissions) > 8 else ""
        )
        blocks.append(
            f"_Omitted because of GitHub's limit of {MAX_COMMENT_CHARACTERS:,} characters: "
            f"{omission_text[:400]}._"
        )
    return "\n".join(block for block in blocks if block) + "\n"


def _render_collapsed_block(title: str, lines: Sequence[str], room: int) -> tuple[str, int]:
    """Renders a collapsed block with the lines that fit; returns it and the omitted count."""
    opening, ending = f"<details><summary>{title}</summary>\n\n", "\n\n</details>\n"
    room -= _count_bytes(opening) + _count_bytes(ending)
    fitting_lines = 0
    for line in lines:
        room -= _count_bytes(line) + 1
        if room < 0:
            break
        fitting_lines += 1
    if fitting_lines < 3 and fitting_lines < len(lines):  # a table's head alone is useless
        return "", len(lines) - 2
    return opening + "\n".join(lines[:fitting_lines]) + ending, len(lines) - fitting_lines


def _render_failure(preview: Preview) -> Iterator[str]:
    if not preview.errors:
        return
    yield "> [!CAUTION]"
    yield (f"> **The preview of {format_code(preview.stack)} FAILED. What follows is incomplete.**")
    yield ""
    for message in preview.errors[:10]:
        fence = "`" * max(3, 1 + max(map(len, re.findall("`+", message)), default=0))
        yield from (f"{fence}text", clean_text(message), fence, "")
    if len(preview.errors) > 10:
        yield f"and {len(preview.errors) - 10} more messages"
        yield ""


def _render_dangers(
    assessments: Sequence[PreviewAssessment], *, allowed: bool, detailed_kinds: Collection[str]
) -> Iterator[str]:
    """Renders the dangers by kind: a table for detailed kinds, a list for the others."""
    for kind, (level, heading) in DANGER_HEADINGS.items():
        stack_dangers = [
            (assessment, danger)
            for assessment in assessments
            for danger in assessment.dangers
            if danger.kind == kind
        ]
        if not stack_dangers:
            continue
        agreement = " Allowed by `--allow-data-loss`." if kind == "data" and allowed else ""
        change_count = f"{len(stack_dangers)} change{'s' * (len(stack_dangers) > 1)}"
        yield f"> [!{level}]"
        yield f"> **{heading}: {change_count}.**{agreement}"
        yield ""
        if kind in detailed_kinds:
            yield "| stack | component | resource | what happens | expected downtime | source |"
            yield "|---|---|---|---|---|---|"
        for assessment, danger in stack_dangers:
            change = danger.change
            stack = format_code(assessment.preview.stack)
            if kind not in detailed_kinds:
                yield (
                    f"- {stack} "
                    f"{format_code(f'{get_short_type(change.type)} {change.name}')} {change.kind}"
                )
                continue
            property_text = (
                f" ({escape_markup(change.format_properties())})"
                if change.format_properties()
                else ""
            )
            yield _format_row(
                stack,
                escape_markup(change.component),
                f"{format_code(change.name)} {escape_markup(get_short_type(change.type))}",
                f"{escape_markup(danger.description)}{property_text}",
                escape_markup(danger.downtime),
                escape_markup(danger.source),
            )
        yield ""


def _render_table(assessment: PreviewAssessment) -> Iterator[str]:
    """Renders the number of changes and the cost of each component."""
    preview, component_totals = assessment.preview, assessment.costs.component_totals
    kinds = [
        kind for kind in TABLE_CHANGE_KINDS if kind != "forgotten" or preview.count_changes(kind)
    ]
    yield _format_row("component", *kinds, "$ per month before", "after", "difference")
    yield _format_row("---", *["--:"] * (len(kinds) + 3))
    names = sorted(
        {change.component for change in preview.changes if change.kind != "same"}
        | set(component_totals)
    )
    for name in names:
        component_changes = [change for change in preview.changes if change.component == name]
        counts = [sum(1 for change in component_changes if change.kind == kind) for kind in kinds]
        old, new = component_totals.get(name, (0.0, 0.0))
        if any(counts) or old or new:
            yield _format_row(
                escape_markup(name),
                *(str(count or "") for count in counts),
                *_format_money(old, new),
            )
    totals = [f"**{preview.count_changes(kind)}**" for kind in kinds]
    yield _format_row(
        "**all**", *totals, *(f"**{amount}**" for amount in _format_money(*assessment.costs.totals))
    )
    yield ""
    if preview.omitted_count:
        yield (
            f"{preview.omitted_count} unchanged resources are not in the file and not counted "
            "(`pulumi preview --json --show-sames` includes them)."
        )
        yield ""
    yield _describe_price_table()


def _describe_price_table() -> str:
    return (
        f"List prices of {DEFAULT_PRICE_TABLE.region}, "
        f"{DEFAULT_PRICE_TABLE.taken}, from {DEFAULT_PRICE_TABLE.source}; "
        "usage costs extra."
    )


def _format_money(old: float, new: float) -> tuple[str, str, str]:
    return f"{old:,.2f}", f"{new:,.2f}", f"{new - old:+,.2f}" if round(new - old, 2) else "0.00"


def _render_details(assessment: PreviewAssessment) -> Iterator[tuple[str, list[str]]]:
    """Yields each component's changes, then the usage costs."""
    changes = [change for change in assessment.preview.changes if change.kind != "same"]
    for name in sorted({change.component for change in changes}):
        component_changes = [change for change in changes if change.component == name]
        counts = [
            (kind, sum(1 for change in component_changes if change.kind == kind))
            for kind in CHANGE_KINDS
        ]
        count_text = ", ".join(f"{count} {kind}" for kind, count in counts if count)
        lines = [_format_row("what", "type", "resource", "changes"), _format_row(*["---"] * 4)]
        lines += [
            row
            for kind in CHANGE_KINDS
            for row in _render_change_rows(
                change for change in component_changes if change.kind == kind
            )
        ]
        yield f"{escape_markup(f'{assessment.preview.stack} {name}')}: {count_text}", lines
    if assessment.costs.usage_rates:
        lines = [_format_row("component", "what", "rate"), _format_row(*["---"] * 3)]
        lines += [_format_row(*map(escape_markup, row)) for row in assessment.costs.usage_rates]
        yield f"{escape_markup(assessment.preview.stack)} usage costs", lines


def _render_change_rows(changes: Iterable[ResourceChange]) -> Iterator[str]:
    """Yields a row per change; changes without properties share rows of ten per type."""
    similar_names: dict[tuple[str, str], list[str]] = {}
    for change in changes:
        if change.format_properties():
            replace_text = (
                f"; forced by {', '.join(change.replace_reasons)}" if change.replace_reasons else ""
            )
            property_text = escape_markup(f"{change.format_properties()}{replace_text}")
            yield _format_row(
                change.kind,
                escape_markup(get_short_type(change.type)),
                format_code(change.name),
                property_text,
            )
        else:
            similar_names.setdefault((change.kind, get_short_type(change.type)), []).append(
                change.name
            )
    for (change_kind, short_type), names in similar_names.items():
        for start in range(0, len(names), 10):
            yield _format_row(
                change_kind,
                escape_markup(short_type),
                ", ".join(map(format_code, names[start : start + 10])),
                "",
            )


def _format_row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _count_bytes(text: str) -> int:
    return len(text.encode())
