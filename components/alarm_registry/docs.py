"""docs/alarms.md, made from the registry."""

from pathlib import Path
from typing import Final

from components.alarm_registry import COMPOSITES, TABLES
from components.alarm_registry.model import Alarm, Composite, Math

PAGE: Final = Path(__file__).resolve().parent.parent.parent / "docs" / "alarms.md"
INTRODUCTION: Final = """\
# Alarms

Made from `components/alarm_registry` by `python -m components.alarm_registry`; do not edit.

P0 and P1 go to the page topic, P2 to warn. An alarm is named `{project}-{stack}-{key}-{what}`;
its description repeats what it means and the command to run. A stack chooses severities with
`alarms.severities`, and changes or leaves out one alarm with `alarms.overrides.{key}`. Thresholds
follow the size of what is watched: the class of the instance, its storage, the objectives.
"""
HEAD: Final = """
| | Alarm | Watches | Threshold | For | Means | Run |
|---|---|---|---|---|---|---|
"""
COMPOSITE_HEAD: Final = """
| | Alarm | When | Means | Run |
|---|---|---|---|---|
"""


def page() -> str:
    """The whole page."""
    parts = [INTRODUCTION]
    for title, table in TABLES.items():
        parts += [f"\n## {title}\n", HEAD, *(_row(entry) for entry in table)]
    parts += ["\n## Alarms on alarms\n", COMPOSITE_HEAD, *(_composite(one) for one in COMPOSITES)]
    return "".join(parts)


def duration(seconds: int) -> str:
    """Seconds as people say them: 5 min, 6 h, 1 d."""
    for length, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds % length == 0:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def watched(entry: Alarm) -> str:
    """The metric and its statistic, or what the math works out."""
    if isinstance(entry.watch, Math):
        return entry.watch.says
    return f"`{entry.watch.name}` {entry.watch.stat.lower()}"


def _command(entry: Alarm) -> str:
    either = [entry.run] if entry.run_fleet is None else [entry.run, entry.run_fleet]
    return " or ".join(f"`{run.format(name='NAME')}`" for run in either)


def _row(entry: Alarm) -> str:
    return _cells(
        entry.severity,
        f"`{entry.key}`",
        f"{watched(entry)}, {entry.kind.says}",
        f"{entry.compare} {entry.limit.says}",
        duration(entry.seconds),
        entry.says,
        _command(entry),
    )


def _composite(one: Composite) -> str:
    groups = (" or ".join(f"`{key}`" for key in group) for group in one.all_of)
    when = " and ".join(f"({group})" if " or " in group else group for group in groups)
    silent = f"; silent while `{one.suppressed_by}`" if one.suppressed_by else ""
    return _cells(one.severity, f"`{one.key}`", when + silent, one.says, f"`{one.run}`")


def _cells(*cells: str) -> str:
    return f"| {' | '.join(cells)} |\n"
