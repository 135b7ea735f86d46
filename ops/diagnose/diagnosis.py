"""A diagnosis: all looks at once, the causes that their facts speak for, and the timeline."""

from collections.abc import Sequence
from concurrent.futures import wait
from dataclasses import dataclass, replace
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Final

from ops.changes.model import ChangeEvent
from ops.cli.time_span import TimeSpan
from ops.core.daemon_pool import DaemonPool
from ops.diagnose.facts import Fact, FactGap, Facts, merge_facts
from ops.diagnose.focus import Focus
from ops.diagnose.look import FactReader
from ops.diagnose.ranking import UNKNOWN_START, RankedCause, is_explained, rank_causes
from ops.diagnose.reader import READ_ERRORS, DiagnosisRequest, describe_read_error
from ops.diagnose.registry import READERS, RULES, find_sources
from ops.diagnose.rule import CauseRule

# Seconds that all looks have together. Most take a few; one call may take 60 s, and be sent ten
# times (ops/core/aws.py). How long somebody waits who has an outage is assumed.
DEADLINE_SECONDS: Final = 45.0
# Keys of facts that say that something is wrong, and not what.
SYMPTOMS: Final = (
    "alarm.raised.*",
    "health.failing.*",
    "metric.*5xx.high",
    "metric.target.latency.high",
    "metric.target.healthy.none",
    "metric.service.tasks-running.none",
    "metric.fleet.in-service.none",
    "metric.fleet.status-checks.high",
)
# Of facts that are shown beside them, and alone are only unusual.
SIGNS: Final = ("metric.*", "log.errors.*")


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong at a time, because of what, and what could not be read."""

    span: TimeSpan
    causes: tuple[RankedCause, ...]
    symptoms: tuple[Fact, ...]
    facts: Facts
    events: tuple[ChangeEvent, ...]

    @property
    def gaps(self) -> tuple[FactGap, ...]:
        """What could not be read."""
        return self.facts.gaps

    @property
    def is_known(self) -> bool:
        """True if every look could be read: only then is nothing wrong if nothing was found."""
        return not any(gap.is_failure for gap in self.gaps)

    @property
    def since(self) -> datetime | None:
        """When the first of what is wrong began."""
        times = [fact.since for fact in self.symptoms if fact.since is not None]
        times += [cause.since for cause in self.causes if cause.since is not None]
        return min(times, default=None)

    @property
    def not_explained(self) -> tuple[Fact, ...]:
        """What is wrong and does not follow from a named cause."""
        return tuple(
            fact
            for fact in self.symptoms
            if not any(is_explained(fact, cause) for cause in self.causes)
        )

    def select(self, focus: Focus | None) -> "Diagnosis":
        """What is about an alarm, a symptom or a part: its causes and its symptoms alone."""
        if focus is None:
            return self
        meant = [fact for fact in self.facts.facts if focus.is_about(fact)]
        causes = tuple(
            cause
            for cause in self.causes
            if cause.part == focus.part or any(is_explained(fact, cause) for fact in meant)
        )
        return replace(self, causes=causes, symptoms=tuple(f for f in self.symptoms if f in meant))


def diagnose(
    request: DiagnosisRequest,
    readers: Sequence[FactReader] = READERS,
    rules: Sequence[CauseRule] = RULES,
) -> Diagnosis:
    """Reads all at once and names the causes. Never raises for what cannot be read."""
    facts = read_all_facts(request, readers)
    timeline = request.cache.timeline
    causes = tuple(rank_causes(rules, facts, find_sources))
    return Diagnosis(
        request.span,
        causes,
        list_symptoms(facts, is_wrong=bool(causes)),
        facts,
        timeline.events if timeline is not None else (),
    )


def read_all_facts(
    request: DiagnosisRequest,
    readers: Sequence[FactReader] = READERS,
    deadline_seconds: float = DEADLINE_SECONDS,
) -> Facts:
    """What all looks see that the stack has something for.

    A look that has not answered at the deadline is a gap, and is left alone: what the others saw
    is of use now.
    """
    existing = [reader for reader in readers if reader.exists(request.outputs)]
    pool = DaemonPool(max(1, len(existing)))
    futures = [pool.submit(read_facts, reader, request) for reader in existing]
    pool.shutdown(wait=False)
    answered, _ = wait(futures, timeout=deadline_seconds)
    return merge_facts(
        future.result()
        if future in answered
        else build_unanswered_facts(reader, request, deadline_seconds)
        for reader, future in zip(existing, futures, strict=True)
    )


def build_unanswered_facts(
    reader: FactReader, request: DiagnosisRequest, deadline_seconds: float
) -> Facts:
    """The gap of a look that had not answered at the deadline."""
    reason = f"not read: no answer in {deadline_seconds:g} s"
    return Facts((), (FactGap(reader.name, reason, reader.parts(request.outputs)),))


def read_facts(reader: FactReader, request: DiagnosisRequest) -> Facts:
    """What a look sees, or a gap that says why it does not."""
    parts = reader.parts(request.outputs)
    if request.is_past and reader.is_now_only:
        reason = "AWS only knows how this is now: left out with --at"
        gap = FactGap(reader.name, reason, parts, is_failure=False)
        return Facts((), (gap,))
    try:
        return reader.load_routine()(request)
    except READ_ERRORS as error:
        return Facts((), (FactGap(reader.name, describe_read_error(error), parts),))


def list_symptoms(facts: Facts, *, is_wrong: bool = False) -> tuple[Fact, ...]:
    """The facts that say that something is wrong, the earliest first; none if nothing is.

    What is only unusual is among them if something is wrong.
    """
    if not is_wrong and not any(facts.select(pattern) for pattern in SYMPTOMS):
        return ()
    patterns = (*SYMPTOMS, *SIGNS)
    symptoms = [f for f in facts.facts if any(fnmatchcase(f.key, p) for p in patterns)]
    return tuple(sorted(symptoms, key=lambda fact: (fact.since or UNKNOWN_START, fact.key)))
