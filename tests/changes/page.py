"""docs/changing.md: its last part is written from the table."""

from collections.abc import Iterator
from typing import Final

from sandbox.program import PROJECT_ROOT
from tests.changes.steps import Verdict
from tests.changes.table import load_table

PAGE_FILE: Final = PROJECT_ROOT / "docs" / "changing.md"
TABLE_HEADING: Final = "## Every setting"
VERDICT_TITLES: Final[dict[Verdict, str]] = {
    "refused": "Refused before anything is registered",
    "protected": "Pulumi refuses while the stack is protected (`protect`); else it is lost",
    "loses": "Loses data, at once",
    "interrupts": "Interrupts",
    "less": "Keeps or protects less than before",
    "replaced": "Replaced, with nothing interrupted",
    "harmless": "Harmless: at once, or in the maintenance window, with nothing interrupted",
    "nothing": "Changes nothing that is there already",
}


def render_page(text: str) -> str:
    """The page with its last part written anew."""
    head = text.partition(TABLE_HEADING)[0].rstrip("\n")
    return "\n".join((f"{head}\n", TABLE_HEADING, "", *_render_verdicts()))


def _render_verdicts() -> Iterator[str]:
    yield (
        "What is worst is said, on a stack that has everything. A service's own keys are those of\n"
        "`serviceDefaults`. Each line is held by a test that makes the change (`tests/changes`).\n"
    )
    for verdict, title in VERDICT_TITLES.items():
        changes = [change for change in load_table().values() if change.verdict == verdict]
        yield f"### {title}\n"
        if verdict == "harmless":
            yield ", ".join(f"`{change.key}`" for change in changes) + ".\n"
            if lines := [f"- `{change.key}`: {change.what}." for change in changes if change.what]:
                yield "\n".join((*lines, ""))
            continue
        heading = "why, and how it is done" if verdict == "nothing" else "what happens, how long"
        yield f"| setting | {heading} |\n|---|---|"
        yield from (f"| `{change.key}` | {change.what} |" for change in changes)
        yield ""
