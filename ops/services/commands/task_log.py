"""Shows the log of a command's task while a run waits for it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

from pydantic import JsonValue

from ops.cli.progress import ProgressDisplay
from ops.cli.render import Output
from ops.cli.time_span import TimeSpan
from ops.core import clock
from ops.core.aws import Aws
from ops.core.errors import CredentialsError, OpsError
from ops.core.parts import get_service_part
from ops.core.plan import ContainerTask, Step, Wait
from ops.core.run import WallClock
from ops.logs.follow import Follower
from ops.logs.lines import LineRequest, LogLine, read_lines
from ops.logs.parts import list_log_parts
from ops.outputs import Outputs
from ops.services.model import get_arn_name

# How long the last lines may be on their way after the end of a task: an assumption.
LAST_LINES_SECONDS: Final = 5.0
# How far this machine's clock may be ahead of the one that stamps the lines: an assumption.
LOG_CLOCK_SKEW: Final = timedelta(minutes=2)


class TaskLogDisplay(ProgressDisplay):
    """The progress of a run, and between it the lines of the task that it waits for."""

    def __init__(self, aws: Aws, outputs: Outputs, service: str, output: Output) -> None:
        super().__init__()
        self._aws, self._outputs, self._service, self._output = aws, outputs, service, output
        self._follower: Follower | None = None
        self._is_unreadable = False
        self._since: datetime = clock.now() - LOG_CLOCK_SKEW

    def on_wait(self, step: Step, wait: Wait, result: JsonValue, elapsed: float) -> None:
        """Shows the new lines, then how far the step is."""
        self._note_task(wait, result)
        self.show_new_lines()
        super().on_wait(step, wait, result, elapsed)

    def show_new_lines(self) -> None:
        """Shows the lines that were not shown; says once why they cannot be read."""
        if self._follower is None:
            return
        try:
            self._follower.read_between(self._since, clock.now())
        except CredentialsError:
            raise
        except OpsError as error:
            self._follower, self._is_unreadable = None, True
            self.on_notice(f"the log of the task cannot be read: {error}")

    def show_last_lines(self) -> None:
        """Shows what was still on its way when the task ended."""
        self.show_new_lines()
        if self._follower is not None:
            self._follower.sleeper.sleep(LAST_LINES_SECONDS)
            self.show_new_lines()

    def _note_task(self, wait: Wait, result: JsonValue) -> None:
        """Begins to follow a task as soon as it has an id."""
        if self._follower is not None or self._is_unreadable:
            return
        if not isinstance(wait.read, ContainerTask):
            return
        task = result.get("task") if isinstance(result, dict) else None
        if wait.read.seen_by is None or not isinstance(task, str):
            return
        part = list_log_parts(self._outputs)[get_service_part(self._outputs, self._service)]
        prefix = part.build_stream_prefix(get_arn_name(task))
        span = TimeSpan(self._since, clock.now(), is_until_now=True)
        self._follower = Follower(
            self._aws,
            self._outputs,
            LineRequest(part, span, stream_prefix=prefix),
            lambda request: read_lines(self._aws, request),
            self._show,
            self.on_notice,
            WallClock(),
        )

    def _show(self, lines: Sequence[LogLine]) -> None:
        if lines:
            self.pause()
        for line in lines:
            if self._output.output_format == "json":
                self.on_notice(line.format_text())
            else:
                self._output.print_text(line.format_text())


@contextmanager
def follow_command_log(
    aws: Aws, outputs: Outputs, service: str, output: Output
) -> Iterator[TaskLogDisplay]:
    """A display of progress that also shows the lines of a task, to the last however it ends."""
    display = TaskLogDisplay(aws, outputs, service, output)
    try:
        yield display
    except OpsError:
        display.show_last_lines()
        raise
    display.show_last_lines()
