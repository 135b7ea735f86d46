"""Reads log lines: the newest first, so that what is cut is the oldest."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from botocore.exceptions import ClientError

from ops.cli.time_span import TimeSpan
from ops.core.aws import Aws, get_error_code
from ops.core.errors import OpsError, RefusedError, ThrottledError, UnreachableError, UsageError
from ops.core.log_apis import LOG_EVENTS_API
from ops.core.times import format_local_and_utc
from ops.logs.parts import LogPart, build_missing_group_error
from ops.logs.patterns import LineFilter

EVENTS_PER_PAGE: Final = 10_000  # API reference, FilterLogEvents
STREAM_NAMES_LIMIT: Final = 100  # API reference, logStreamNames of FilterLogEvents
NO_FILTER: Final = LineFilter()
MAX_PAGES: Final = 500  # an assumption: at five calls a second a minute and a half
CONTINUATION_INDENT: Final = " " * 4
# API reference, startFromHead of FilterLogEvents: newest first is only from here on.
EARLIEST_REVERSIBLE_TIME: Final = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class LogLine:
    """A line: when it was written, in milliseconds since the epoch, in which stream, and its text.

    `event` is CloudWatch's id of it; empty where there is none.
    """

    time: int
    stream: str
    message: str
    event: str = field(default="", compare=False)

    @property
    def written_at(self) -> datetime:
        """When it was written, UTC."""
        return datetime.fromtimestamp(self.time / 1000, UTC)

    @property
    def source(self) -> str:
        """The task or instance that wrote it, short; empty if the stream does not say."""
        name = self.stream.rsplit("/", 1)[-1]
        if re.fullmatch(r"[0-9a-f]{32}", name):
            return name[:8]
        return name if name.startswith("i-") else ""

    def format_text(self) -> str:
        """The line as it is shown, with this machine's time and its zone.

        Further lines of a message are indented, so that none of them looks like a line of its own.
        """
        local_time = self.written_at.astimezone()
        stamp = f"{local_time:%Y-%m-%d %H:%M:%S}.{self.time % 1000:03} {local_time:%Z}"
        first, *others = self.message.rstrip("\n").split("\n")
        indented_lines = (f"{CONTINUATION_INDENT}{line}" for line in others)
        return "\n".join([" ".join(filter(None, (stamp, self.source, first))), *indented_lines])

    def build_row(self) -> dict[str, str]:
        """The line for `--output json`."""
        stamp = self.written_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return {"time": stamp, "stream": self.stream, "message": self.message.rstrip("\n")}


def build_line(event: dict[str, Any]) -> LogLine:
    """The line of an event as FilterLogEvents and Live Tail have it."""
    return LogLine(
        int(event["timestamp"]),
        str(event.get("logStreamName", "")),
        str(event.get("message", "")),
        str(event.get("eventId", "")),
    )


@dataclass(frozen=True)
class LineRequest:
    """Which lines are read: a part's, of a time, by a filter, of some streams.

    At most `limit` lines, and at most `pages` of AWS's answers, which may be empty; MAX_PAGES if it
    is None.
    """

    part: LogPart
    span: TimeSpan
    line_filter: LineFilter = NO_FILTER
    stream_prefix: str | None = None
    # The ids of the only tasks whose lines are wanted.
    tasks: frozenset[str] | None = None
    limit: int = EVENTS_PER_PAGE
    pages: int | None = None

    def is_wanted(self, line: LogLine) -> bool:
        """True unless a text or a task rules it out that AWS did not filter by."""
        if self.tasks is not None and line.stream.rsplit("/", 1)[-1] not in self.tasks:
            return False
        return self.line_filter.has_texts(line.message)

    def build_params(self) -> dict[str, Any]:
        """The parameters of FilterLogEvents but for times, direction and limit."""
        params: dict[str, Any] = {"logGroupName": self.part.group}
        if self.line_filter.pattern:
            params["filterPattern"] = self.line_filter.pattern
        if self.tasks is not None and len(self.tasks) <= STREAM_NAMES_LIMIT:
            params["logStreamNames"] = [
                f"task/{self.part.container}/{task}" for task in sorted(self.tasks)
            ]
        elif self.stream_prefix is not None:
            params["logStreamNamePrefix"] = self.stream_prefix
        return params


@dataclass(frozen=True)
class LinesRead:
    """The lines, the oldest first. `cut` says what is not among them; None if nothing is missing.

    `error` is why the reading stopped, if AWS would not answer any more.
    """

    lines: list[LogLine]
    cut: str | None = None
    error: OpsError | None = None


ProgressListener = Callable[[int, int], None]  # pages and lines so far


def read_lines(
    aws: Aws, request: LineRequest, on_page: ProgressListener = lambda *_: None
) -> LinesRead:
    """Reads the newest lines of a log group.

    Raises UsageError if the group is not there. A throttle or silence after the first page ends
    the reading, and is in the answer.
    """
    if request.span.since < EARLIEST_REVERSIBLE_TIME:
        raise UsageError(
            "--since must be 2024-01-01 or later: CloudWatch Logs reads older lines in no order "
            "that begins with the newest"
        )
    lines: list[LogLine] = []
    page_count, has_more, error = 0, False, None
    try:
        for page in _list_pages(aws, request):
            page_count += 1
            wanted = filter(request.is_wanted, map(build_line, page.get("events") or ()))
            lines += wanted
            has_more = bool(page.get("nextToken"))
            on_page(page_count, len(lines))
            if len(lines) >= request.limit or page_count >= (request.pages or MAX_PAGES):
                break
    except (ThrottledError, UnreachableError) as stop:
        if not page_count:
            raise
        has_more, error = True, stop
    has_more = has_more or len(lines) > request.limit
    lines = lines[: request.limit]
    lines.reverse()
    lines.sort(key=lambda line: line.time)  # stable: the order of the same time stays
    cut = _describe_cut(request, lines, page_count, error) if has_more else None
    return LinesRead(lines, cut, error)


def _list_pages(aws: Aws, request: LineRequest) -> Iterator[dict[str, Any]]:
    params = request.build_params() | {
        "startTime": request.span.since_milliseconds,
        "endTime": request.span.until_milliseconds,
        "startFromHead": False,
        "limit": min(request.limit, EVENTS_PER_PAGE),
    }
    yield from list_event_pages(aws, request.part, params)


def list_event_pages(aws: Aws, part: LogPart, params: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The pages of FilterLogEvents. Raises UsageError if the group is not there."""
    try:
        yield from aws.list_pages(LOG_EVENTS_API, params)
    except ClientError as error:
        raise explain_refusal(part, error, LOG_EVENTS_API) from error


def explain_refusal(part: LogPart, error: ClientError, api: str) -> OpsError:
    """What AWS's refusal of a call about a part's log group means."""
    if get_error_code(error) == "ResourceNotFoundException":
        return build_missing_group_error(part)
    message = error.response["Error"].get("Message", "")
    return RefusedError(f"{api} of {part.place}: {get_error_code(error)}: {message}")


def _describe_cut(
    request: LineRequest, lines: list[LogLine], page_count: int, error: OpsError | None
) -> str:
    reason = f"only the newest {len(lines)} lines were read"
    if error is not None:
        reason += f", as AWS stopped answering after {page_count} pages"
    elif len(lines) < request.limit:
        reason += f", from {page_count} pages"
    if not lines:
        return f"{reason}; narrow it by --since and --until"
    return (
        f"{reason}: none before {format_local_and_utc(lines[0].written_at)} is shown; read on with "
        f"--until {lines[0].build_row()['time']}, or raise --limit"
    )
