"""Queries of CloudWatch Logs Insights: started, waited for, stopped if interrupted, priced."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError

from components.facts.log_queries import (
    LOG_QUERIES,
    MAX_QUERY_GROUPS,
    LogQuery,
    QuerySource,
)
from components.facts.units import GIB_BYTES
from ops.cli.time_span import TimeSpan
from ops.core.aws import Aws, get_error_code
from ops.core.errors import OpsError, RefusedError, UsageError
from ops.logs.follow import Sleeper
from ops.logs.parts import LogPart, PartKind, get_log_part, list_log_parts
from ops.outputs import Outputs
from ops.prices.price_table import DEFAULT_PRICE_TABLE

START_API: Final = "logs.start_query"
RESULTS_API: Final = "logs.get_query_results"
STOP_API: Final = "logs.stop_query"
MAX_ROWS: Final = 10_000  # API reference, limit of StartQuery
MAX_QUERY_CHARACTERS: Final = 10_000  # API reference, queryString of StartQuery
RESULT_SECONDS: Final = 1.0
POINTER_FIELD: Final = "@ptr"  # of a row that is a line: for GetLogRecord
KINDS_BY_SOURCE: Final[Mapping[QuerySource, tuple[PartKind, ...]]] = {
    "program": ("service", "fleet"),
    "database": ("database",),
    "function": ("function",),
    "flow-logs": ("flow-logs",),
    "waf": ("waf",),
}


@dataclass(frozen=True)
class QueryAnswer:
    """Rows, and what AWS counted: records and bytes that it looked through."""

    rows: list[dict[str, str]]
    records_matched: float
    records_scanned: float
    bytes_scanned: float

    @property
    def columns(self) -> list[str]:
        """The fields of the rows, in their order."""
        return list(dict.fromkeys(name for row in self.rows for name in row))

    @property
    def cost(self) -> float:
        """What the query costs, in $: a list price a GB scanned."""
        return self.bytes_scanned / GIB_BYTES * DEFAULT_PRICE_TABLE.logs_scanned_gb

    @property
    def cut(self) -> str | None:
        """What is not among the rows; None if nothing is missing, as far as AWS says."""
        if len(self.rows) < MAX_ROWS:
            return None
        return f"only the first {MAX_ROWS} rows: narrow it by --since and --until, or by the query"

    def describe_cost(self) -> str:
        """Says what was scanned and what that costs."""
        price = DEFAULT_PRICE_TABLE
        return (
            f"{self.bytes_scanned / GIB_BYTES:.3f} GB scanned, {self.cost:.4f} $ "
            f"({price.region}'s list price, {price.taken}: {price.logs_scanned_gb} $ per GB)"
        )


def get_log_query(name: str) -> LogQuery:
    """The query of that name. Raises UsageError with those that there are."""
    if name not in LOG_QUERIES:
        raise UsageError(f"NAME must be one of {', '.join(LOG_QUERIES)}, not {name!r}")
    return LOG_QUERIES[name]


def list_query_parts(
    outputs: Outputs, query: LogQuery | None, names: Sequence[str]
) -> list[LogPart]:
    """The parts whose log groups are looked through: those named, else all that a query is of.

    Raises UsageError if there is none, too many, or one has no log group.
    """
    parts = [get_log_part(outputs, name, "--part") for name in dict.fromkeys(names)]
    if not parts and query is not None:
        kinds = KINDS_BY_SOURCE[query.source]
        parts = [part for part in list_log_parts(outputs).values() if part.kind in kinds]
        if not parts:
            raise UsageError(
                f"NAME must be a query of logs that the stack has; it has none of "
                f"{' or '.join(kinds)}",
                "ops logs list",
            )
    if not parts:
        raise UsageError("--part must be set with --query: the part whose logs are queried")
    for part in parts:
        if part.group is None:
            raise UsageError(f"--part must have a log group; {part.name} is in {part.place}")
    if len(parts) > MAX_QUERY_GROUPS:
        raise UsageError(
            f"--part must be set, to at most {MAX_QUERY_GROUPS} parts; there are {len(parts)}"
        )
    return parts


def run_query(
    aws: Aws,
    parts: Sequence[LogPart],
    text: str,
    span: TimeSpan,
    sleeper: Sleeper,
    tell: Callable[[str], None],
    on_progress: Callable[[str, float, float], None] = lambda *_: None,
) -> QueryAnswer:
    """Runs a query to its end. An interrupt or an error stops it in AWS: `tell` gets whether it is.

    Parts whose group the contract does not promise are left out if AWS lacks it. Raises UsageError
    if AWS cannot read the query, OpsError if it failed.
    """
    query_id = _start_query(aws, parts, text, span)
    is_ended = False
    try:
        while True:
            answer: Any = aws.call(RESULTS_API, {"queryId": query_id})
            status, counts = str(answer.get("status")), answer.get("statistics") or {}
            if status not in ("Scheduled", "Running"):
                is_ended = True
                break
            on_progress(status, counts.get("recordsMatched", 0.0), counts.get("bytesScanned", 0.0))
            sleeper.sleep(RESULT_SECONDS)
    finally:
        if not is_ended:
            tell(_stop_query(aws, query_id))
    if status != "Complete":
        raise OpsError(f"the query ended as {status}: narrow it by --since and --until")
    rows = [
        {item["field"]: item.get("value", "") for item in row if item["field"] != POINTER_FIELD}
        for row in answer.get("results") or ()
    ]
    return QueryAnswer(
        rows,
        counts.get("recordsMatched", 0.0),
        counts.get("recordsScanned", 0.0),
        counts.get("bytesScanned", 0.0),
    )


def _stop_query(aws: Aws, query_id: str) -> str:
    """Stops a query. Returns what came of it, never an error: what ended the wait is the error."""
    try:
        answer: Any = aws.call(STOP_API, {"queryId": query_id})
    except (ClientError, OpsError) as error:
        # API reference, StopQuery: a query that has ended is refused, as it does not run any more.
        if isinstance(error, ClientError) and get_error_code(error) == "InvalidParameterException":
            return "the query had ended in AWS"
        return f"the query was not stopped, and may still run in AWS: {error}"
    if not answer.get("success"):
        return "the query was not stopped, and may still run in AWS"
    return "the query was stopped"


def _start_query(aws: Aws, parts: Sequence[LogPart], text: str, span: TimeSpan) -> str:
    """Starts a query; again without an optional group while one is not there."""
    try:
        answer: Any = aws.call(
            START_API,
            {
                "logGroupNames": [str(part.group) for part in parts],
                "startTime": int(span.since.timestamp()),
                "endTime": int(span.until.timestamp()),
                "queryString": text,
                "limit": MAX_ROWS,
            },
        )
    except ClientError as error:
        code, message = get_error_code(error), error.response["Error"].get("Message", "")
        if code == "MalformedQueryException":
            raise UsageError(f"--query cannot be read by AWS: {message}") from None
        # The message does not say which group is missing: the last optional one is left out.
        optional_parts = [part for part in parts if part.is_optional]
        if code == "ResourceNotFoundException" and optional_parts and len(parts) > 1:
            left_parts = [part for part in parts if part is not optional_parts[-1]]
            return _start_query(aws, left_parts, text, span)
        if code == "ResourceNotFoundException":
            names = ", ".join(part.place for part in parts)
            raise UsageError(
                f"--part must have a log group that is there; one of {names} is not",
                "ops logs list",
            ) from None
        raise RefusedError(f"{START_API}: {code}: {message}") from error
    return str(answer["queryId"])
