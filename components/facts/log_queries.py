"""Queries of CloudWatch Logs Insights: `ops logs query` runs them, and the stack has them saved.

What a program writes is its own: the queries of requests find the usual names of the fields of JSON
lines, and show no rows if there are none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

QuerySource = Literal["program", "database", "function", "flow-logs", "waf"]


@dataclass(frozen=True)
class LogQuery:
    """A query, the log groups that it is of, and what it shows."""

    source: QuerySource
    title: str
    text: str


_TOOK: Final = (
    "coalesce(duration_ms, durationMs, duration, response_time, responseTime, elapsed) as took"
)
_STATUS: Final = "coalesce(status, status_code, statusCode) as code"
_PATH: Final = "coalesce(path, url, uri, route) as target"
_PROGRAM_ERROR: Final = "filter @message like /ERROR|FATAL|CRITICAL|panic:|Traceback|Exception/"
MAX_QUERY_GROUPS: Final = 50  # log groups of a query (API reference, logGroupNames of StartQuery)
LOG_QUERIES: Final[Mapping[str, LogQuery]] = {
    "errors": LogQuery(
        "program",
        "errors, by five minutes",
        f"{_PROGRAM_ERROR} | stats count(*) as errors by bin(5m) as time | sort time asc",
    ),
    "error-lines": LogQuery(
        "program",
        "the newest lines of errors",
        f"fields @timestamp, @log, @message | {_PROGRAM_ERROR} | sort @timestamp desc | limit 50",
    ),
    "top-messages": LogQuery(
        "program",
        "the most frequent lines",
        "stats count(*) as lines by @message | sort lines desc | limit 25",
    ),
    "response-times": LogQuery(
        "program",
        "requests and percentiles of their time, by five minutes",
        f"fields {_TOOK} | filter ispresent(took) | stats count(*) as requests, pct(took, 50) as "
        "p50, pct(took, 95) as p95, pct(took, 99) as p99, max(took) as slowest by bin(5m) as time "
        "| sort time asc",
    ),
    "requests": LogQuery(
        "program",
        "requests, by status and path",
        f"fields {_STATUS}, {_PATH} | filter ispresent(code) | stats count(*) as requests by code, "
        "target | sort requests desc | limit 50",
    ),
    "slow-requests": LogQuery(
        "program",
        "the slowest requests",
        f"fields @timestamp, {_TOOK}, {_STATUS}, {_PATH} | filter ispresent(took) | sort took desc "
        "| limit 50",
    ),
    "slow-statements": LogQuery(
        "database",
        "the slowest statements of those that PostgreSQL logs (log_min_duration_statement)",
        "parse @message /duration: (?<took>[0-9.]+) ms\\s+(?<statement>.*)/ | filter "
        "ispresent(took) | fields @timestamp, took, statement | sort took desc | limit 50",
    ),
    "connections": LogQuery(
        "database",
        "connections, by hour (log_connections)",
        "filter @message like /connection authorized/ | stats count(*) as connections by bin(1h) "
        "as time | sort time asc",
    ),
    "functions": LogQuery(
        "function",
        "runs of functions, their time in ms and memory in MB, by hour",
        "filter type = 'platform.report' | stats count(*) as runs, avg(record.metrics.durationMs) "
        "as average, max(record.metrics.durationMs) as slowest, "
        "max(record.metrics.maxMemoryUsedMB) as memory by bin(1h) as time | sort time asc",
    ),
    "rejected-flows": LogQuery(
        "flow-logs",
        "traffic that a security group or network ACL refused",
        "filter action = 'REJECT' | stats count(*) as flows, sum(bytes) as total by srcAddr, "
        "dstAddr, dstPort, protocol | sort flows desc | limit 50",
    ),
    "blocked-requests": LogQuery(
        "waf",
        "requests that the web ACL blocked or counted, by rule and address",
        "stats count(*) as requests by action, terminatingRuleId, httpRequest.clientIp | sort "
        "requests desc | limit 50",
    ),
}
