"""Messages by their shape: what differs from one to the next is taken out."""

from datetime import UTC, datetime, timedelta

import pytest

from ops.logs.lines import LogLine
from ops.logs.shapes import find_shape, group_by_shape, join_traces


@pytest.mark.parametrize(
    ("message", "shape"),
    [
        ("took 12 ms", "took <n> ms"),
        ("took 12.5ms of -3", "took <n>ms of <n>"),
        ("order 4711 of user 17 failed", "order <n> of user <n> failed"),
        ("request 550e8400-e29b-41d4-a716-446655440000 failed", "request <id> failed"),
        ("commit deadbeef1 and 0xfe", "commit <hex> and <hex>"),
        ("the decade of a facade", "the decade of a facade"),
        ("connect to 10.0.1.2:5432 failed", "connect to <address> failed"),
        ("from 10.0.1.2(4711): no", "from <address>: no"),
        ("from 2001:db8::ff00:42:8329 no", "from <address> no"),
        ("at 2026-11-30T02:05:00.123Z it", "at <time> it"),
        ("2026-11-30 02:05:00,123 ERROR x", "<time> ERROR x"),
        (
            "2026-11-30 02:05:00 UTC:10.0.1.2(55):app@app:[77]:ERROR: x",
            "<time>:<address>:app@app:[<n>]:ERROR: x",
        ),
        (
            '1.2.3.4 - - [30/Nov/2026:02:05:00 +0000] "GET /a/7"',
            '<address> - - [<time>] "GET /a/<n>"',
        ),
        ("mail to a.b@example.com", "mail to <email>"),
        ("version v2 of utf8", "version v2 of utf8"),
        ('{"level":"ERROR","message":"order 7","time":1}', "ERROR order <n>"),
        ('{"severity" : "warn", "msg": "disk 91 %"}', "warn disk <n> %"),
        ('{"error": {"message": "no 5"}}', "no <n>"),
        ('{"a": 1}', '{"a": <n>}'),
        ("{not json 5", "{not json <n>"),
        ("a\n  at b.c(D.java:7)\nCaused by: x", "a"),
        ("Traceback (most recent call last):\n  File x\nKeyError: 7", "KeyError: <n>"),
        (
            "ERROR no\nTraceback (most recent call last):\n  File x\nKeyError: 7",
            "ERROR no / KeyError: <n>",
        ),
        ("", ""),
    ],
)
def test_the_shape_of_a_message(message: str, shape: str) -> None:
    assert find_shape(message) == shape


def build_lines(*messages: str, stream: str = "s", start: int = 0) -> list[LogLine]:
    return [LogLine(start + 10 * n, stream, message) for n, message in enumerate(messages)]


TRACE = (
    "ERROR order failed",
    "Traceback (most recent call last):",
    '  File "a.py", line 7, in x',
    "    raise ValueError",
    "ValueError: no 7",
)


def test_a_trace_is_joined_in_its_stream_and_what_follows_is_not() -> None:
    lines = build_lines(*TRACE, "INFO next") + build_lines("INFO other", "\tat x", stream="t")
    joined = join_traces(sorted(lines, key=lambda line: line.time))
    assert {line.message for line in joined} == {
        "\n".join(TRACE),
        "INFO next",
        "INFO other\n\tat x",
    }


def test_an_indented_line_that_comes_much_later_is_a_separate_message() -> None:
    lines = [*build_lines("a"), *build_lines("  b", start=5000)]
    assert [line.message for line in join_traces(lines)] == ["a", "  b"]


def test_groups_are_counted_with_their_first_and_last_and_the_newest_as_example() -> None:
    lines = build_lines("user 1 gone", "ok", "user 2 gone", "", "user 3 gone", stream="s")
    first, second = group_by_shape([*lines, LogLine(5, "t", "ok")])
    assert (first.shape, first.count, first.streams) == ("user <n> gone", 3, {"s"})
    assert first.first is not None
    assert first.last is not None
    assert (first.first.time, first.last.message) == (0, "user 3 gone")
    assert (second.shape, second.count, second.streams) == ("ok", 2, {"s", "t"})


def test_messages_not_seen_before_the_deployment_are_new() -> None:
    deployed_at = datetime.fromtimestamp(100, UTC)
    before, after = deployed_at - timedelta(seconds=50), deployed_at + timedelta(seconds=50)
    (old,) = group_by_shape([LogLine(90_000, "s", "x"), LogLine(120_000, "s", "x")])
    (new,) = group_by_shape([LogLine(120_000, "s", "y")])
    assert old.find_novelty(deployed_at, before) == "no"
    assert new.find_novelty(deployed_at, before) == "yes"
    assert new.find_novelty(deployed_at, after) == "unknown"
    assert new.find_novelty(None, before) == "unknown"


@pytest.mark.parametrize("message", ['{"a":' * 100_000, '{"message":' + "[" * 100_000])
def test_a_line_that_is_nested_too_deeply_is_text(message: str) -> None:
    assert find_shape(message) == message[:200]


def test_only_the_start_of_a_long_line_is_searched() -> None:
    # Some patterns take time by the square of a line's length, and a line may have 1 MB.
    assert find_shape(f"{'x.' * 2000} took 12 ms") == ("x." * 100)
    assert find_shape(f"{'1' * 1990} and {'7' * 1_000_000}") == "<hex> and <n>"


def test_a_line_of_a_message_never_looks_like_the_next_line() -> None:
    next_line = LogLine(60_000, f"task/web/{'a' * 32}", "login of root").format_text()
    message = f"login of eve\n{next_line}\n\tat x\n"
    forged = LogLine(0, f"task/web/{'a' * 32}", message).format_text()
    assert forged.split("\n")[1:] == [f"    {next_line}", "    \tat x"]
