"""Lines as they come: each once, whichever way; by Live Tail, else by polling."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest
from botocore.exceptions import ClientError

from ops.core.errors import ThrottledError
from ops.core.run import WallClock
from ops.logs import follow
from ops.logs.follow import SeenLines
from ops.logs.lines import LogLine
from tests.ops.call_recorder import record_calls
from tests.ops.every_command import open_command_line
from tests.ops.log_stage import BACKEND_GROUP, put_lines, put_services_with_lines
from tests.ops.stage import Stage

Typed = tuple[Stage, Callable[[str], int]]


@pytest.fixture
def typed() -> Iterator[Typed]:
    with open_command_line(put_services_with_lines) as (stage, run_line):
        yield stage, run_line


@contextmanager
def act_at_sleeps(stage: Stage, *acts: Callable[[], None]) -> Iterator[None]:
    """Does one thing at each sleep, after it; Ctrl-C at the one after the last."""
    remaining_acts = list(acts)

    def sleep(_: object, seconds: float) -> None:
        if not remaining_acts:
            raise KeyboardInterrupt
        stage.clock.sleep(seconds)
        remaining_acts.pop(0)()

    with patch.object(WallClock, "sleep", sleep):
        yield


def list_shown(capsys: pytest.CaptureFixture[str]) -> tuple[list[str], str]:
    out, err = capsys.readouterr()
    return [line.split(" UTC ")[1].removeprefix("0a0a0a0a ") for line in out.splitlines()], err


def test_polled_lines_are_shown_once_late_ones_and_equal_ones_too(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    stage, run_line = typed
    put_lines(stage, ["a", "a"], ago=10, apart=0)  # two that are equal
    with act_at_sleeps(
        stage,
        lambda: put_lines(stage, ["b"], ago=1),
        lambda: put_lines(stage, ["late", "a"], ago=40, apart=0),
        lambda: None,
    ):
        assert run_line("logs tail backend --follow --poll --since 20s") == 130
    shown, err = list_shown(capsys)
    # What is late by more than the look goes back is older than --since, and not asked for.
    assert shown == ["a", "a", "b"]
    assert "Live Tail" not in err
    assert "interrupted" not in err


def test_a_line_that_comes_late_is_shown(typed: Typed, capsys: pytest.CaptureFixture[str]) -> None:
    stage, run_line = typed
    with act_at_sleeps(
        stage,
        lambda: put_lines(stage, ["b"], ago=1),
        *[lambda: None] * 10,
        lambda: put_lines(stage, ["late by a minute"], ago=55),
        lambda: None,
    ):
        assert run_line("logs tail backend --follow --poll --since 1s") == 130
    assert list_shown(capsys)[0] == ["b", "late by a minute"]


def test_live_tail_shows_each_line_once_with_what_was_written_between_two_sessions(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    stage, run_line = typed
    stage.clock.sleep(60)
    put_lines(stage, ["before"], ago=20)
    stage.clock.sleep(2)
    with (
        record_calls() as calls,
        act_at_sleeps(
            stage,
            lambda: put_lines(stage, ["in the second before", "x"], ago=0.2, apart=0.05),
            lambda: None,
            lambda: put_lines(stage, ["x", "missed"], ago=0.9, apart=0),
            lambda: stage.clock.sleep(5),
            lambda: None,
        ),
    ):
        assert run_line("logs tail backend --follow --since 30s") == 130
    shown, err = list_shown(capsys)
    assert shown == ["before", "in the second before", "x", "x", "missed"]
    assert "Live Tail costs 0.01 $ a minute (us-east-1's list price, 2026-11)" in err
    live_calls = [call.params for call in calls if call.api == "logs.start_live_tail"]
    assert len(live_calls) == 6
    assert live_calls[0] == {
        "logGroupIdentifiers": [f"arn:aws:logs:eu-north-1:123456789012:log-group:{BACKEND_GROUP}"]
    }


def test_live_tail_filters_and_says_that_it_samples(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    stage, run_line = typed
    put_lines(stage, [f"GET {n}" for n in range(600)], ago=0.9, apart=0.001)
    with act_at_sleeps(stage):
        assert run_line("logs tail backend GET --follow --since 1s --task 0a") == 130
    shown, err = list_shown(capsys)
    assert shown == [f"GET {n}" for n in range(600)]  # the read of what was before has all
    assert "there are more than 500 lines a second: Live Tail shows a sample" in err


@pytest.mark.parametrize(
    "error_code", ["AccessDeniedException", "InvalidOperationException", "LimitExceededException"]
)
def test_if_live_tail_is_refused_lines_are_polled(
    typed: Typed, capsys: pytest.CaptureFixture[str], error_code: str
) -> None:
    stage, run_line = typed

    def refuse(**_: Any) -> None:
        response: Any = {
            "Error": {"Code": error_code, "Message": "no"},
            "ResponseMetadata": {"HTTPStatusCode": 400},
        }
        raise ClientError(response, "StartLiveTail")

    with (
        patch.object(stage.client("logs"), "start_live_tail", refuse),
        act_at_sleeps(stage, lambda: put_lines(stage, ["b"], ago=1), lambda: None),
    ):
        assert run_line("logs tail backend --follow --output json") == 130
    out, err = capsys.readouterr()
    assert '"kind": "logs-line"' in out
    assert out.count('"message": "b"') == 1
    assert "Live Tail cannot be used, so lines are polled: " in err
    assert error_code in err


def test_following_a_missing_log_group_is_an_error(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    stage, run_line = typed
    with act_at_sleeps(stage):
        assert run_line("logs tail rotation --follow") == 2
    assert "whose log group /aws/lambda/bulwark-test-rotation is not" in capsys.readouterr().err


def test_a_line_counts_once_for_each_way_that_it_comes() -> None:
    seen = SeenLines()
    line, read_line = LogLine(1, "s", "x"), LogLine(1, "s", "x", "e1")
    twin = LogLine(1, "s", "x", "e2")
    assert seen.add_live([line]) == [line]
    assert seen.add_read([read_line]) == []
    assert seen.add_read([read_line]) == []
    assert seen.add_read([read_line, twin]) == [twin]
    assert seen.add_live([line]) == []
    assert seen.add_live([line]) == [line]  # a third one in one session
    seen.start_session()
    assert seen.add_live([line, line, line]) == []
    seen.forget_before(2)
    assert seen == SeenLines()


@pytest.mark.parametrize("way", ["--poll", "--follow"])
def test_an_unanswered_poll_is_repeated_without_losing_lines(
    typed: Typed, capsys: pytest.CaptureFixture[str], way: str
) -> None:
    stage, run_line = typed
    stage.clock.sleep(600)
    pages, failures = stage.aws.list_pages, iter([False, True, True, True])

    def fail_sometimes(api: str, params: Any, region: str | None = None) -> Iterator[Any]:
        if next(failures, False):
            raise ThrottledError(f"{api} got no answer")
        yield from pages(api, params, region)

    with (
        patch.object(stage.aws, "list_pages", fail_sometimes),
        act_at_sleeps(
            stage,
            lambda: put_lines(stage, ["meanwhile"], ago=3),
            lambda: stage.clock.sleep(200),
            lambda: stage.clock.sleep(200),
            lambda: None,
            lambda: None,
        ),
    ):
        assert run_line(f"logs tail backend --follow {way} --since 1s") == 130
    shown, err = list_shown(capsys)
    assert shown == ["meanwhile"]
    assert err.count("AWS is asked again, from the same time on: logs.filter_log_events") == 3


def test_after_a_burst_nothing_is_shown_again(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    stage, run_line = typed
    stage.clock.sleep(600)
    put_lines(stage, [f"{n}" for n in range(20)], ago=20, apart=0.1)
    with (
        patch.object(follow, "MAX_OVERLAP_LINES", 10),
        act_at_sleeps(stage, *[lambda: None] * 6),
    ):
        assert run_line("logs tail backend --follow --poll --since 30s") == 130
    shown, err = list_shown(capsys)
    assert shown == [f"{n}" for n in range(20)]
    assert err.count("there are more lines than can be read twice") == 1
