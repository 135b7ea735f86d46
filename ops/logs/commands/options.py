"""Options that the looks at logs share, and the request that they make."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final, TypeAlias

import typer

from ops.cli.completion import complete_service_names
from ops.cli.context import load_stack
from ops.cli.render import Output
from ops.cli.time_span import TimeSpan, parse_time_span
from ops.core import clock
from ops.core.aws import Aws
from ops.core.errors import UsageError
from ops.logs.access_logs import read_access_logs
from ops.logs.deployments import list_deployment_tasks, require_service_part
from ops.logs.lines import LineRequest, LinesRead, read_lines
from ops.logs.parts import LogPart, build_console_link, get_log_part
from ops.logs.patterns import LineFilter, build_line_filter
from ops.outputs import Outputs

MAX_LINES: Final = 200_000  # in memory, and some minutes of reading
PAGES_BETWEEN_NOTES: Final = 10
PartArgument: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="PART",
        help="a service, or another part of `ops logs list`: database, load-balancer, fleet, ...",
        autocompletion=complete_service_names,
    ),
]
TextArgument: TypeAlias = Annotated[
    list[str] | None,
    typer.Argument(metavar="[TEXT]...", help="what a line must have, each of them; case matters"),
]
FieldOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--field",
        metavar="NAME=VALUE",
        help="what a field of a JSON line must be, like level=ERROR or status>=500; can be "
        "repeated",
    ),
]
PatternOption: TypeAlias = Annotated[
    str | None,
    typer.Option(metavar="PATTERN", help="a filter pattern of CloudWatch Logs, sent unchanged"),
]
TaskOption: TypeAlias = Annotated[
    str | None,
    typer.Option(metavar="ID", help="only of this task or instance; the start of an id is enough"),
]
DeploymentOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="ID", help="only of tasks of this deployment: current, previous or ecs-svc/..."
    ),
]
LimitOption: TypeAlias = Annotated[
    int,
    typer.Option(
        "--limit",
        min=1,
        max=MAX_LINES,
        metavar="LINES",
        help="how many of the newest are read",
    ),
]
ShapesOption: TypeAlias = Annotated[
    int,
    typer.Option("--shapes", min=1, max=1000, metavar="COUNT", help="how many are shown"),
]


@dataclass(frozen=True)
class LogLook:
    """What a look at a part's lines needs."""

    outputs: Outputs
    aws: Aws
    output: Output
    part: LogPart
    stream_prefix: str | None
    deployment: str | None

    def read(self, request: LineRequest) -> LinesRead:
        """Reads lines from CloudWatch Logs, or from the files in S3. Notes progress on stderr."""
        if self.part.group is None:
            return read_access_logs(self.aws, self.outputs, request)
        return read_lines(self.aws, request, _note_progress)

    def build_request(self, span: TimeSpan, line_filter: LineFilter, limit: int) -> LineRequest:
        """The request for the part's lines. Reads which tasks the deployment has, if one is set."""
        tasks = None
        if self.deployment is not None:
            tasks = list_deployment_tasks(self.aws, self.outputs, self.part, self.deployment)
        return LineRequest(self.part, span, line_filter, self.stream_prefix, tasks, limit)

    def parse_span(self, since: str | None, until: str | None, default: str) -> TimeSpan:
        """The span of --since and --until."""
        return parse_time_span(since, until, clock.now(), default=default)

    def show_header(self, span: TimeSpan) -> None:
        """Says what is looked at, and where the console has it."""
        self.output.print_note(f"{self.part.name}, {self.part.place}, {span.describe()}")
        self.output.print_note(build_console_link(self.outputs, self.part))

    def show_cut(self, answer: LinesRead) -> None:
        """Says what was not read. Raises the error that ended the reading."""
        if answer.cut is not None:
            self.output.print_note(answer.cut)
        if answer.error is not None:
            raise answer.error

    def build_json(self, span: TimeSpan, answer: LinesRead) -> dict[str, object]:
        """The fields that each look has in JSON, beside its items."""
        return {
            "part": self.part.name,
            "source": self.part.place,
            "console": build_console_link(self.outputs, self.part),
            **span.build_json(),
            "cut": answer.cut,
        }


def open_look(
    context: typer.Context,
    part_name: str,
    task: str | None = None,
    deployment: str | None = None,
) -> LogLook:
    """Loads the stack and finds the part. Raises UsageError if an option does not fit it."""
    if task is not None and deployment is not None:
        raise UsageError("--task and --deployment exclude each other")
    outputs, aws, output = load_stack(context)
    part = get_log_part(outputs, part_name)
    stream_prefix = part.build_stream_prefix(task)
    if deployment is not None:
        require_service_part(part)
    return LogLook(outputs, aws, output, part, stream_prefix, deployment)


def build_part_filter(
    part: LogPart, texts: Sequence[str], fields: Sequence[str], pattern: str | None
) -> LineFilter:
    """The filter of a part's lines. Raises UsageError if CloudWatch Logs does not have them."""
    line_filter = build_line_filter(texts, fields, pattern)
    if part.group is None and pattern is not None:
        raise UsageError(
            f"--pattern is of CloudWatch Logs; the lines of {part.name} are in S3: use TEXT, or "
            "--field with a name of AWS's documentation, like elb_status_code>=500"
        )
    return line_filter


def _note_progress(page_count: int, line_count: int) -> None:
    if page_count % PAGES_BETWEEN_NOTES == 0:
        sys.stderr.write(f"ops: {page_count} pages read, {line_count} lines so far\n")
