"""What a check is: a generator that asks for reads and returns findings.

A check never calls AWS: it yields the reads that it wants answered together, gets their answers
in the same order, and may ask for more. So one runner can send all reads of all checks at once,
no read is sent twice, and a check can be tested with answers alone.
"""

import json
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal, TypeAlias

from ops.outputs import Outputs

State = Literal["ok", "failing", "unknown"]
STATES: Final[tuple[State, ...]] = ("failing", "unknown", "ok")  # what matters most first
Item: TypeAlias = dict[str, Any]
CUT: Final[Item] = {"cut": True}  # there is more, which was not read
DAY: Final = 24 * 3600
HOUR: Final = 3600


@dataclass(frozen=True)
class Finding:
    """What is so, of what, how it is known, and the command that helps where it is not well."""

    state: State
    area: str
    subject: str
    evidence: str
    command: str = ""


class UnknownError(Exception):
    """A read had no answer: what it would have told is not known. `advice` is a command."""

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.advice = advice


@dataclass(frozen=True)
class Read:
    """All items of a list operation, over all its pages; `items` is where an answer has them.

    Without `items` the answer itself is the only item.
    With `newest` (a field that holds a time, and a time) the list is newest first, and is read
    only as far back as that. `absent` are error codes that say that there is no such thing.
    With `most` no more pages than that are read; where that is not all, the last item is CUT.
    """

    api: str
    items: str
    params: str = "{}"  # JSON, so that a read can be told from another
    region: str | None = None
    absent: tuple[str, ...] = ()
    newest: tuple[str, str] | None = None
    most: int | None = None


def read(
    api: str,
    items: str,
    *,
    region: str | None = None,
    absent: Sequence[str] = (),
    newest: tuple[str, str] | None = None,
    most: int | None = None,
    **params: Any,
) -> Read:
    """A read with its parameters in boto3's spelling."""
    given = json.dumps(params, sort_keys=True)
    return Read(api, items, given, region, tuple(absent), newest, most)


Answer: TypeAlias = "list[Item] | UnknownError"
Looking: TypeAlias = Generator[Sequence[Read], list[Answer], list[Finding]]


@dataclass(frozen=True)
class Facts:
    """What checks know beforehand: the contract, what time it is, which areas were asked for."""

    outputs: Outputs
    now: datetime
    asked: tuple[str, ...] = ()

    def ago(self, seconds: float) -> str:
        """A time in the past as AWS's answers have it here: ISO 8601, UTC."""
        return iso(self.now.timestamp() - seconds)


@dataclass(frozen=True)
class Check:
    """One entry of the table. `apis` are all that it may call: permissions follow from them."""

    area: str
    subject: str
    look: Callable[[Facts], Looking]
    apis: tuple[str, ...]
    applies: Callable[[Outputs], bool] = lambda _: True


def known(answer: Answer) -> list[Item]:
    """The items of an answer. Raises UnknownError where there was none."""
    if isinstance(answer, UnknownError):
        raise answer
    return answer


def iso(seconds: float) -> str:
    """Seconds since the epoch as ISO 8601 in UTC, which sorts as it passes."""
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def age(facts: Facts, time: str) -> float:
    """Seconds since a time that AWS answered."""
    return facts.now.timestamp() - datetime.fromisoformat(time).timestamp()


def chunks(names: Sequence[str], size: int) -> list[list[str]]:
    """Names in lists of at most `size`, which is what one call takes."""
    return [list(names[n : n + size]) for n in range(0, len(names), size)]


def by(items: Sequence[Mapping[str, Any]], key: str) -> dict[str, Mapping[str, Any]]:
    """Items by what one of their fields says."""
    return {str(item[key]): item for item in items}
