"""What a rule of `ops diagnose` is: which facts speak for a cause, and what mends it. Pure data."""

from dataclasses import dataclass
from typing import Final, Literal

Scope = Literal["part", "stack"]


@dataclass(frozen=True)
class Evidence:
    """Facts that speak for a cause, or against it.

    `pattern` is of their keys, such as `ecs.stopped.*`. `weight`, from 0 to 1, is how sure a
    pattern alone makes one (or how much of the confidence it takes away); it counts once, however
    many facts match. `scope` is whose facts are meant: those of the cause's own part, or of any.
    `minimum` is what a fact's value must be at least.
    """

    pattern: str
    weight: float
    scope: Scope = "part"
    minimum: float | None = None


@dataclass(frozen=True, kw_only=True)
class CauseRule:
    """How a cause is known.

    `needs` are patterns one of which must match, or the cause is not thought of; the parts of the
    facts that match are those that may have it, unless `part` names the one part that can.
    `needs_also` are further groups: of each group a pattern must match, anywhere in the stack.
    `triggers` are patterns of changes that can bring it about; with `needs_trigger` there must have
    been one shortly before: of the cause's own part or `stack`, or of any with `trigger_scope`.

    `explains` are patterns of the causes' keys that would only be its consequences: they are ranked
    below it. `symptoms` are patterns of facts, anywhere, that are explained by it without speaking
    for it.

    `refutation` says what would refute it, and `command` what mends it or, if nothing does, what
    shows it: a line of ops with `{part}`, `{service}`, `{subject}` for the part, the service's name
    and the subject of the heaviest fact. `other_commands` are by patterns of facts of its part: the
    first that matches takes the place of `command`, as after a rollback there is none to do.
    `source` says where the rule is from.
    """

    cause: str
    needs: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    refutation: str
    command: str
    source: str
    part: str | None = None
    needs_also: tuple[tuple[str, ...], ...] = ()
    against: tuple[Evidence, ...] = ()
    triggers: tuple[str, ...] = ()
    trigger_scope: Scope = "part"
    needs_trigger: bool = False
    other_commands: tuple[tuple[str, str], ...] = ()
    explains: tuple[str, ...] = ()
    symptoms: tuple[str, ...] = ()


# Weights that rules share. An observation of the thing itself says more than a measure of what it
# does to others.
DIRECT: Final = 0.85  # the thing itself was seen: a stopped task's reason, a lock, a date
STRONG: Final = 0.6  # seen, and seldom anything else
LIKELY: Final = 0.4  # a metric, an alarm: it says where and since when
WEAK: Final = 0.2  # many causes look so
