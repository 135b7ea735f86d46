"""`ops logs query`: the library's queries on lines as the parts write them, and one typed."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

import pytest

from components.facts.log_queries import LOG_QUERIES
from ops.core.run import WallClock
from ops.logs import insights
from sandbox.faults import DeniedFault, inject_faults
from tests.ops.call_recorder import record_calls
from tests.ops.every_command import open_command_line
from tests.ops.log_stage import put_lines, put_services_with_lines
from tests.ops.stage import Stage

Typed = tuple[Stage, Callable[[str], int]]
POSTGRES_GROUP = "/aws/rds/instance/bulwark-test-database/postgresql"
POSTGRES_PREFIX = "2026-11-30 02:05:00 UTC:10.0.1.2(55):app@app:[77]:LOG:  "
FLOW = "2 123456789012 eni-0a 10.0.1.2 10.0.2.{} 4711 5432 6 3 {} 1767225600 1767225660 {} OK"
BLOCKED = {"action": "BLOCK", "terminatingRuleId": "rate", "httpRequest": {"clientIp": "192.0.2.7"}}
REPORT = {
    "type": "platform.report",
    "record": {"metrics": {"durationMs": 12.5, "maxMemoryUsedMB": 80}},
}
# Lines of a group, and the rows that each query finds in them.
CASES: dict[str, tuple[str, list[str], list[dict[str, str]]]] = {
    "errors": (
        "/bulwark/test/services/backend",
        ["ERROR a", "fine", "Traceback (most recent call last):"],
        [{"errors": "4"}],  # with one of the stage's backend and one of its fleet
    ),
    "error-lines": (
        "/bulwark/test/services/backend",
        ["ERROR a", "fine"],
        [{"@message": "ERROR a", "@log": "/bulwark/test/services/backend"}],
    ),
    "top-messages": (
        "/bulwark/test/services/backend",
        ["same"] * 3,
        [{"@message": "same", "lines": "3"}],
    ),
    "response-times": (
        "/bulwark/test/services/backend",
        [json.dumps({"duration_ms": n}) for n in range(1, 101)] + ['{"x": 1}'],
        [{"requests": "100", "p50": "50", "p95": "95", "p99": "99", "slowest": "100"}],
    ),
    "requests": (
        "/bulwark/test/services/backend",
        ['{"status": 200, "path": "/a"}', '{"statusCode":200,"url":"/a"}', '{"status": 500}'],
        [{"code": "200", "target": "/a", "requests": "2"}, {"code": "500", "requests": "1"}],
    ),
    "slow-requests": (
        "/bulwark/test/services/backend",
        ['{"duration": 5, "status": 200, "path": "/a"}', '{"elapsed": 700, "path": "/b"}'],
        [{"took": "700", "target": "/b"}, {"took": "5", "code": "200", "target": "/a"}],
    ),
    "slow-statements": (
        POSTGRES_GROUP,
        [
            f"{POSTGRES_PREFIX}duration: 1204.5 ms  statement: SELECT 1",
            f"{POSTGRES_PREFIX}duration: 30.1 ms  execute <unnamed>: SELECT 2",
            f"{POSTGRES_PREFIX}checkpoint complete",
        ],
        [
            {"took": "1204.5", "statement": "statement: SELECT 1"},
            {"took": "30.1", "statement": "execute <unnamed>: SELECT 2"},
        ],
    ),
    "connections": (
        POSTGRES_GROUP,
        [f"{POSTGRES_PREFIX}connection authorized: user=app", f"{POSTGRES_PREFIX}other"],
        [{"connections": "1"}],
    ),
    "functions": (
        "/aws/lambda/bulwark-test-rotation",
        [json.dumps(REPORT), json.dumps({"type": "platform.start"})],
        [{"runs": "1", "average": "12.5", "slowest": "12.5", "memory": "80"}],
    ),
    "rejected-flows": (
        "/bulwark/test/flow-logs",
        [
            FLOW.format(7, 120, "REJECT"),
            FLOW.format(7, 60, "REJECT"),
            FLOW.format(8, 60, "ACCEPT"),
        ],
        [
            {
                "srcAddr": "10.0.1.2",
                "dstAddr": "10.0.2.7",
                "dstPort": "5432",
                "protocol": "6",
                "flows": "2",
                "total": "180",
            }
        ],
    ),
    "blocked-requests": (
        "aws-waf-logs-bulwark-test",
        [json.dumps(BLOCKED)],
        [
            {
                "action": "BLOCK",
                "terminatingRuleId": "rate",
                "httpRequest.clientIp": "192.0.2.7",
                "requests": "1",
            }
        ],
    ),
}


def put_stack(stage: Stage) -> None:
    """A stack with every part that a query is of."""
    put_services_with_lines(stage)
    balancer = stage.outputs.load_balancer
    assert balancer is not None
    database = stage.outputs.database.model_copy(update={"log_groups": (POSTGRES_GROUP,)})
    balancer = balancer.model_copy(update={"web_acl_arn": "arn:aws:wafv2:x"})
    stage.outputs = stage.outputs.model_copy(
        update={"load_balancer": balancer, "database": database}
    )
    # What is written 30 seconds ago is within five minutes of the clock.
    stage.clock.sleep(300 - stage.clock.now() % 300 + 200)


@pytest.fixture
def typed() -> Iterator[Typed]:
    with open_command_line(put_stack) as (stage, run_line):
        yield stage, run_line


def test_each_query_of_the_library_has_its_lines() -> None:
    assert CASES.keys() == LOG_QUERIES.keys()


@pytest.mark.parametrize("name", LOG_QUERIES)
def test_a_query_finds_what_the_part_writes(
    typed: Typed, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    stage, run_line = typed
    group, messages, expected = CASES[name]
    put_lines(stage, messages, group=group, stream="s", ago=30, apart=0.01)
    assert run_line(f"logs query {name} --output json") == 0
    body = json.loads(capsys.readouterr().out)
    shown = [
        {key: value for key, value in row.items() if key not in ("time", "@timestamp")}
        for row in body["items"]
    ]
    if name == "errors":  # two of the stage's own may be in other five minutes
        shown = [{"errors": str(sum(int(row["errors"]) for row in shown))}]
    if name == "error-lines":  # the stage has lines of its own
        shown = [row for row in shown if row["@message"] in messages]
    if name == "top-messages":  # the stage has lines of its own
        shown = shown[:1]
    assert shown == expected
    assert (body["schema"], body["kind"], body["cut"]) == (1, "logs-query", None)
    assert body["bytesScanned"] >= sum(map(len, messages))
    assert group in body["sources"]


def test_a_table_is_followed_by_the_cost_on_stderr(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    _, run_line = typed
    assert run_line("logs query errors --part backend") == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[0].split() == ["time", "errors"]
    assert err.startswith("ops: backend, 20")
    assert "GB scanned, 0.0000 $ (us-east-1's list price, 2026-11: 0.005 $ per GB)" in err


def test_a_typed_query_is_run(typed: Typed, capsys: pytest.CaptureFixture[str]) -> None:
    _, run_line = typed
    line = "logs query --part backend --output json --query 'fields @message | filter @message "
    assert run_line(f'{line} like "start"\'') == 0
    assert json.loads(capsys.readouterr().out)["items"] == [{"@message": "started"}]
    assert run_line(f'{line} likes "start"\'') == 2
    assert "--query cannot be read by AWS: unexpected symbol found" in capsys.readouterr().err
    assert run_line("logs query --query 'limit 1'") == 2
    assert "--part must be set with --query" in capsys.readouterr().err
    assert run_line("logs query errors --query 'limit 1'") == 2
    assert "--query must be without NAME" in capsys.readouterr().err


def test_without_a_name_the_queries_are_listed(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    _, run_line = typed
    with record_calls() as calls:
        assert run_line("logs query") == 0
    assert calls == []
    out = capsys.readouterr().out
    assert all(name in out for name in LOG_QUERIES)
    assert run_line("logs query --since 1h") == 2


def test_ctrl_c_stops_the_query_in_aws(typed: Typed, capsys: pytest.CaptureFixture[str]) -> None:
    stage, run_line = typed

    def interrupt(_: object, __: float) -> None:
        raise KeyboardInterrupt

    with patch.object(WallClock, "sleep", interrupt), record_calls() as calls:
        assert run_line("logs query errors") == 130
    *_, stop = calls
    assert stop.api == "logs.stop_query"
    assert capsys.readouterr().err.splitlines()[-1] == "ops: the query was stopped"
    results = stage.client("logs").get_query_results(queryId=stop.params["queryId"])
    assert results["status"] == "Cancelled"


def test_ctrl_c_when_the_query_has_ended_or_cannot_be_stopped(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    stage, run_line = typed
    query_ids: list[str] = []
    call = stage.aws.call

    def record(api: str, params: Any, region: str | None = None) -> Any:
        answer: Any = call(api, params)
        query_ids.append(answer["queryId"] if api == "logs.start_query" else "")
        return {"status": "Running"} if api == "logs.get_query_results" else answer

    def end_and_interrupt(_: object, __: float) -> None:
        stage.client("logs").stop_query(queryId=query_ids[0])
        raise KeyboardInterrupt

    with (
        patch.object(stage.aws, "call", record),
        patch.object(WallClock, "sleep", end_and_interrupt),
    ):
        assert run_line("logs query errors") == 130
    assert capsys.readouterr().err.splitlines()[-1] == "ops: the query had ended in AWS"
    with (
        inject_faults(DeniedFault(("logs.stop_query",))),
        patch.object(WallClock, "sleep", side_effect=KeyboardInterrupt),
    ):
        assert run_line("logs query errors") == 130
    message = "ops: the query was not stopped, and may still run in AWS: logs.stop_query was denied"
    assert capsys.readouterr().err.splitlines()[-1].startswith(message)


def test_more_rows_than_aws_gives_are_said_to_be_cut(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    stage, run_line = typed
    put_lines(stage, [f"{n}" for n in range(30)])
    with patch.object(insights, "MAX_ROWS", 20):
        assert run_line("logs query --part backend --query 'fields @message' --output json") == 0
    out, err = capsys.readouterr()
    body = json.loads(out)
    assert len(body["items"]) == 20
    assert body["cut"].startswith("only the first 20 rows: narrow it by --since")
    assert body["cut"] in err


def test_a_part_that_the_stack_may_lack_is_left_out_and_one_that_it_must_have_is_named(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    _, run_line = typed
    assert run_line("logs query functions") == 2
    assert "one of /aws/lambda/bulwark-test-rotation is not" in capsys.readouterr().err
    assert run_line("logs query errors --part backend --part rotation") == 0
    assert run_line("logs query errors --part load-balancer") == 2
    assert "--part must be one of" in capsys.readouterr().err


def test_a_query_that_fails_is_an_error(typed: Typed, capsys: pytest.CaptureFixture[str]) -> None:
    stage, run_line = typed
    call = stage.aws.call

    def fail(api: str, params: Any, region: str | None = None) -> Any:
        return {"status": "Timeout"} if api == "logs.get_query_results" else call(api, params)

    with patch.object(stage.aws, "call", fail):
        assert run_line("logs query errors") == 1
    assert "the query ended as Timeout" in capsys.readouterr().err
