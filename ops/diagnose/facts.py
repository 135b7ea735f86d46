"""Facts: what a look observed, on which the rules of `ops diagnose` stand."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase


@dataclass(frozen=True)
class Fact:
    """Something that was observed of a part of the stack.

    `key` says what it is, for the rules: words in kebab case, divided by dots, such as
    `ecs.stopped.out-of-memory` or `rds.event.failover`. `part` is named as in `ops changes`
    (`database`, `cache`, `load-balancer`, `fleet`, `network`, a service, or `stack`). `since` is
    when it began or happened, None if it is only known to be so now. `text` is the sentence that
    a person reads, `source` the look that saw it, `value` its measure, `subject` the thing's own
    name, `actor` who did it, and `command` the command that shows it.
    """

    key: str
    part: str
    text: str
    source: str
    since: datetime | None = None
    value: float | None = None
    subject: str | None = None
    actor: str | None = None
    command: str | None = None


@dataclass(frozen=True)
class FactGap:
    """What could not be read, and why: it lowers confidence. `parts` are what it would be about.

    `is_failure` is False if nobody can read it, such as how something was at a past time.
    """

    source: str
    reason: str
    parts: tuple[str, ...] = ()
    is_failure: bool = True


@dataclass(frozen=True)
class Facts:
    """All facts of a diagnosis, and what could not be read."""

    facts: tuple[Fact, ...]
    gaps: tuple[FactGap, ...] = ()

    def select(self, pattern: str, part: str | None = None) -> tuple[Fact, ...]:
        """The facts whose key matches a pattern such as `ecs.stopped.*`, of a part if named."""
        return tuple(
            fact
            for fact in self.facts
            if fnmatchcase(fact.key, pattern) and (part is None or fact.part == part)
        )

    def list_parts(self, pattern: str = "*") -> tuple[str, ...]:
        """The parts that have a fact that matches, each once, in the order of the facts."""
        return tuple(dict.fromkeys(fact.part for fact in self.select(pattern)))


def merge_facts(answers: Iterable[Facts]) -> Facts:
    """The facts and gaps of several looks."""
    answers = tuple(answers)
    return Facts(
        tuple(fact for answer in answers for fact in answer.facts),
        tuple(gap for answer in answers for gap in answer.gaps),
    )
