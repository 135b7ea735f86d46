"""Two weeks of metrics by the hour, and what a size would have left of its capacity."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final

from components.facts.units import HOUR_SECONDS
from ops.core.checks import (
    CheckFacts,
    CheckFinding,
    ReadAnswer,
    ReadRequest,
    get_answer_items,
)
from ops.core.metrics import (
    MetricQuery,
    build_dimensioned_metric_query,
    build_metric_reads,
    collect_metric_values,
)
from ops.cost.rightsizing.rules import (
    BASELINE_PERCENTS,
    HEADROOM_RULES,
    LOOKBACK_DAYS,
    LOOKBACK_HOURS,
    LOOKBACK_SECONDS,
    MIN_HOURS,
)
from ops.findings.model import ResourceFinding, build_finding_id
from ops.prices.price_table import DEFAULT_PRICE_TABLE, HOURS

RIGHTSIZING_AREA: Final = "rightsizing"


class NotEnoughDataFinding(CheckFinding):
    """Nothing is known of a resource, as it has too few hours of data yet."""


@dataclass(frozen=True)
class Load:
    """A metric over two weeks, by the hour: percentiles of the hours, the worst, and the mean."""

    p95: float
    p99: float
    worst: float
    mean: float
    hours: int


@dataclass(frozen=True)
class Headroom:
    """What of a capacity the worst time used, or would use on another size, in percent."""

    label: str
    percent: float

    @property
    def is_kept(self) -> bool:
        """True if the rule's share stays free."""
        return self.percent <= HEADROOM_RULES[self.label].max_percent

    def describe(self) -> str:
        """Says it with the limit."""
        limit = HEADROOM_RULES[self.label].max_percent
        return f"{self.label} {self.percent:.0f} % (at most {limit:.0f})"


@dataclass(frozen=True)
class Proposal:
    """Another size of a resource. `saving` is in $ a month, None if a price is not in the table."""

    subject: str
    current: str
    proposed: str
    loads: str
    headrooms: Sequence[Headroom]
    saving: float | None
    risk: str
    command: str
    reason: str


Metrics = Mapping[str, MetricQuery]
Loads = dict[str, Load | None]
LoadReader = Generator[Sequence[ReadRequest], list[ReadAnswer], Loads]


def build_hourly_query(
    namespace: str, name: str, stat: str, dimensions: Mapping[str, str]
) -> MetricQuery:
    """A metric with a value each hour."""
    return build_dimensioned_metric_query(namespace, name, stat, dimensions, HOUR_SECONDS)


def read_loads(facts: CheckFacts, metrics: Metrics, *, lowest: Sequence[str] = ()) -> LoadReader:
    """The loads by label; None of one without enough hours. To be yielded from.

    Of what is in `lowest` the worst is the least, as of free memory. Raises UnknownAnswerError.
    """
    answers = yield build_metric_reads(list(metrics.values()), facts, LOOKBACK_SECONDS)
    values = collect_metric_values(item for answer in answers for item in get_answer_items(answer))
    return {
        label: _build_load(values.get(metric.id, []), is_lowest=label in lowest)
        for label, metric in metrics.items()
    }


def _build_load(values: Sequence[float], *, is_lowest: bool) -> Load | None:
    if len(values) < MIN_HOURS:
        return None
    ordered = sorted(values, reverse=is_lowest)

    def get_percentile(percent: float) -> float:
        return ordered[max(ceil(len(ordered) * percent / 100) - 1, 0)]

    return Load(
        get_percentile(95), get_percentile(99), ordered[-1], sum(values) / len(values), len(values)
    )


def build_missing_finding(subject: str, loads: Loads) -> NotEnoughDataFinding:
    """Not enough data is unknown: which metrics lack hours."""
    missing = ", ".join(label for label, load in loads.items() if load is None)
    evidence = (
        f"{missing}: fewer than {MIN_HOURS} of the {LOOKBACK_HOURS} hours of {LOOKBACK_DAYS} days "
        "have data"
    )
    return NotEnoughDataFinding("unknown", RIGHTSIZING_AREA, subject, evidence, "ops usage")


def build_credit_headroom(cpu: Load, proposed: str, cpu_ratio: float) -> list[Headroom]:
    """What of a burstable size's baseline the mean would use; nothing for other sizes."""
    family, size = proposed.split(".")[-2:]
    if not family.startswith("t"):
        return []
    return [Headroom("CPU credits", 100 * cpu.mean * cpu_ratio / BASELINE_PERCENTS[size])]


def judge_proposal(check: str, proposal: Proposal) -> CheckFinding:
    """The finding of a proposal: open if its headroom is kept, else why the size stays."""
    headroom = ", ".join(h.describe() for h in proposal.headrooms)
    crossed = [h for h in proposal.headrooms if not h.is_kept]
    if crossed:
        why = ", ".join(h.describe() for h in crossed)
        evidence = f"{proposal.current} is right: on {proposal.proposed} {why}"
        return CheckFinding("ok", RIGHTSIZING_AREA, proposal.subject, evidence)
    table = DEFAULT_PRICE_TABLE
    saving = proposal.saving
    if saving is not None and saving <= 0:
        evidence = f"{proposal.current} is right: {proposal.proposed} costs no less"
        return CheckFinding("ok", RIGHTSIZING_AREA, proposal.subject, evidence)
    price = (
        f"not priced: the table of {table.taken} lacks a size"
        if saving is None
        else f"saves {saving:.2f} $ a month ({table.region}'s list price, {table.taken})"
    )
    return ResourceFinding(
        "failing",
        RIGHTSIZING_AREA,
        proposal.subject,
        f"{proposal.current} -> {proposal.proposed}; {proposal.loads}; at the worst hour on "
        f"{proposal.proposed}: {headroom or 'as now'}; risk: {proposal.risk}",
        proposal.command,
        id=build_finding_id(check, f"{proposal.subject}/{proposal.proposed}"),
        severity="medium" if (saving or 0) >= 50 else "low",
        reason=f"{proposal.reason}; {price}",
        monthly_usd=None if saving is None else round(saving, 2),
    )


def find_hourly_saving(
    prices: Mapping[str, float], current: str, proposed: str, count: float
) -> float | None:
    """$ a month that so many of one size cost more than of another; None without a price."""
    if current not in prices or proposed not in prices:
        return None
    return (prices[current] - prices[proposed]) * HOURS * count


def describe_load(label: str, load: Load, unit: str) -> str:
    """A load in words."""
    return (
        f"{label} p95 {load.p95:.3g}{unit}, p99 {load.p99:.3g}{unit}, worst {load.worst:.3g}{unit}"
    )
