"""A stage with log lines on it, and the command line in front of it."""

import gzip
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from tests.ops import fleet_stage, service_stage
from tests.ops.stage import ACCOUNT, REGION, Stage

BACKEND_GROUP = "/bulwark/test/services/backend"
FLEET_GROUP = "/bulwark/test/fleet"
BACKEND_STREAM = f"task/backend/{'0a' * 16}"


def put_lines(
    stage: Stage,
    messages: Sequence[str],
    *,
    group: str = BACKEND_GROUP,
    stream: str = BACKEND_STREAM,
    ago: float = 60,
    apart: float = 0.1,
) -> None:
    """Lines that were written one after another, the first so many seconds ago."""
    logs = stage.client("logs")
    if not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
        logs.create_log_group(logGroupName=group)
    streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=stream)
    if not streams["logStreams"]:
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
    start = stage.clock.now() - ago
    events = [
        {"timestamp": int((start + number * apart) * 1000), "message": message}
        for number, message in enumerate(messages)
    ]
    for first in range(0, len(events), 5000):
        logs.put_log_events(
            logGroupName=group, logStreamName=stream, logEvents=events[first : first + 5000]
        )


def put_services_with_lines(stage: Stage) -> None:
    """The services, the fleet, and lines of both."""
    service_stage.put_services(stage, ("backend", "frontend"))
    fleet_stage.put_fleet(stage)
    put_services_lines(stage)


def put_services_lines(stage: Stage) -> None:
    """Lines of the services and of the fleet."""
    put_lines(stage, ["started", '{"level": "ERROR", "message": "refused by 10.0.0.7:5432"}'])
    put_lines(stage, [], group="/bulwark/test/services/frontend")
    put_lines(stage, ["ERROR no such table"], group=FLEET_GROUP, stream="i-0123456789abcdef0")


ACCESS_LINE = (
    "https {time} app/bulwark-test-alb/50dc 192.0.2.7:4711 10.0.1.5:80 "
    '0.001 {took} 0.000 {status} {status} 34 366 "GET https://app.example.com:443/a HTTP/1.1" '
    '"curl/8" TLS_AES_128_GCM_SHA256 TLSv1.3 arn:aws:x "Root=1-2" "app.example.com" "-" 1 '
    '{time} "forward" "-" "-" "10.0.1.5:80" "{status}" "-" "-" TID_1'
)


def put_access_logs(stage: Stage, end: datetime | None = None) -> None:
    """A load balancer's bucket with access logs: three files of two nodes, up to a time."""
    bucket = f"bulwark-test-logs-{ACCOUNT}-{REGION}"
    s3 = stage.client("s3")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    last = end or datetime.fromtimestamp(stage.clock.now() // 300 * 300, UTC)
    name = f"{ACCOUNT}_elasticloadbalancing_{REGION}_app.bulwark-test-alb.50dc"
    for end_minutes, node, minutes, status in (
        (5, "10.0.0.4", 9, 200),
        (5, "10.0.0.5", 8, 502),
        (0, "10.0.0.4", 3, 504),
    ):
        file_end, time = last - timedelta(minutes=end_minutes), last - timedelta(minutes=minutes)
        text = ACCESS_LINE.format(
            time=f"{time:%Y-%m-%dT%H:%M:%S.000000Z}", took=f"{10 - minutes}.5", status=status
        )
        key = (
            f"alb/AWSLogs/{ACCOUNT}/elasticloadbalancing/{REGION}/{file_end:%Y/%m/%d}/{name}"
            f"_{file_end:%Y%m%dT%H%MZ}_{node}_x{status}.log.gz"
        )
        s3.put_object(Bucket=bucket, Key=key, Body=gzip.compress(f"{text}\n".encode()))
    balancer = stage.outputs.load_balancer
    assert balancer is not None
    changed = balancer.model_copy(update={"access_log_bucket": bucket})
    stage.outputs = stage.outputs.model_copy(update={"load_balancer": changed})
