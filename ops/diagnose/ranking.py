"""The causes of facts, the likeliest first. Pure: no AWS, no time but that of the facts.

The confidence of a cause is what its evidence leaves no other explanation for: 1 - the product of
(1 - weight) of each pattern that matches, less what speaks against it and what could not be read.
A consequence of another cause is less likely to be one of its own, and is ranked below it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from math import prod
from typing import Final, TypeAlias

from ops.core.parts import STACK_PART
from ops.diagnose.facts import Fact, FactGap, Facts
from ops.diagnose.rule import CauseRule, Evidence

NAMED_CONFIDENCE: Final = 0.3  # below it a cause is not named
MAX_CONFIDENCE: Final = 0.99
GAP_FACTOR: Final = 0.85  # for each look that could have said more, and was not read
MIN_GAP_FACTOR: Final = 0.6
TRIGGER_WEIGHT: Final = 0.35
TRIGGER_MINUTES: Final = 60  # before the first symptom
# After it: metrics have whole minutes, CloudTrail and ECS their own clocks.
TRIGGER_LATE_MINUTES: Final = 3
EXPLAINING_CONFIDENCE: Final = 0.5  # below it a cause explains no other
CONSEQUENCE_FACTOR: Final = 0.6  # of a cause's confidence that its consequences lose
# A consequence may be seen this long before its cause is: metrics lag five minutes (an assumption).
CONSEQUENCE_EARLY_MINUTES: Final = 15
CONFIDENCE_WORDS: Final = (
    (0.85, "almost certain"),
    (0.65, "likely"),
    (0.45, "possible"),
    (0.0, "a guess"),
)

UNKNOWN_START: Final = datetime.max.replace(tzinfo=UTC)
SourceFinder: TypeAlias = Callable[[str], frozenset[str]]


@dataclass(frozen=True)
class RankedCause:
    """A cause that the facts speak for: of which part, how surely, since when, and why."""

    rule: CauseRule
    part: str
    confidence: float
    evidence: tuple[Fact, ...]
    against: tuple[Fact, ...]
    trigger: Fact | None
    since: datetime | None
    gaps: tuple[FactGap, ...]
    command: str
    explained_by: str | None = None

    @property
    def cause(self) -> str:
        """The key of the cause."""
        return self.rule.cause


def rank_causes(
    rules: Iterable[CauseRule], facts: Facts, find_sources: SourceFinder = lambda _: frozenset()
) -> list[RankedCause]:
    """The causes that the facts speak for, a cause before its consequences, else the likeliest.

    `find_sources` gives the looks that could see a fact of a pattern: a gap of one lowers the
    confidence of what would stand on it.
    """
    ranked = [cause for rule in rules for cause in _list_causes(rule, facts, find_sources)]
    return _order(_lower_consequences(_keep_best(ranked)))


def get_confidence_words(confidence: float) -> str:
    """A confidence in words."""
    return next(words for least, words in CONFIDENCE_WORDS if confidence >= least)


def is_explained(fact: Fact, cause: RankedCause) -> bool:
    """True if a fact follows from a cause."""
    patterns = (*cause.rule.symptoms, *cause.rule.needs)
    if fact in cause.evidence or any(fnmatchcase(fact.key, pattern) for pattern in patterns):
        return True
    return any(
        fnmatchcase(fact.key, item.pattern) and item.scope == "stack"
        for item in cause.rule.evidence
    )


def _list_causes(
    rule: CauseRule, facts: Facts, find_sources: SourceFinder
) -> Iterator[RankedCause]:
    for group in rule.needs_also:
        if not any(facts.select(pattern) for pattern in group):
            return
    parts = tuple(dict.fromkeys(p for pattern in rule.needs for p in facts.list_parts(pattern)))
    for part in (rule.part,) if rule.part is not None and parts else parts:
        cause = _weigh(rule, part, facts, find_sources)
        if cause is not None and cause.confidence >= NAMED_CONFIDENCE:
            yield cause


def _weigh(
    rule: CauseRule, part: str, facts: Facts, find_sources: SourceFinder
) -> RankedCause | None:
    matches = _match(rule.evidence, part, facts)
    evidence = _join(matches)
    needs_scope = None if rule.part is not None else part
    needed = [fact for pattern in rule.needs for fact in facts.select(pattern, needs_scope)]
    since = _find_start(needed) or _find_start(evidence)
    trigger = _find_trigger(rule, part, facts, since)
    if rule.needs_trigger and trigger is None:
        return None
    against = _match(rule.against, part, facts)
    missing = [item.pattern for item in rule.evidence if not any(item is m for m, _ in matches)]
    gaps = _select_gaps(part, facts.gaps, missing, find_sources)
    weights = [item.weight for item, _ in matches]
    weights += [TRIGGER_WEIGHT] if trigger is not None else []
    confidence = 1 - prod(1 - weight for weight in weights)
    confidence *= prod(1 - item.weight for item, _ in against)
    confidence *= max(MIN_GAP_FACTOR, GAP_FACTOR ** len({gap.source for gap in gaps}))
    confidence = min(MAX_CONFIDENCE, confidence)
    command = next((c for p, c in rule.other_commands if facts.select(p, part)), rule.command)
    return RankedCause(
        rule, part, confidence, evidence, _join(against), trigger, since, gaps, command
    )


Match: TypeAlias = tuple[Evidence, tuple[Fact, ...]]


def _match(items: Iterable[Evidence], part: str, facts: Facts) -> list[Match]:
    """The evidence that there is, the heaviest first, with its facts."""
    matches: list[Match] = []
    for item in items:
        selected = tuple(
            fact
            for fact in facts.select(item.pattern, part if item.scope == "part" else None)
            if item.minimum is None or (fact.value is not None and fact.value >= item.minimum)
        )
        if selected:
            matches.append((item, selected))
    return sorted(matches, key=lambda match: -match[0].weight)


def _join(matches: Iterable[Match]) -> tuple[Fact, ...]:
    return tuple(dict.fromkeys(fact for _, facts in matches for fact in facts))


def _find_start(facts: Iterable[Fact]) -> datetime | None:
    return min((fact.since for fact in facts if fact.since is not None), default=None)


def _find_trigger(rule: CauseRule, part: str, facts: Facts, since: datetime | None) -> Fact | None:
    """The last change before the first symptom that can have brought it about."""
    first = since and since - timedelta(minutes=TRIGGER_MINUTES)
    last = since and since + timedelta(minutes=TRIGGER_LATE_MINUTES)
    changes = [
        fact
        for pattern in rule.triggers
        for fact in facts.select(pattern)
        if fact.since is not None
        and (rule.trigger_scope == "stack" or fact.part in (part, STACK_PART))
        and (first is None or first <= fact.since)
        and (last is None or fact.since <= last)
    ]
    return max(changes, key=lambda fact: fact.since or UNKNOWN_START, default=None)


def _select_gaps(
    part: str, gaps: Sequence[FactGap], patterns: Iterable[str], find_sources: SourceFinder
) -> tuple[FactGap, ...]:
    """The gaps of looks that could have seen what of the evidence is missing."""
    sources = frozenset().union(*(find_sources(pattern) for pattern in patterns))
    return tuple(
        gap for gap in gaps if gap.source in sources and (not gap.parts or part in gap.parts)
    )


def _keep_best(causes: Iterable[RankedCause]) -> list[RankedCause]:
    """Of several rules for one cause of one part, the surest."""
    best: dict[tuple[str, str], RankedCause] = {}
    for cause in causes:
        key = (cause.cause, cause.part)
        if key not in best or best[key].confidence < cause.confidence:
            best[key] = cause
    return list(best.values())


def _may_explain(cause: RankedCause, other: RankedCause) -> bool:
    """True if the other would only be a consequence of a cause, which began in time for it.

    A cause that is hardly likely itself explains nothing.
    """
    if cause.confidence < EXPLAINING_CONFIDENCE:
        return False
    if not any(fnmatchcase(other.cause, pattern) for pattern in cause.rule.explains):
        return False
    if cause.since is None or other.since is None:
        return True
    return cause.since <= other.since + timedelta(minutes=CONSEQUENCE_EARLY_MINUTES)


def _lower_consequences(causes: Sequence[RankedCause]) -> list[RankedCause]:
    """Takes from a cause what another explains of it, and says which."""
    lowered: list[RankedCause] = []
    for cause in causes:
        explainers = [other for other in causes if _may_explain(other, cause)]
        best = max(explainers, key=lambda other: other.confidence, default=None)
        if best is None:
            lowered.append(cause)
            continue
        confidence = cause.confidence * (1 - CONSEQUENCE_FACTOR * best.confidence)
        if confidence >= NAMED_CONFIDENCE:
            lowered.append(replace(cause, confidence=confidence, explained_by=best.cause))
    return lowered


def _order(causes: Sequence[RankedCause]) -> list[RankedCause]:
    """The surest first, the earliest of equals, and none before what explains it."""
    left = sorted(
        causes,
        key=lambda cause: (
            -round(cause.confidence, 3),
            cause.since or UNKNOWN_START,
            cause.cause,
            cause.part,
        ),
    )
    ordered: list[RankedCause] = []
    while left:
        cause = next(
            (c for c in left if not any(o is not c and _may_explain(o, c) for o in left)), left[0]
        )
        left.remove(cause)
        ordered.append(cause)
    return ordered
