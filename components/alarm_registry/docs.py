"""Renders docs/alarms.md and the commands of alarms for `ops` from the registry."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Final

from components.alarm_registry import ALARM_TABLES, REGISTRY_ALARMS, REGISTRY_COMPOSITES
from components.alarm_registry.model import (
    AlarmEntry,
    CompositeEntry,
    MetricMath,
    format_period,
)
from components.facts.alarm_numbers import AlarmNumbers

ALARMS_PAGE_PATH: Final = Path(__file__).resolve().parent.parent.parent / "docs" / "alarms.md"
ALARMS_PAGE_INTRODUCTION: Final = """\
# Alarms

Generated from `components/alarm_registry` by `python -m components.alarm_registry`; do not edit.

P0 and P1 go to the page topic, P2 to the warn topic; P3 notifies nobody, and is seen in
`ops alarms list`, `ops health` and the dashboards. An alarm is named
`{project}-{stack}-{key}-{what}`; its description has its meaning, its numbers and the command to
run. Thresholds depend on the instance class, its storage and the objectives.

A stack selects severities with `alarms.severities`. Every number below can be another in a stack:

```yaml
bulwark:alarms:
  overrides:
    database-cpu-high: {threshold: 70, periodMinutes: 5, periods: 3, datapoints: 2}
    cache-hit-rate-low: {severity: P3, missingData: ignore}
    target-latency-raised: {enabled: false}
```

`threshold` is in the unit of the column "In". Of several periods `datapoints` must pass it; all, if
it is not set. What keeps an alarm of P0 or P1 from paging breaks the policy `alarms-page` on prod,
and `ops preview-report` shows that it protects less.
"""
ALARM_TABLE_HEAD: Final = """
| | Alarm | Watches | Threshold | In | For | No data | Means | Run |
|---|---|---|---|---|---|---|---|---|
"""
COMPOSITE_TABLE_HEAD: Final = """
| | Alarm | When | Means | Run |
|---|---|---|---|---|
"""


def render_alarms_page() -> str:
    """Returns the page."""
    parts = [ALARMS_PAGE_INTRODUCTION]
    for title, table in ALARM_TABLES.items():
        parts += [f"\n## {title}\n", ALARM_TABLE_HEAD, *(_render_row(entry) for entry in table)]
    parts += [
        "\n## Alarms on alarms\n",
        COMPOSITE_TABLE_HEAD,
        *(_render_composite_row(composite) for composite in REGISTRY_COMPOSITES),
    ]
    return "".join(parts)


def render_alarm_commands() -> str:
    """The commands by alarm key as JSON, in the order of the keys: see AlarmCommand."""
    fields_by_key: dict[str, dict[str, str]] = {}
    for alarm in REGISTRY_ALARMS:
        fields_by_key[alarm.key] = {"command": alarm.command}
        if alarm.fleet_command is not None:
            fields_by_key[alarm.key]["fleet_command"] = alarm.fleet_command
    for composite in REGISTRY_COMPOSITES:
        fields_by_key[composite.key] = {"command": composite.command}
    return json.dumps(dict(sorted(fields_by_key.items())), indent=2) + "\n"


def render_alarm_numbers() -> str:
    """The numbers by alarm key as JSON, in the order of the keys: see AlarmNumbers."""
    numbers_by_key = {
        alarm.key: AlarmNumbers(
            severity=alarm.severity, notifies=not alarm.composite_only, metric=alarm.numbers
        )
        for alarm in REGISTRY_ALARMS
    } | {
        composite.key: AlarmNumbers(severity=composite.severity, notifies=True, metric=None)
        for composite in REGISTRY_COMPOSITES
    }
    fields_by_key = {key: asdict(numbers) for key, numbers in sorted(numbers_by_key.items())}
    return json.dumps(fields_by_key, indent=2) + "\n"


def format_metric(entry: AlarmEntry) -> str:
    """Formats the metric and its statistic, or the description of its metric math."""
    if isinstance(entry.metric, MetricMath):
        return entry.metric.description
    return f"`{entry.metric.name}` {entry.metric.stat.lower()}"


def _format_commands(entry: AlarmEntry) -> str:
    commands = (
        [entry.command] if entry.fleet_command is None else [entry.command, entry.fleet_command]
    )
    return " or ".join(f"`{command.format(name='NAME')}`" for command in commands)


def _render_row(entry: AlarmEntry) -> str:
    return _render_cells(
        entry.severity,
        f"`{entry.key}`",
        f"{format_metric(entry)}, {entry.kind.description}",
        f"{entry.comparison} {entry.threshold.description}",
        entry.unit.lower(),
        f"{entry.evaluation_periods} × {format_period(entry.period_seconds)}",
        entry.missing_data,
        entry.description,
        _format_commands(entry),
    )


def _render_composite_row(composite: CompositeEntry) -> str:
    groups = (" or ".join(f"`{key}`" for key in group) for group in composite.alarm_groups)
    condition = " and ".join(f"({group})" if " or " in group else group for group in groups)
    suppression = f"; suppressed by `{composite.suppressed_by}`" if composite.suppressed_by else ""
    return _render_cells(
        composite.severity,
        f"`{composite.key}`",
        condition + suppression,
        composite.description,
        f"`{composite.command}`",
    )


def _render_cells(*cells: str) -> str:
    return f"| {' | '.join(cells)} |\n"
