"""A service level: what was good and bad of what was seen, and what that says of its objective.

What was not seen may have been good or bad, so that a level lies between two bounds. An objective
is met if the lower one meets it, missed if the upper one misses it, and otherwise unknown.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from ops.core.times import format_utc

LevelUnit = Literal["requests", "minutes", "deployments", "days", "statements"]
Verdict = Literal["met", "missed", "unknown", "nothing to judge", "not measured"]


@dataclass(frozen=True)
class Spending:
    """A time in which budget was spent: what was bad, and what happened then."""

    since: datetime
    until: datetime
    bad: float
    what: str
    evidence: tuple[str, ...] = ()

    def build_json(self) -> dict[str, object]:
        """Its fields for `--output json`."""
        return {
            "since": format_utc(self.since.timestamp()),
            "until": format_utc(self.until.timestamp()),
            "bad": round(self.bad, 2),
            "what": self.what,
            "evidence": list(self.evidence),
        }


@dataclass(frozen=True, kw_only=True)
class ServiceLevel:
    """One level of a month. `seen` is the share of the time so far of which data is there.

    `elapsed` is the share of the month that is judged, if its budget is of the whole month; 1 for
    what is counted, as nobody knows how many deployments a month will have. `is_measured` is False
    if the stack has nothing that measures it, which is no failure to read. `gaps` say what could
    not be read and make the level unknown, `notes` what else a reader must know.
    """

    name: str
    about: str
    unit: LevelUnit
    objective: float | None
    good: float
    bad: float
    seen: float
    elapsed: float = 1
    is_measured: bool = True
    gaps: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    spendings: tuple[Spending, ...] = ()

    @property
    def percent(self) -> float | None:
        """The share of what was seen that was good, in percent; None if nothing was seen."""
        total = self.good + self.bad
        return None if total <= 0 else 100 * self.good / total

    @property
    def bounds(self) -> tuple[float, float]:
        """The level if all that was not seen was bad, and if all of it was good, in percent.

        What was not seen is assumed to have had as many requests as what was.
        """
        seen = 0.0 if self.percent is None or self.gaps else min(1.0, self.seen)
        known = seen * (self.percent or 0)
        return known, known + 100 * (1 - seen)

    @property
    def spent_bounds(self) -> tuple[float, float] | None:
        """The shares of the month's error budget that are spent at least and at most; 1 is all.

        None if the objective leaves no budget, or is not known.
        """
        if self.objective is None or self.objective >= 100:
            return None
        low, high = self.bounds
        budget = 100 - self.objective
        return (100 - high) * self.elapsed / budget, (100 - low) * self.elapsed / budget

    @property
    def spent(self) -> float | None:
        """The share of the budget that what was seen has spent; None if that is not known."""
        if self.objective is None or self.objective >= 100 or self.percent is None or self.gaps:
            return None
        seen_bad = (100 - self.percent) * min(1.0, self.seen)
        return seen_bad * self.elapsed / (100 - self.objective)

    @property
    def verdict(self) -> Verdict:
        """What is known of the objective."""
        if not self.is_measured:
            return "not measured"
        if self.objective is None or self.gaps:
            return "unknown"
        if self.percent is None:
            return "nothing to judge" if self.seen >= 1 else "unknown"
        if self.spent_bounds is None:
            return "met" if self.bounds[0] >= 100 else "missed" if self.bad > 0 else "unknown"
        least, most = self.spent_bounds
        tolerance = 1e-9  # of floating-point sums
        if most <= 1 + tolerance:
            return "met"
        return "missed" if least > 1 + tolerance else "unknown"

    def build_json(self) -> dict[str, object]:
        """Its fields for `--output json`; shares from 0 to 1."""
        low, high = self.bounds
        return {
            "level": self.name,
            "about": self.about,
            "unit": self.unit,
            "objectivePercent": self.objective,
            "percent": self.percent,
            "atLeastPercent": low,
            "atMostPercent": high,
            "good": round(self.good, 2),
            "bad": round(self.bad, 2),
            "seen": round(self.seen, 6),
            "budgetSpent": self.spent,
            "verdict": self.verdict,
            "gaps": list(self.gaps),
            "notes": list(self.notes),
            "spentOn": [spending.build_json() for spending in self.spendings],
        }
