"""What a check is: a generator that asks for reads and returns findings.

A check never calls AWS: it yields the reads that it wants answered together, gets their answers
in the same order, and may ask for more. So one runner can send all reads of all checks at once,
no read is sent twice, and a check can be tested with answers alone.
"""

import json
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from ops.outputs import Outputs

HealthState = Literal["ok", "failing", "unknown"]
HEALTH_STATES: Final[tuple[HealthState, ...]] = (
    "failing",
    "unknown",
    "ok",
)  # what matters most first
ResponseItem: TypeAlias = dict[str, Any]
TRUNCATED: Final[ResponseItem] = {"cut": True}  # there is more, which was not read
DAY_SECONDS: Final = 24 * 3600
HOUR_SECONDS: Final = 3600


@dataclass(frozen=True)
class CheckFinding:
    """What is so, of what, how it is known, and the command that helps where it is not well."""

    state: HealthState
    area: str
    subject: str
    evidence: str
    command: str = ""


class UnknownAnswerError(Exception):
    """A read had no answer: what it would have told is not known. `advice` is a command."""

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.advice = advice


@dataclass(frozen=True)
class ReadRequest:
    """All items of a list operation, over all its pages; `items` is where an answer has them.

    Without `items` the answer itself is the only item.
    With `newest` (a field that holds a time, and a time) the list is newest first, and is read
    only as far back as that. `absent` are error codes that say that there is no such thing.
    With `most` no more pages than that are read; where that is not all, the last item is CUT.
    """

    api: str
    items_key: str
    params: str = "{}"  # JSON, so that a read can be told from another
    region: str | None = None
    absent_codes: tuple[str, ...] = ()
    newest_since: tuple[str, str] | None = None
    max_pages: int | None = None


def build_read(
    api: str,
    items_key: str,
    *,
    region: str | None = None,
    absent_codes: Sequence[str] = (),
    newest_since: tuple[str, str] | None = None,
    max_pages: int | None = None,
    **params: Any,
) -> ReadRequest:
    """A read with its parameters in boto3's spelling."""
    params_json = json.dumps(params, sort_keys=True)
    return ReadRequest(
        api, items_key, params_json, region, tuple(absent_codes), newest_since, max_pages
    )


ReadAnswer: TypeAlias = "list[ResponseItem] | UnknownAnswerError"
CheckRoutine: TypeAlias = Generator[Sequence[ReadRequest], list[ReadAnswer], list[CheckFinding]]


@dataclass(frozen=True)
class CheckFacts:
    """What checks know beforehand: the contract, what time it is, which areas were asked for."""

    outputs: "Outputs"
    now: datetime
    requested_areas: tuple[str, ...] = ()

    def format_time_ago(self, seconds: float) -> str:
        """A time in the past as AWS's answers have it here: ISO 8601, UTC."""
        return format_epoch_time(self.now.timestamp() - seconds)


@dataclass(frozen=True)
class HealthCheck:
    """One entry of the table. `apis` are all that it may call: permissions follow from them."""

    area: str
    subject: str
    routine: Callable[[CheckFacts], CheckRoutine]
    apis: tuple[str, ...]
    is_applicable: "Callable[[Outputs], bool]" = lambda _: True


def get_answer_items(answer: ReadAnswer) -> list[ResponseItem]:
    """The items of an answer. Raises UnknownError where there was none."""
    if isinstance(answer, UnknownAnswerError):
        raise answer
    return answer


def format_epoch_time(seconds: float) -> str:
    """Seconds since the epoch as ISO 8601 in UTC, which sorts as it passes."""
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def compute_age_seconds(facts: CheckFacts, time: str) -> float:
    """Seconds since a time that AWS answered."""
    return facts.now.timestamp() - datetime.fromisoformat(time).timestamp()


def split_into_chunks(names: Sequence[str], size: int) -> list[list[str]]:
    """Names in lists of at most `size`, which is what one call takes."""
    return [list(names[n : n + size]) for n in range(0, len(names), size)]


def index_by(items: Sequence[Mapping[str, Any]], key: str) -> dict[str, Mapping[str, Any]]:
    """Items by what one of their fields says."""
    return {str(item[key]): item for item in items}
