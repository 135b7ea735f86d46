"""What is filtered out of log groups: by patterns as CloudWatch Logs reads them, newest first."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ops.health.logs import POSTGRES_ERROR_PATTERN, PROGRAM_ERROR_PATTERN
from sandbox.aws import use_in_memory_aws
from sandbox.patches.logs.patterns import matches_filter_pattern
from sandbox.patches.patching import AwsError
from tests.ops.stage import REGION, shared_aws

LOG_GROUP_NAME = "/bulwark/test/services/backend"
NOW_MILLISECONDS = int(datetime.now(UTC).timestamp() * 1000)


@pytest.fixture
def logs_client() -> Iterator[Any]:
    with use_in_memory_aws(REGION):
        client = shared_aws().client("logs")
        client.create_log_group(logGroupName=LOG_GROUP_NAME)
        for stream, offset_milliseconds in (("one", 0), ("two", 500)):
            client.create_log_stream(logGroupName=LOG_GROUP_NAME, logStreamName=stream)
            events = [
                {
                    "timestamp": NOW_MILLISECONDS - 1000 * n - offset_milliseconds,
                    "message": f"{word} {stream} {n}",
                }
                for n, word in ((3, "ERROR"), (2, "info"), (1, "ERROR"))
            ]
            client.put_log_events(
                logGroupName=LOG_GROUP_NAME, logStreamName=stream, logEvents=events
            )
        yield client


def list_messages(client: Any, **parameters: Any) -> list[str]:
    pages = client.get_paginator("filter_log_events").paginate(
        logGroupName=LOG_GROUP_NAME, **parameters
    )
    return [event["message"] for page in pages for event in page["events"]]


def test_with_start_from_head_false_events_of_all_pages_are_newest_first(logs_client: Any) -> None:
    expected = ["ERROR one 1", "ERROR two 1", "ERROR one 3", "ERROR two 3"]
    newest = list_messages(logs_client, startFromHead=False, filterPattern="?ERROR ?FATAL", limit=1)
    assert newest == expected
    assert list_messages(logs_client, filterPattern="ERROR") == expected[::-1]


def test_streams_and_times_filter_events(logs_client: Any) -> None:
    assert list_messages(
        logs_client, logStreamNames=["two"], startTime=NOW_MILLISECONDS - 2000
    ) == ["ERROR two 1"]
    assert list_messages(logs_client, logStreamNamePrefix="o", endTime=NOW_MILLISECONDS - 2500) == [
        "ERROR one 3"
    ]


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"logGroupName": "/none"}, "ResourceNotFoundException"),
        ({"logGroupName": LOG_GROUP_NAME, "nextToken": "x"}, "InvalidParameterException"),
    ],
)
def test_a_missing_log_group_or_stream_is_refused(
    logs_client: Any, parameters: dict[str, str], code: str
) -> None:
    with pytest.raises(ClientError) as refused:
        logs_client.filter_log_events(**parameters)
    assert refused.value.response["Error"]["Code"] == code


ERROR_LINES = (
    "2026/11/30 02:00:01 [error] 7#7: *1 connect() failed",
    "[ERROR] no such table",
    "time=02:00 level=error msg=no",
    "level: error",
    '{"level": "error", "text": "no"}',
    '{"level" : "ERROR"}',
    '{"lvl":"err"}',
    '{"Level":"Fatal"}',
    '{"level":50,"time":1}',
    '{"severity":"ERROR"}',
    '{"severity": "critical"}',
    "Traceback (most recent call last):",
    "ValueError: no such id",
    'Exception in thread "main" java.lang.NullPointerException',
    "Caused by: java.sql.SQLException: closed",
    "panic: runtime error: index out of range",
    "CRITICAL:root:no",
)
OTHER_LINES = (
    '{"level": "info", "text": "0 errors"}',
    '{"level":30,"time":50}',
    "level=info errors=0",
    '"GET /error HTTP/1.1" 200',
    "no error",
)


def test_a_regular_expression_that_cloudwatch_does_not_support_is_refused() -> None:
    for pattern in ("%(a|b)%", "%something!%", '%"level"%'):
        with pytest.raises(AwsError):
            matches_filter_pattern(pattern, "a")


@pytest.mark.parametrize(
    ("pattern", "message", "passes"),
    [
        ("ERROR", "an ERROR", True),
        ("ERROR", "an error", False),
        ("ERROR 500", "500 ERROR", True),
        ("ERROR 500", "an ERROR", False),
        ('"two words"', "words two", False),
        ("?one ?two", "two", True),
        ("?one ?two", "three", False),
        ("ERROR -Exiting", "ERROR Exiting", False),
        ("ERROR ?FATAL", "FATAL", False),
        (PROGRAM_ERROR_PATTERN, '{"level":"error","text":"no"}', True),
        (PROGRAM_ERROR_PATTERN, '{"level":"info","text":"0 errors"}', False),
        (PROGRAM_ERROR_PATTERN, "Traceback (most recent call last):", True),
        ("%[Ee]rror|fail%", "a failure", True),
        ("%[Ee]rror|fail%", "an ERROR", False),
        *((PROGRAM_ERROR_PATTERN, line, True) for line in ERROR_LINES),
        *((PROGRAM_ERROR_PATTERN, line, False) for line in OTHER_LINES),
        (POSTGRES_ERROR_PATTERN, "2026-11-21 UTC [7]: ERROR:  deadlock detected", True),
        (POSTGRES_ERROR_PATTERN, "2026-11-21 UTC [7]: LOG:  checkpoint complete", False),
    ],
)
def test_patterns_are_read_as_the_user_guide_says(pattern: str, message: str, passes: bool) -> None:
    assert matches_filter_pattern(pattern, message) is passes
