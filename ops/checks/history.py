"""How the result of a checklist compares with its earlier runs: what is new or gone, since when."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ops.checks.model import ChecklistResult
from ops.checks.records import CheckHistory, CheckRecord, RecordedItem, build_recorded_item
from ops.core.checks import HealthState


@dataclass(frozen=True)
class ItemTrend:
    """An item beside its earlier runs.

    `since` is the first run of those in a row that found it failing, None if it does not fail now;
    `is_longer` is True if it may be longer, as older runs were not read. `new` and `gone` are the
    keys of findings that the last run did not have, or no longer are; None if that is not known,
    as a part of one of both was unknown. `states` are those of the earlier runs, the oldest first;
    None if a run did not have the item.
    """

    since: datetime | None
    is_longer: bool
    new: tuple[str, ...] | None
    gone: tuple[str, ...] | None
    states: tuple[HealthState | None, ...]


@dataclass(frozen=True)
class ChecklistTrend:
    """A result beside the earlier runs that could be read."""

    history: CheckHistory
    items: dict[str, ItemTrend]

    @property
    def last(self) -> CheckRecord | None:
        """The last earlier run."""
        return self.history.records[-1] if self.history.records else None

    @property
    def new_keys(self) -> tuple[str, ...]:
        """What fails that did not at the last run."""
        return tuple(key for item in self.items.values() for key in item.new or ())

    @property
    def gone_keys(self) -> tuple[str, ...]:
        """What failed at the last run, and no longer does."""
        return tuple(key for item in self.items.values() for key in item.gone or ())

    @property
    def not_compared(self) -> tuple[str, ...]:
        """The items of which what is new or gone is not known."""
        return tuple(
            key for key, item in self.items.items() if item.new is None or item.gone is None
        )


def compare_with_history(
    results: Sequence[ChecklistResult], history: CheckHistory, now: datetime
) -> ChecklistTrend:
    """Compares results with the runs before them."""
    return ChecklistTrend(
        history,
        {
            result.key: _compare_item(build_recorded_item(result), result.key, history, now)
            for result in results
        },
    )


def _compare_item(item: RecordedItem, key: str, history: CheckHistory, now: datetime) -> ItemTrend:
    earlier_items = [(record.time, record.items.get(key)) for record in history.records]
    states = tuple(None if earlier is None else earlier.state for _, earlier in earlier_items)
    since, is_longer = (now, False) if item.state == "failing" else (None, False)
    if since is not None:
        # A run that could not see it neither begins nor ends what fails.
        is_longer = history.has_older
        for time, earlier in reversed(earlier_items):
            if earlier is None or earlier.state == "ok":
                is_longer = False
                break
            if earlier.state == "failing":
                since = time
    last = earlier_items[-1][1] if earlier_items else None
    if last is None:  # the first run, or the first with this item
        new = item.open if earlier_items else ()
        return ItemTrend(since, is_longer, new, (), states)
    is_new_known, is_gone_known = not last.unknown, not item.unknown
    return ItemTrend(
        since,
        is_longer,
        tuple(key for key in item.open if key not in last.open) if is_new_known else None,
        tuple(key for key in last.open if key not in item.open) if is_gone_known else None,
        states,
    )
