"""What a stack cost in a month, beside the month before and the estimate of its settings."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final, Literal

from ops.core.checks import CheckFacts, ReadRequest, UnknownAnswerError
from ops.cost.answers import CostAnswer, CostRoutine, read_answers
from ops.cost.cost_month import CostMonth
from ops.cost.estimate_file import Estimate
from ops.cost.explorer import (
    COMPONENT_TAG,
    DayCost,
    build_activation_command,
    build_tags_read,
    build_usage_read,
    list_inactive_tags,
    parse_costs,
)

NO_COMPONENT: Final = "(no component)"
# A component is a surprise if it is so far above the month before or its estimate: by this share of
# it and by so many $. Assumed.
FAR_ABOVE_SHARE: Final = 0.5
FAR_ABOVE_USD: Final = 20.0
Scope = Literal["stack", "account"]


@dataclass(frozen=True)
class ComparedCost:
    """One part of the costs in both months; `estimate` is of the same days, None if not known.

    `usage_type` is what grew most within it, `usage_change` by how much.
    """

    name: str
    amount: float
    previous: float
    estimate: float | None = None
    usage_type: str = ""
    usage_change: float = 0.0

    @property
    def change(self) -> float:
        """More than the month before."""
        return self.amount - self.previous

    @property
    def above_estimate(self) -> float:
        """More than the estimate; 0 if there is none."""
        return 0.0 if self.estimate is None else self.amount - self.estimate


@dataclass(frozen=True)
class Spending:
    """The costs of a month. Components are None if costs cannot be told by component.

    `scope` is the account if the stack's costs cannot be told from others. `gaps` say what is not
    known and why, with the command that helps if there is one.
    """

    month: CostMonth
    scope: Scope
    unit: str
    total: ComparedCost
    components: list[ComparedCost] | None
    services: list[ComparedCost]
    usage_types: list[ComparedCost]
    days: list[tuple[date, float, bool]]
    answers: Sequence[CostAnswer]
    gaps: list[tuple[str, str]] = field(default_factory=list)


def read_spending(
    facts: CheckFacts, month: CostMonth, estimate: Estimate | None = None, *, fresh: bool = False
) -> CostRoutine[Spending]:
    """Reads the costs of a month. Raises UnknownAnswerError if they are not known at all."""
    (tags_answer,) = yield from read_answers(facts, [build_tags_read()], fresh=fresh)
    gaps, inactive_tags = read_tag_gaps(tags_answer)
    is_tagged = not set(inactive_tags) - {COMPONENT_TAG}
    reads = build_month_reads(
        facts, month, by_component=is_tagged and not inactive_tags, is_tagged=is_tagged
    )
    answers = yield from read_answers(facts, reads, fresh=fresh)
    costs_by_read = [
        parse_costs(read, answer.get_items()) for read, answer in zip(reads, answers, strict=True)
    ]
    usage_costs = costs_by_read[-1]
    components: list[ComparedCost] | None = None
    if is_tagged and not inactive_tags:
        components = compare_components(usage_costs, month, estimate)
    services = compare_costs(costs_by_read[0], month, lambda cost: cost.service)
    return Spending(
        month=month,
        scope="stack" if is_tagged else "account",
        unit=usage_costs[0].unit,
        total=compare_costs(usage_costs, month, lambda _: "total")[0],
        components=components,
        services=services,
        usage_types=compare_costs(usage_costs, month, lambda cost: cost.usage_type),
        days=_sum_days(usage_costs, month),
        answers=[tags_answer, *answers],
        gaps=gaps,
    )


def read_tag_gaps(answer: CostAnswer) -> tuple[list[tuple[str, str]], list[str]]:
    """What is not known because of tags, and the tags that are not active.

    If that could not be read, as in a member of an organization, they are taken as active: costs
    that cannot be told by them are then missing from the answers, and unknown for that.
    """
    try:
        inactive_tags = list_inactive_tags(answer.get_items())
    except UnknownAnswerError as error:
        return [(f"whether the cost allocation tags are active: {error}", error.advice)], []
    if not inactive_tags:
        return [], []
    text = (
        f"the cost allocation tags {', '.join(inactive_tags)} are not active: costs cannot be told "
        "by them, nor ever for the time before they are"
    )
    return [(text, build_activation_command(inactive_tags))], inactive_tags


def build_month_reads(
    facts: CheckFacts, month: CostMonth, *, by_component: bool, is_tagged: bool
) -> list[ReadRequest]:
    """By service and by usage type, each with the component; in one read if there is none."""
    end = facts.now.date() + timedelta(days=1)
    if month.is_whole:
        end = month.end
    span = (month.previous_first, end)
    if by_component:
        return [
            build_usage_read(facts.outputs, *span, "SERVICE"),
            build_usage_read(facts.outputs, *span, "USAGE_TYPE"),
        ]
    return [
        build_usage_read(
            *(facts.outputs, *span, "SERVICE", "USAGE_TYPE"),
            by_component=False,
            is_tagged=is_tagged,
        )
    ]


def compare_components(
    costs: Sequence[DayCost], month: CostMonth, estimate: Estimate | None = None
) -> list[ComparedCost]:
    """By component, each with the usage type that grew most in it."""
    compared = []
    names = {cost.component for cost in costs}
    for name in names:
        own_costs = [cost for cost in costs if cost.component == name]
        whole = compare_costs(own_costs, month, lambda _: "")[0]
        usage = max(
            compare_costs(own_costs, month, lambda cost: cost.usage_type),
            key=lambda part: part.change,
        )
        expected = None if estimate is None else estimate.compute_amount(name, month.days)
        compared.append(
            ComparedCost(
                *(name or NO_COMPONENT, whole.amount, whole.previous, expected),
                usage_type=usage.name,
                usage_change=usage.change,
            )
        )
    return sorted(compared, key=lambda part: -part.amount)


def list_surprises(components: Iterable[ComparedCost]) -> list[ComparedCost]:
    """The components far above the estimate of the settings, the farthest first."""
    surprises = [
        part
        for part in components
        if part.estimate is not None
        and part.above_estimate >= max(FAR_ABOVE_USD, part.estimate * FAR_ABOVE_SHARE)
    ]
    return sorted(surprises, key=lambda part: -part.above_estimate)


def compare_costs(
    costs: Iterable[DayCost], month: CostMonth, get_name: Callable[[DayCost], str]
) -> list[ComparedCost]:
    """Sums costs by name in both months, the most expensive first."""
    amounts: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for cost in costs:
        pair = amounts[get_name(cost)]
        pair[0] += cost.amount if month.first <= cost.day < month.end else 0.0
        pair[1] += cost.amount if month.previous_first <= cost.day < month.previous_end else 0.0
    compared = [ComparedCost(name, pair[0], pair[1]) for name, pair in amounts.items()]
    return sorted(compared, key=lambda part: -part.amount)


def _sum_days(costs: Iterable[DayCost], month: CostMonth) -> list[tuple[date, float, bool]]:
    """The days of the month with their costs, also those that are not whole, and if estimated."""
    sums: dict[date, float] = defaultdict(float)
    estimated: set[date] = set()
    for cost in costs:
        if cost.day >= month.first:
            sums[cost.day] += cost.amount
            estimated |= {cost.day} if cost.is_estimated else set()
    return [(day, amount, day in estimated) for day, amount in sorted(sums.items())]
