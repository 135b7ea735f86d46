"""The result of a checklist as it is shown: its counts, what is left to a person, and its trend."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from ops.checks.history import ChecklistTrend, ItemTrend
from ops.checks.model import ChecklistResult
from ops.checks.records import CheckRecord
from ops.core.checks import HEALTH_STATES, HealthState
from ops.core.times import format_utc, format_utc_minute
from ops.outputs import Outputs

MAX_NAMED_CHANGES: Final = 5  # findings that are named as new or gone beside the table
NOTHING_CHANGED_TEXT: Final = "nothing was changed"


@dataclass(frozen=True)
class ChecklistReport:
    """What a run of a checklist found. `trend` is None for lists that are not kept.

    `address` is where the result was kept; None if it was not.
    """

    checklist: str
    outputs: Outputs
    time: datetime
    results: tuple[ChecklistResult, ...]
    trend: ChecklistTrend | None = None
    address: str | None = None

    @property
    def counts(self) -> dict[HealthState, int]:
        """How many items are in each state."""
        return {state: sum(r.state == state for r in self.results) for state in HEALTH_STATES}

    @property
    def state(self) -> HealthState:
        """The worst state of an item; unknown if there is none."""
        return next((state for state in HEALTH_STATES if self.counts[state]), "unknown")

    @property
    def todo_count(self) -> int:
        """How many items leave something to a person."""
        return sum(bool(result.todo) for result in self.results)

    def get_item_trend(self, result: ChecklistResult) -> ItemTrend | None:
        """How an item compares with its earlier runs."""
        return self.trend.items[result.key] if self.trend is not None else None

    def build_json(self) -> dict[str, Any]:
        """The result with all findings of each item, and its trend."""
        items = []
        for result in self.results:
            item = asdict(result)
            if (item_trend := self.get_item_trend(result)) is not None:
                item["since"] = _format_time(item_trend.since)
                item["isLonger"] = item_trend.is_longer
                item["new"], item["gone"] = item_trend.new, item_trend.gone
                item["earlierStates"] = item_trend.states
            items.append(item)
        body: dict[str, Any] = {
            "list": self.checklist,
            "state": self.state,
            **{str(state): count for state, count in self.counts.items()},
            "changed": False,
            "leftToPeople": self.todo_count,
            "record": self.address,
            "items": items,
        }
        if self.trend is None:
            return body
        runs = [_build_run_json(record) for record in self.trend.history.records]
        return {**body, "earlier": runs, "gaps": list(self.trend.history.gaps)}


def format_since(item_trend: ItemTrend | None) -> str:
    """Since which run an item fails; empty if it does not."""
    if item_trend is None or item_trend.since is None:
        return ""
    text = format_utc_minute(item_trend.since.timestamp())
    return f"{text} or before" if item_trend.is_longer else text


def list_trend_lines(report: ChecklistReport) -> Iterator[str]:
    """What is new and gone since the last run that was kept, and what is not known of it."""
    trend = report.trend
    if trend is None:
        return
    for gap in trend.history.gaps:
        yield f"earlier results: {gap}"
    if trend.last is None:
        yield "no earlier result is known, so that nothing is known to be new or gone"
        return
    last_time = format_utc_minute(trend.last.time.timestamp())
    yield f"since {last_time}: {len(trend.new_keys)} new, {len(trend.gone_keys)} gone"
    for word, keys in (("new", trend.new_keys), ("gone", trend.gone_keys)):
        for key in keys[:MAX_NAMED_CHANGES]:
            yield f"  {word}: {key}"
        if len(keys) > MAX_NAMED_CHANGES:
            yield f"  {word}: and {len(keys) - MAX_NAMED_CHANGES} more (all: --output json)"
    if trend.not_compared:
        yield (
            f"  not known of {', '.join(trend.not_compared)}: something of it is unknown now, or "
            "was then"
        )


def describe_todo_count(report: ChecklistReport) -> str:
    """How much is left to people."""
    count, total = report.todo_count, len(report.results)
    if not count:
        return f"{NOTHING_CHANGED_TEXT}, and nothing is left to do"
    verb = "is" if count == 1 else "are"
    return f"{NOTHING_CHANGED_TEXT}: {count} of {total} items {verb} left to a person"


def list_advice(results: Sequence[ChecklistResult]) -> list[str]:
    """The commands that help, each once."""
    return list(dict.fromkeys(r.command for r in results if r.command and r.state != "ok"))


def _build_run_json(record: CheckRecord) -> dict[str, Any]:
    return {
        "time": _format_time(record.time),
        **{state: record.count(state) for state in HEALTH_STATES},
    }


def _format_time(time: datetime | None) -> str | None:
    return None if time is None else format_utc(time.timestamp())
