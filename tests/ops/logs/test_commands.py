"""`ops logs tail`, `search`, `errors` and `top` as they are typed."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from botocore.exceptions import ClientError

from ops.logs import access_logs, lines
from tests.ops import service_stage
from tests.ops.every_command import open_command_line
from tests.ops.log_stage import (
    BACKEND_STREAM,
    put_access_logs,
    put_lines,
    put_services_with_lines,
)
from tests.ops.stage import Stage

Typed = tuple[Stage, Callable[[str], int]]


@pytest.fixture
def typed() -> Iterator[Typed]:
    with open_command_line(put_services_with_lines) as (stage, run_line):
        yield stage, run_line


def read_json(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_the_newest_lines_are_shown_with_their_time_zone_and_task(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    stage, run_line = typed
    put_lines(stage, ["two\nlines", "third"], ago=30)
    assert run_line("logs tail backend --limit 3") == 0
    out, err = capsys.readouterr()
    *_, first, second, rest, third = out.splitlines()
    assert first.endswith(' UTC 0a0a0a0a {"level": "ERROR", "message": "refused by 10.0.0.7:5432"}')
    assert (second[-12:], rest, third[-14:]) == ("0a0a0a0a two", "    lines", "0a0a0a0a third")
    assert "backend, /bulwark/test/services/backend, 20" in err
    assert "#logsV2:log-groups/log-group/$252Fbulwark" in err
    assert "only the newest 3 lines were read: none before " in err


def test_json_has_the_lines_and_what_was_cut(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    _, run_line = typed
    assert run_line("logs tail backend --limit 1 --output json") == 0
    body = read_json(capsys)
    assert (body["schema"], body["kind"], body["part"]) == (1, "logs-lines", "backend")
    (line,) = body["items"]
    assert line["message"] == '{"level": "ERROR", "message": "refused by 10.0.0.7:5432"}'
    assert line["stream"] == BACKEND_STREAM
    assert f"--until {line['time']}" in body["cut"]
    assert run_line("logs tail backend --output json") == 0
    body = read_json(capsys)
    assert (len(body["items"]), body["cut"]) == (2, None)


@pytest.mark.parametrize(
    ("line", "messages"),
    [
        ("search backend refused", ["refused"]),
        ("search backend Refused", []),
        ("search backend --field level=ERROR", ["refused"]),
        ("search backend 5432 --field level=ERROR", ["refused"]),
        ("search backend 5433 --field level=ERROR", []),
        ("search backend --pattern ?started", ["started"]),
        ("search backend started --task 0a0a", ["started"]),
        ("search backend started --task 0b", []),
        ("search fleet table --task i-01", ["ERROR no such table"]),
        ("search backend started --since 30s", []),
    ],
)
def test_search_finds_what_is_typed(
    typed: Typed, capsys: pytest.CaptureFixture[str], line: str, messages: list[str]
) -> None:
    _, run_line = typed
    assert run_line(f"logs {line} --output json") == 0
    items = read_json(capsys)["items"]
    assert len(items) == len(messages)
    assert all(text in item["message"] for text, item in zip(messages, items, strict=True))


def test_a_search_without_anything_to_look_for_is_refused(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    _, run_line = typed
    assert run_line("logs search backend") == 2
    assert "TEXT, --field or --pattern must be set" in capsys.readouterr().err


def test_lines_of_a_deployment_are_those_of_its_tasks(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    stage, run_line = typed
    ecs, cluster = stage.client("ecs"), "bulwark-test"
    (old_arn, _) = ecs.list_tasks(cluster=cluster, serviceName="backend")["taskArns"]
    line = f"service deploy {service_stage.BACKEND_IMAGE}:v2 --service backend --yes"
    assert run_line(line) == 0
    new_arn = ecs.list_tasks(cluster=cluster, serviceName="backend")["taskArns"][0]
    for word, arn in (("old", old_arn), ("new", new_arn)):
        put_lines(stage, [f"{word} task"], stream=f"task/backend/{arn.rsplit('/', 1)[-1]}")
    capsys.readouterr()
    assert run_line("logs search backend task --deployment current --output json") == 0
    assert [item["message"] for item in read_json(capsys)["items"]] == ["new task"]
    assert run_line("logs tail backend --deployment ecs-svc/1") == 2
    assert "--deployment must be current, previous or one that has" in capsys.readouterr().err


def test_errors_are_grouped_and_new_is_what_was_not_before_the_deployment(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    stage, run_line = typed
    line = f"service deploy {service_stage.BACKEND_IMAGE}:v2 --service backend --yes"
    put_lines(stage, [f"ERROR order {n} failed" for n in range(7)])
    assert run_line(line) == 0
    stage.clock.sleep(600)
    put_lines(stage, ["ERROR order 9 failed", "ERROR no column x", "fine"])
    capsys.readouterr()
    assert run_line("logs errors backend --since 1d --output json") == 0
    body = read_json(capsys)
    rows = {row["shape"]: (row["count"], row["new"], row["sources"]) for row in body["items"]}
    assert rows == {
        "ERROR order <n> failed": (8, "no", 1),
        "ERROR no column x": (1, "yes", 1),
        "ERROR refused by <address>": (1, "no", 1),
    }
    assert body["items"][0]["example"] == "ERROR order 9 failed"
    assert body["deployedAt"] is not None
    assert run_line("logs errors backend --since 2m --output json") == 0
    assert {row["new"] for row in read_json(capsys)["items"]} == {"unknown"}
    assert run_line("logs errors fleet --since 1d") == 0
    assert "ERROR no such table" in capsys.readouterr().out


def test_the_trace_of_an_error_is_read_with_what_the_filter_left_out(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    stage, run_line = typed
    trace = [
        "ERROR no",
        "Traceback (most recent call last):",
        '  File "a.py", line 7',
        "KeyError: 7",
    ]
    put_lines(stage, ["before", *trace, "after"], ago=20)
    assert run_line("logs errors backend --trace") == 0
    shown = capsys.readouterr().out.split("ERROR no\n")[-1]
    assert shown.splitlines()[:3] == [f"    {line}" for line in trace[1:]]
    assert "after" not in shown


def test_top_groups_all_lines(typed: Typed, capsys: pytest.CaptureFixture[str]) -> None:
    stage, run_line = typed
    put_lines(stage, [f"GET /orders/{n} 200" for n in range(50)], apart=0.01)
    assert run_line("logs top backend --shapes 1") == 0
    out = capsys.readouterr().out
    assert "GET /orders/<n> <n>" in out
    assert "2 more groups of 2 lines: --shapes" in out


def test_a_burst_in_two_hundred_streams_is_read_newest_first_and_said_to_be_cut(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    stage, run_line = typed
    for number in range(200):
        messages = [f"GET /{n} 200" for n in range(100)]
        put_lines(stage, messages, stream=f"task/backend/{number:032x}", ago=10, apart=0.01)
    assert run_line("logs top backend --limit 12000 --output json") == 0
    body = read_json(capsys)
    assert [row["count"] for row in body["items"]] == [12_000]
    assert body["items"][0]["sources"] == 200
    assert body["cut"].startswith("only the newest 12000 lines were read: none before ")


def test_pages_that_are_empty_are_read_on(typed: Typed, capsys: pytest.CaptureFixture[str]) -> None:
    stage, run_line = typed
    put_lines(stage, ["needle"], ago=50)
    put_lines(stage, ["hay"] * 25_000, ago=45, apart=0.001)
    assert run_line("logs search backend needle --output json") == 0
    body = read_json(capsys)
    assert ([item["message"] for item in body["items"]], body["cut"]) == (["needle"], None)
    with patch.object(lines, "MAX_PAGES", 2):
        assert run_line("logs search backend needle --output json") == 0
    body = read_json(capsys)
    assert body["items"] == []
    assert body["cut"] == (
        "only the newest 0 lines were read, from 2 pages; narrow it by --since and --until"
    )


def test_a_throttle_after_some_pages_shows_them_and_is_an_error(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    stage, run_line = typed
    put_lines(stage, ["needle", *["hay"] * 10_500, "needle 2"], ago=50, apart=0.001)
    pages = stage.aws.list_pages
    error = ClientError(
        {"Error": {"Code": "ThrottlingException", "Message": "Rate exceeded"}}, "FilterLogEvents"
    )

    def throttle(api: str, params: Any, region: str | None = None) -> Iterator[Any]:
        from ops.core.aws import explain_error

        yield next(pages(api, params, region))
        raise explain_error(error, api)

    with patch.object(stage.aws, "list_pages", throttle):
        assert run_line("logs search backend needle") == 1
    out, err = capsys.readouterr()
    assert out.endswith("needle 2\n")
    assert "only the newest 1 lines were read, as AWS stopped answering after 1 pages" in err
    assert "logs.filter_log_events got no answer: ThrottlingException" in err


def test_a_group_that_is_not_there_is_one_line(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    _, run_line = typed
    assert run_line("logs tail rotation") == 2
    error, advice = capsys.readouterr().err.splitlines()[-2:]
    assert "PART is 'rotation', whose log group /aws/lambda/bulwark-test-rotation is not" in error
    assert advice == "  ops logs list"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("tail backend --poll", "--poll must be with --follow"),
        ("tail backend --follow --until 1m", "--follow must be without --until and --watch"),
        ("tail backend --follow --watch 5", "--follow must be without --until and --watch"),
        ("tail backend --task 0a --deployment current", "--task and --deployment exclude"),
        ("tail fleet --deployment current", "--deployment must be used with a service, not fleet"),
        ("tail backend --since 2023-12-31", "--since must be 2024-01-01 or later"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    typed: Typed, capsys: pytest.CaptureFixture[str], line: str, message: str
) -> None:
    _, run_line = typed
    assert run_line(f"logs {line}") == 2
    assert message in capsys.readouterr().err.splitlines()[-1]


def test_a_watched_look_is_appended_on_a_pipe(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    stage, run_line = typed
    looks = 0

    def sleep(_: object, seconds: float) -> None:
        nonlocal looks
        looks += 1
        if looks == 2:
            raise KeyboardInterrupt
        stage.clock.sleep(seconds)
        put_lines(stage, ["meanwhile"], ago=1)

    with patch("ops.core.run.WallClock.sleep", sleep):
        assert run_line("logs tail backend --watch 30") == 130
    out, err = capsys.readouterr()
    assert out.count("every 30s, Ctrl-C ends it") == 2
    assert (out.count("started"), out.count("meanwhile"), err) == (2, 1, "")


@pytest.mark.parametrize(
    ("line", "statuses"),
    [
        ("tail load-balancer", [200, 502, 504]),
        ("tail load-balancer --limit 1", [504]),
        ("search load-balancer --field elb_status_code>=500", [502, 504]),
        ("search load-balancer --field target_processing_time>2", [502, 504]),
        ("search load-balancer --field request!=x 502", [502]),
        ("tail load-balancer --until 2026-11-30T02:06Z", [200, 502]),
    ],
)
def test_access_logs_are_read_from_their_files(
    capsys: pytest.CaptureFixture[str], line: str, statuses: list[int]
) -> None:
    end = datetime(2026, 11, 30, 2, 10, tzinfo=UTC)
    now = end + timedelta(minutes=2)
    with open_command_line(lambda stage: put_access_logs(stage, end)) as (_, run_line):
        with patch("ops.core.clock.now", lambda: now):
            assert run_line(f"logs {line} --since 2026-11-30T02:00Z --output json") == 0
        body = read_json(capsys)
        found = [
            int(access_logs.parse_access_fields(item["message"])["elb_status_code"])
            for item in body["items"]
        ]
        assert found == statuses
        assert (body["cut"] is None) == ("--limit" not in line)


def test_a_pattern_of_cloudwatch_is_not_for_files(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_access_logs) as (_, run_line):
        assert run_line("logs search load-balancer --pattern x") == 2
        assert "the lines of load-balancer are in S3: use TEXT" in capsys.readouterr().err
