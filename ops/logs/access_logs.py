"""The load balancer's access logs, which AWS writes as files to S3 every five minutes.

Source of names and fields: User Guide for Application Load Balancers, "Access logs".
"""

import gzip
import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Final

from botocore.exceptions import ClientError

from components.facts.load_balancer import BALANCER_LOG_PREFIX
from ops.core.aws import Aws, explain_error, get_error_code
from ops.core.credentials import CALL_ERRORS
from ops.core.errors import RefusedError
from ops.core.s3 import S3_OBJECT_API, S3_OBJECTS_API
from ops.core.times import format_local_and_utc
from ops.logs.lines import LineRequest, LinesRead, LogLine
from ops.logs.parts import LogPart
from ops.logs.patterns import FieldCondition
from ops.outputs import Outputs

FILE_INTERVAL: Final = timedelta(minutes=5)
MAX_FILES: Final = 300  # an assumption: a day of one node
# AWSACCOUNT_elasticloadbalancing_REGION_app.NAME.ID_ENDTIME_IP_RANDOM.log.gz
FILE_PATTERN: Final = re.compile(r"_(?P<end>\d{8}T\d{4}Z)_(?P<node>[^_]+)_[^_/]+\.log\.gz$")
VALUE_PATTERN: Final = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')
FIELD_NAMES: Final = (
    "type",
    "time",
    "elb",
    "client",
    "target",
    "request_processing_time",
    "target_processing_time",
    "response_processing_time",
    "elb_status_code",
    "target_status_code",
    "received_bytes",
    "sent_bytes",
    "request",
    "user_agent",
    "ssl_cipher",
    "ssl_protocol",
    "target_group_arn",
    "trace_id",
    "domain_name",
    "chosen_cert_arn",
    "matched_rule_priority",
    "request_creation_time",
    "actions_executed",
    "redirect_url",
    "error_reason",
    "target_port_list",
    "target_status_code_list",
    "classification",
    "classification_reason",
    "conn_trace_id",
)


@dataclass(frozen=True)
class AccessLogFile:
    """A file, the node that wrote it, and the end of its five minutes."""

    key: str
    node: str
    end: datetime


def read_access_logs(aws: Aws, outputs: Outputs, request: LineRequest) -> LinesRead:
    """Reads the newest lines of a span from the files in S3, the newest file first."""
    since, until = request.span.since, request.span.until
    files = [
        file
        for file in _list_files(aws, outputs, request.part, since, until)
        if since <= file.end and file.end - FILE_INTERVAL <= until
    ]
    files.sort(key=lambda file: file.end, reverse=True)
    lines: list[LogLine] = []
    read_count = 0
    for _, group in groupby(files, key=lambda file: file.end):
        newest_lines: deque[LogLine] = deque(maxlen=request.limit)
        for file in group:
            newest_lines += [
                line for line in _read_file(aws, request.part, file) if _is_wanted(request, line)
            ]
            read_count += 1
        lines += newest_lines
        if len(lines) >= request.limit or read_count >= MAX_FILES:
            break
    lines.sort(key=lambda line: line.time)
    has_more = read_count < len(files) or len(lines) >= request.limit
    lines = lines[-request.limit :]
    if not has_more:
        return LinesRead(lines)
    cut = f"only the newest {len(lines)} lines of {read_count} of {len(files)} files were read"
    if lines:
        cut += f": none before {format_local_and_utc(lines[0].written_at)} is shown"
    return LinesRead(lines, f"{cut}; narrow it by --since and --until, or raise --limit")


def parse_access_fields(message: str) -> dict[str, str]:
    """The fields of a line by the names of AWS's documentation."""
    values = [quoted or word for quoted, word in VALUE_PATTERN.findall(message)]
    return dict(zip(FIELD_NAMES, values, strict=False))


def matches_conditions(message: str, conditions: Sequence[FieldCondition]) -> bool:
    """True if each field compares as asked for; numbers as numbers if both are."""
    fields = parse_access_fields(message)
    return all(_matches(fields.get(condition.name), condition) for condition in conditions)


def _matches(value: str | None, condition: FieldCondition) -> bool:
    if value is None:
        return False
    try:
        left, right = float(value), float(condition.value)
    except ValueError:
        is_equal = value == condition.value
        return {"=": is_equal, "!=": not is_equal}.get(condition.operator, False)
    return {
        "=": left == right,
        "!=": left != right,
        "<": left < right,
        ">": left > right,
        "<=": left <= right,
        ">=": left >= right,
    }[condition.operator]


def _is_wanted(request: LineRequest, line: LogLine) -> bool:
    return (
        request.span.since_milliseconds <= line.time <= request.span.until_milliseconds
        and request.line_filter.has_texts(line.message)
        and matches_conditions(line.message, request.line_filter.conditions)
    )


def _list_files(
    aws: Aws, outputs: Outputs, part: LogPart, since: datetime, until: datetime
) -> Iterator[AccessLogFile]:
    """The files of the days of a span; the last may be named after the day that follows."""
    stack, day, last_day = outputs.stack, since.date(), (until + FILE_INTERVAL).date()
    while day <= last_day:
        params = {
            "Bucket": str(part.bucket),
            "Prefix": f"{BALANCER_LOG_PREFIX}/AWSLogs/{stack.account}/elasticloadbalancing/"
            f"{stack.region}/{day:%Y/%m/%d}/",
        }
        try:
            for item in aws.list_items(S3_OBJECTS_API, "Contents", {**params}):
                if match := FILE_PATTERN.search(item["Key"]):
                    end = datetime.strptime(match["end"], "%Y%m%dT%H%MZ").replace(tzinfo=UTC)
                    yield AccessLogFile(item["Key"], match["node"], end)
        except ClientError as error:
            raise RefusedError(
                f"{S3_OBJECTS_API} of {part.place}: {get_error_code(error)}"
            ) from error
        day += timedelta(days=1)


def _read_file(aws: Aws, part: LogPart, file: AccessLogFile) -> Iterator[LogLine]:
    try:
        body: bytes = aws.client("s3").get_object(Bucket=part.bucket, Key=file.key)["Body"].read()
    except CALL_ERRORS as error:
        raise explain_error(error, S3_OBJECT_API) from error
    for number, message in enumerate(gzip.decompress(body).decode(errors="replace").splitlines()):
        time = parse_access_fields(message).get("time", "")
        try:
            written_at = datetime.fromisoformat(time)
        except ValueError:
            written_at = file.end
        yield LogLine(
            int(written_at.timestamp() * 1000), file.node, message, f"{file.key}#{number}"
        )
