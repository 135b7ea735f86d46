"""What a check is: a generator that asks for reads and returns findings.

A check never calls AWS: it yields the reads that can be sent together, gets their answers in the
same order, and may yield more. So one runner sends all reads of all checks at once and none twice,
and a check can be tested with answers alone.
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
)  # the most important first
ResponseItem: TypeAlias = dict[str, Any]
REPAIR_COMMAND: Final = "pulumi up --refresh"  # creates again what is missing or broken
TRUNCATED: Final[ResponseItem] = {"cut": True}  # last item: there are more, which were not read


@dataclass(frozen=True)
class CheckFinding:
    """A state, what it is of, the evidence, and the command that helps if it is not ok."""

    state: HealthState
    area: str
    subject: str
    evidence: str
    command: str = ""


class UnknownAnswerError(Exception):
    """A read had no answer, so what it asks is unknown. `advice` is a command."""

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.advice = advice


@dataclass(frozen=True)
class ReadRequest:
    """All items of a list operation, over all pages. `items_key` is the answer's field with them.

    If `items_key` is empty, the answer itself is the only item. `absent_codes` are error codes that
    mean that there is no such thing. `newest_since` is a field with a time, and a time: the list is
    newest first, and is read only as far back as that time. At most `max_pages` pages are read; if
    there are more, the last item is TRUNCATED. `not_ready_codes` are error codes that mean that AWS
    is still preparing the answer: it is asked again for a while.
    """

    api: str
    items_key: str
    params: str = "{}"  # JSON, so that reads can be compared
    region: str | None = None
    absent_codes: tuple[str, ...] = ()
    newest_since: tuple[str, str] | None = None
    max_pages: int | None = None
    not_ready_codes: tuple[str, ...] = ()


def build_read(
    api: str,
    items_key: str,
    *,
    region: str | None = None,
    absent_codes: Sequence[str] = (),
    newest_since: tuple[str, str] | None = None,
    max_pages: int | None = None,
    not_ready_codes: Sequence[str] = (),
    **params: Any,
) -> ReadRequest:
    """Builds a read; its parameters are in boto3's spelling."""
    params_json = json.dumps(params, sort_keys=True)
    return ReadRequest(
        api,
        items_key,
        params_json,
        region,
        tuple(absent_codes),
        newest_since,
        max_pages,
        tuple(not_ready_codes),
    )


ReadAnswer: TypeAlias = "list[ResponseItem] | UnknownAnswerError"
CheckRoutine: TypeAlias = Generator[Sequence[ReadRequest], list[ReadAnswer], list[CheckFinding]]


@dataclass(frozen=True)
class CheckFacts:
    """What checks know: the contract, the time, and the areas that --only selects."""

    outputs: "Outputs"
    now: datetime
    requested_areas: tuple[str, ...] = ()

    def format_time_ago(self, seconds: float) -> str:
        """Formats the time so many seconds ago as AWS's answers have it: ISO 8601, UTC."""
        return format_epoch_time(self.now.timestamp() - seconds)


@dataclass(frozen=True)
class HealthCheck:
    """A check that can run. `apis` are all AWS calls that it may make.

    `key` is that of its record, and `reports` are the commands that hold it beside checklists;
    both are empty for what is no record, such as the reads of a single command.
    """

    area: str
    subject: str
    routine: Callable[[CheckFacts], CheckRoutine]
    apis: tuple[str, ...]
    is_applicable: "Callable[[Outputs], bool]" = lambda _: True
    key: str = ""
    reports: tuple[str, ...] = ()


def get_answer_items(answer: ReadAnswer) -> list[ResponseItem]:
    """Returns the items of an answer. Raises UnknownAnswerError if there was none."""
    if isinstance(answer, UnknownAnswerError):
        raise answer
    return answer


def format_epoch_time(seconds: float) -> str:
    """Formats seconds since the epoch as ISO 8601 in UTC, which sorts by time."""
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def compute_age_seconds(facts: CheckFacts, time: str) -> float:
    """Returns the seconds since a time in AWS's format."""
    return facts.now.timestamp() - datetime.fromisoformat(time).timestamp()


def split_into_chunks(names: Sequence[str], size: int) -> list[list[str]]:
    """Splits names into lists of at most `size`, the most that one call takes."""
    return [list(names[n : n + size]) for n in range(0, len(names), size)]


def index_by(items: Sequence[Mapping[str, Any]], key: str) -> dict[str, Mapping[str, Any]]:
    """Returns items by the value of one of their fields."""
    return {str(item[key]): item for item in items}
