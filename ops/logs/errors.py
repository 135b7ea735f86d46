"""What an error looks like in the lines of a part, and the trace behind one."""

from datetime import timedelta

from ops.cli.time_span import TimeSpan
from ops.core.aws import Aws
from ops.health.logs import POSTGRES_ERROR_PATTERN, PROGRAM_ERROR_PATTERN
from ops.logs.lines import LineRequest, LogLine, build_line, list_event_pages
from ops.logs.parts import LogPart
from ops.logs.patterns import FieldCondition, LineFilter
from ops.logs.shapes import join_traces
from ops.outputs import Outputs

MAX_TRACE_LINES = 200
TRACE_SECONDS = 2


def build_error_filter(outputs: Outputs, part: LogPart) -> LineFilter:
    """The filter of a part's errors: of programs, PostgreSQL, requests, traffic.

    The web ACL logs only what it blocked or counted.
    """
    if part.kind == "database":
        return LineFilter(POSTGRES_ERROR_PATTERN)
    if part.kind == "load-balancer":
        return LineFilter(conditions=(FieldCondition("elb_status_code", ">=", "500"),))
    if part.kind == "flow-logs":
        return LineFilter("REJECT")
    if part.kind == "waf":
        return LineFilter()
    return LineFilter(outputs.stack.log_error_pattern or PROGRAM_ERROR_PATTERN)


def read_trace(aws: Aws, request: LineRequest, line: LogLine) -> LogLine:
    """A line with the stack trace that follows it in its stream, which the filter left out."""
    span = TimeSpan(
        line.written_at, line.written_at + timedelta(seconds=TRACE_SECONDS), is_until_now=False
    )
    params = {
        "logGroupName": request.part.group,
        "logStreamNames": [line.stream],
        "startTime": span.since_milliseconds,
        "endTime": span.until_milliseconds,
        "limit": MAX_TRACE_LINES,
    }
    page = next(list_event_pages(aws, request.part, params), {})
    lines = [build_line(event) for event in page.get("events") or ()]
    first_line = line.message.split("\n")[0].rstrip()
    for joined in join_traces(lines):
        if first_line in joined.message:
            return joined
    return line
