"""CloudWatch Logs Insights: queries that take their time, count what they scan, and can be stopped.

moto knows three commands of the language, ignores the others, and has every answer at once.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from moto.logs.models import LogsBackend
from moto.logs.responses import LogsResponse

from sandbox.clock import get_sandbox_clock, is_in_future
from sandbox.patches.logs.query_language import Row, build_row, run_insights_query
from sandbox.patches.patching import AwsError, ServicePatch, backend_state

patch = ServicePatch()
ApiRecord = dict[str, Any]
QUERY_SECONDS: Final = 3  # an assumption: a short query
MAX_RESULT_ROWS: Final = 10_000  # API reference, limit of StartQuery
MAX_GROUPS: Final = 50  # API reference, logGroupNames of StartQuery


@dataclass
class InsightsQuery:
    """A query, its answer, and when that is there."""

    rows: list[Row]
    statistics: ApiRecord
    is_of_lines: bool
    completes_at: datetime
    is_cancelled: bool = False


def get_queries(backend: LogsBackend) -> dict[str, InsightsQuery]:
    """The queries of an account and region by id."""
    return backend_state(backend, "queries", dict[str, InsightsQuery])


@patch.replace_operation(LogsResponse, "StartQuery")
def start_query(response: LogsResponse, params: ApiRecord) -> ApiRecord:
    backend: LogsBackend = response.logs_backend
    names = params.get("logGroupNames") or [params["logGroupName"]]
    limit = params.get("limit", MAX_RESULT_ROWS)
    if len(names) > MAX_GROUPS or not 1 <= limit <= MAX_RESULT_ROWS:
        raise AwsError("InvalidParameterException", "Too many log groups or rows.")
    for name in names:
        if name not in backend.groups:
            raise AwsError(
                "ResourceNotFoundException", f"Log group '{name}' does not exist for account ID"
            )
    rows = [row for name in names for row in _list_rows(backend, name, params)]
    rows.sort(key=lambda row: row["sandbox time"], reverse=True)
    results, matched = run_insights_query(params["queryString"], rows)
    query_id = str(uuid.uuid4())
    get_queries(backend)[query_id] = InsightsQuery(
        results[:limit],
        {
            "recordsMatched": float(matched),
            "recordsScanned": float(len(rows)),
            "bytesScanned": float(sum(len(row["@message"]) for row in rows)),
        },
        is_of_lines="stats" not in params["queryString"],
        completes_at=get_sandbox_clock().get_completion_time(QUERY_SECONDS),
    )
    return {"queryId": query_id}


def _list_rows(backend: LogsBackend, name: str, params: ApiRecord) -> Iterator[Row]:
    start, end = params["startTime"] * 1000, params["endTime"] * 1000 + 999
    for stream in backend.groups[name].streams.values():
        for event in stream.events:
            if start <= event.timestamp <= end:
                yield build_row(event.message, event.timestamp, stream.log_stream_name, name)


@patch.replace_operation(LogsResponse, "GetQueryResults")
def get_query_results(response: LogsResponse, params: ApiRecord) -> ApiRecord:
    query = _get_query(response.logs_backend, params)
    if query.is_cancelled:
        return {"status": "Cancelled", "results": [], "statistics": query.statistics}
    if is_in_future(query.completes_at):
        return {"status": "Running", "results": [], "statistics": query.statistics}
    results = [
        [
            *({"field": name, "value": _format(value)} for name, value in row.items()),
            *([{"field": "@ptr", "value": f"ptr{number}"}] if query.is_of_lines else []),
        ]
        for number, row in enumerate(query.rows)
    ]
    return {"status": "Complete", "results": results, "statistics": query.statistics}


@patch.add_operation(LogsResponse, "StopQuery")
def stop_query(response: LogsResponse, params: ApiRecord) -> ApiRecord:
    query = _get_query(response.logs_backend, params)
    if query.is_cancelled or not is_in_future(query.completes_at):
        raise AwsError("InvalidParameterException", "Query has already ended.")
    query.is_cancelled = True
    return {"success": True}


def _get_query(backend: LogsBackend, params: ApiRecord) -> InsightsQuery:
    queries = get_queries(backend)
    if params["queryId"] not in queries:
        raise AwsError("ResourceNotFoundException", "The specified query does not exist.")
    return queries[params["queryId"]]


def _format(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
