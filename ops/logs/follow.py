"""Shows lines as they come, each once: by Live Tail if it is allowed, else by polling.

Live Tail: at most 500 lines a second, sampled if there are more; a session lasts three hours; it is
paid by the minute (API reference, StartLiveTail). The time between two sessions is read by
FilterLogEvents, so that nothing is missing.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, Protocol, TypeAlias

from botocore.exceptions import ClientError, EventStreamError

from ops.cli.time_span import TimeSpan
from ops.core import clock
from ops.core.aws import Aws, convert_to_json, explain_error
from ops.core.credentials import CALL_ERRORS
from ops.core.errors import CredentialsError, OpsError, ThrottledError, UnreachableError
from ops.logs.lines import LineRequest, LinesRead, LogLine, build_line
from ops.outputs import Outputs

LIVE_TAIL_API: Final = "logs.start_live_tail"
SECONDS_BETWEEN_POLLS: Final = 5.0
SESSION_GAP_SECONDS: Final = 1.0  # before a session that ended is opened again
# With more lines than this in what is read again for late ones, it is not read again.
MAX_OVERLAP_LINES: Final = 50_000
SHORT_OVERLAP_SECONDS: Final = 10
# How long lines may be on their way to FilterLogEvents when a session opens: an assumption.
SETTLE_SECONDS: Final = 15.0
BATCHES_BEFORE_FORGETTING: Final = 60
TIMEOUT_EVENT: Final = "SessionTimeoutException"
ContentKey: TypeAlias = tuple[str, int, str]


class Sleeper(Protocol):
    """Waits; tests let simulated time pass."""

    def sleep(self, seconds: float) -> None:
        """Waits for a number of seconds."""


@dataclass
class SeenLines:
    """Which lines were shown, to show each once however it comes.

    A read line has an id, one of Live Tail has none, and two sessions may both have it. So lines
    are counted by stream, time and text: as many are shown as were read, or came in one session.
    """

    read_ids: dict[str, int] = field(default_factory=dict)
    read_counts: Counter[ContentKey] = field(default_factory=Counter)
    session_counts: Counter[ContentKey] = field(default_factory=Counter)
    shown_counts: Counter[ContentKey] = field(default_factory=Counter)

    def add_read(self, lines: Sequence[LogLine]) -> list[LogLine]:
        """Returns the read lines that were not shown, and takes them as shown."""
        new_lines = [line for line in lines if line.event not in self.read_ids]
        self.read_ids |= {line.event: line.time for line in new_lines}
        return [line for line in new_lines if self._count(line, self.read_counts)]

    def add_live(self, lines: Sequence[LogLine]) -> list[LogLine]:
        """Returns the lines of Live Tail that were not shown, and takes them as shown."""
        return [line for line in lines if self._count(line, self.session_counts)]

    def start_session(self) -> None:
        """Starts to count the lines of another session of Live Tail."""
        self.session_counts.clear()

    def forget_before(self, time: int) -> None:
        """Forgets lines that are older than a time that is read again, in milliseconds."""
        self.read_ids = {event: at for event, at in self.read_ids.items() if at >= time}
        for counter in (self.read_counts, self.session_counts, self.shown_counts):
            for key in [key for key in counter if key[1] < time]:
                del counter[key]

    def _count(self, line: LogLine, counts: Counter[ContentKey]) -> bool:
        """Counts a line that came one way; true if it was not shown."""
        key = (line.stream, line.time, line.message)
        counts[key] += 1
        is_new = counts[key] > self.shown_counts[key]
        if is_new:
            self.shown_counts[key] = counts[key]
        return is_new


@dataclass
class Follower:
    """Follows a part's lines from the start of a request's span.

    `read` reads the lines of a request; `show` gets the new ones; `tell` gets what a person must
    know.
    """

    aws: Aws
    outputs: Outputs
    request: LineRequest
    read: Callable[[LineRequest], LinesRead]
    show: Callable[[Sequence[LogLine]], None]
    tell: Callable[[str], None]
    sleeper: Sleeper
    seen: SeenLines = field(default_factory=SeenLines)
    is_busy: bool = False

    def poll(self) -> None:
        """Polls until it is interrupted."""
        since = self.request.span.since
        while True:
            now = clock.now()
            if self.read_between(since, now):
                since = self._advance(since, now)
            self.sleeper.sleep(SECONDS_BETWEEN_POLLS)

    def follow_live(self) -> None:
        """Follows by Live Tail until it is interrupted; polls if Live Tail cannot be used."""
        since = self.request.span.since
        while True:
            try:
                events = self._open_session()
            except CredentialsError:
                raise
            except (OpsError, ClientError) as error:
                self.tell(f"Live Tail cannot be used, so lines are polled: {error}")
                self.request = replace(self.request, span=replace(self.request.span, since=since))
                self.poll()
                return
            # The session is open: what was written before, and meanwhile, is read, and once more
            # when lines that were on their way have arrived.
            self.seen.start_session()
            opened_at = clock.now()
            is_read = self.read_between(since, opened_at)
            ended_at, is_settled = opened_at, False
            for number, line_batch in enumerate(events):
                self.show(self.seen.add_live(line_batch))
                ended_at = clock.now()
                if not is_settled and (ended_at - opened_at).total_seconds() >= SETTLE_SECONDS:
                    is_settled = is_read = self.read_between(since, ended_at)
                if is_settled and number % BATCHES_BEFORE_FORGETTING == 0:
                    since = self._advance(since, ended_at)
            if is_read:
                since = self._advance(since, ended_at)
            self.sleeper.sleep(SESSION_GAP_SECONDS)

    def read_between(self, since: datetime, until: datetime) -> bool:
        """Shows the lines of a time that were not shown. False if AWS did not give all of them."""
        span = TimeSpan(since, until, is_until_now=True)
        try:
            answer = self.read(replace(self.request, span=span))
        except (ThrottledError, UnreachableError) as error:
            self.tell(f"AWS is asked again, from the same time on: {error}")
            return False
        if answer.cut is not None:
            self.tell(answer.cut)
        self.show(self.seen.add_read(answer.lines))
        was_busy, self.is_busy = self.is_busy, len(answer.lines) > MAX_OVERLAP_LINES
        if self.is_busy and not was_busy:
            self.tell(
                "there are more lines than can be read twice: a line that comes more than "
                f"{SHORT_OVERLAP_SECONDS} seconds late is not shown"
            )

        return answer.error is None

    def _advance(self, since: datetime, read_until: datetime) -> datetime:
        """From when on is read next: late lines are read too. Forgets what is older than that.

        It never goes back, as what is forgotten would be shown again.
        """
        late_seconds = SHORT_OVERLAP_SECONDS if self.is_busy else self.request.part.late_seconds
        next_start = max(since, read_until - timedelta(seconds=late_seconds))
        self.seen.forget_before(int(next_start.timestamp() * 1000))
        return next_start

    def _open_session(self) -> Iterator[list[LogLine]]:
        """Opens a session. Raises an error if it is refused."""
        params = build_live_tail_params(self.outputs, self.request)
        try:
            stream = self.aws.client("logs").start_live_tail(**params)["responseStream"]
        except CALL_ERRORS as error:
            raise explain_error(error, LIVE_TAIL_API) from error
        return self._list_batches(stream)

    def _list_batches(self, stream: Any) -> Iterator[list[LogLine]]:
        """The lines of each second, until the session ends; what ends it is told."""
        is_sampled = False
        try:
            for event in stream:
                update = convert_to_json(event.get("sessionUpdate") or {})
                if not update:
                    continue
                was_sampled = is_sampled
                is_sampled = bool((update.get("sessionMetadata") or {}).get("sampled"))
                if is_sampled and not was_sampled:
                    self.tell(
                        "there are more than 500 lines a second: Live Tail shows a sample; narrow "
                        "it by text, --task or --field, or read all of them with --poll"
                    )
                lines = map(build_line, update.get("sessionResults") or ())
                yield [line for line in lines if self.request.is_wanted(line)]
        except EventStreamError as error:
            if TIMEOUT_EVENT not in str(error):
                self.tell(f"the session of Live Tail ended, and is opened again: {error}")
        except CALL_ERRORS as error:
            self.tell(f"the session of Live Tail ended, and is opened again: {error}")
        finally:
            stream.close()


def build_live_tail_params(outputs: Outputs, request: LineRequest) -> dict[str, Any]:
    """The parameters of StartLiveTail. A log group is named by its ARN, without `:*`."""
    stack, partition = outputs.stack, outputs.database.arn.split(":")[1]
    group_arn = (
        f"arn:{partition}:logs:{stack.region}:{stack.account}:log-group:{request.part.group}"
    )
    params: dict[str, Any] = {"logGroupIdentifiers": [group_arn]}
    if request.line_filter.pattern:
        params["logEventFilterPattern"] = request.line_filter.pattern
    if request.stream_prefix is not None:
        params["logStreamNamePrefixes"] = [request.stream_prefix]
    return params
