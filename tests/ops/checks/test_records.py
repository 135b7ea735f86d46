"""Results of checklists that are kept: what is new, gone, since when, and what cannot be read."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from ops.checks.history import ChecklistTrend, compare_with_history
from ops.checks.model import ChecklistResult
from ops.checks.record_keys import build_record_key, parse_record_time
from ops.checks.records import CheckHistory, CheckRecord, RecordedItem
from ops.core.checks import CheckFinding, HealthState
from ops.core.times import format_utc
from ops.findings.model import ResourceFinding
from tests.ops.call_recorder import record_calls
from tests.ops.db_stage import fail_operations
from tests.ops.every_command import open_command_line
from tests.ops.procedures.maintenance import put_maintainable_stack
from tests.ops.stage import Stage, build_stack_outputs

NOW = datetime(2026, 11, 30, 6, 7, tzinfo=UTC)


def build_record(days_ago: float, **items: RecordedItem) -> CheckRecord:
    return CheckRecord(
        checklist="weekly", stack="test", time=NOW - timedelta(days=days_ago), items=items
    )


def build_item(state: HealthState, *open_keys: str, unknown: int = 0) -> RecordedItem:
    return RecordedItem(state=state, ok=1, unknown=unknown, open=open_keys)


def build_result(state: HealthState, *ids: str, unknown: int = 0) -> ChecklistResult:
    findings = (
        *(ResourceFinding("failing", "audit", key, "is so", id=key) for key in ids),
        *(CheckFinding("unknown", "audit", "groups", "was denied") for _ in range(unknown)),
    )
    return ChecklistResult("groups", "groups", "closed", state, "is so", "", "", findings)


def compare(
    result: ChecklistResult, *records: CheckRecord, has_older: bool = False
) -> ChecklistTrend:
    return compare_with_history([result], CheckHistory(records, has_older=has_older), NOW)


def test_what_is_new_and_gone_is_told_by_finding() -> None:
    trend = compare(
        build_result("failing", "a", "c"), build_record(7, groups=build_item("failing", "a", "b"))
    )
    assert (trend.new_keys, trend.gone_keys, trend.not_compared) == (("c",), ("b",), ())


def test_what_is_unknown_is_neither_new_nor_gone() -> None:
    now_unknown = compare(
        build_result("failing", "a", unknown=1), build_record(7, groups=build_item("failing", "b"))
    )
    assert (now_unknown.new_keys, now_unknown.gone_keys) == (("a",), ())
    assert now_unknown.not_compared == ("groups",)
    then_unknown = compare(
        build_result("failing", "a"), build_record(7, groups=build_item("unknown", unknown=1))
    )
    assert (then_unknown.new_keys, then_unknown.gone_keys) == ((), ())
    assert then_unknown.not_compared == ("groups",)


def test_since_is_the_first_run_of_those_in_a_row_that_found_it_failing() -> None:
    failing, ok = build_item("failing", "a"), build_item("ok")
    unknown = build_item("unknown", unknown=1)

    def find_since(*items: RecordedItem | None, has_older: bool = False) -> tuple[Any, bool]:
        count = len(items)
        records = [
            build_record(7 * (count - n), **({"groups": item} if item is not None else {}))
            for n, item in enumerate(items)
        ]
        item_trend = compare(build_result("failing", "a"), *records, has_older=has_older).items[
            "groups"
        ]
        since = item_trend.since
        return (None if since is None else (NOW - since).days), item_trend.is_longer

    assert find_since() == (0, False)
    assert find_since(ok) == (0, False)
    assert find_since(failing, ok, failing, failing) == (14, False)
    assert find_since(ok, failing, unknown) == (14, False)
    assert find_since(None, failing) == (7, False)
    assert find_since(failing, failing, has_older=True) == (14, True)
    assert find_since(ok, failing, has_older=True) == (7, False)
    assert (
        compare(build_result("ok"), build_record(7, groups=failing)).items["groups"].since is None
    )


def test_an_item_that_the_last_run_did_not_have_is_new_with_all_that_fails() -> None:
    trend = compare(build_result("failing", "a"), build_record(7))
    assert (trend.new_keys, trend.gone_keys) == (("a",), ())
    first = compare(build_result("failing", "a"))
    assert (first.new_keys, first.last) == ((), None)


def test_the_name_of_a_record_is_its_time_and_no_other_name_is_one() -> None:
    key = build_record_key("weekly", NOW)
    assert key == "checks/weekly/20261130T060700000000Z.json"
    assert parse_record_time(key) == NOW
    for other in ("checks/weekly/notes.json", f"{key}.bak", "checks/weekly/20261330T060700000000Z"):
        assert parse_record_time(other) is None


class Console:
    """A command line on a stage with a bucket."""

    def __init__(self, stage: Stage, run_line: Any, capture: pytest.CaptureFixture[str]) -> None:
        self.stage, self.run_line, self.capture = stage, run_line, capture
        self.bucket = stage.outputs.backups.operations_bucket

    def run(self, line: str, code: int = 3) -> tuple[str, str]:
        self.capture.readouterr()
        assert self.run_line(line) == code, self.capture.readouterr().err
        captured = self.capture.readouterr()
        return captured.out, captured.err

    def run_for_json(self, line: str, code: int = 3) -> Any:
        return json.loads(self.run(f"{line} --output json", code)[0])

    def list_keys(self) -> list[str]:
        answer = self.stage.client("s3").list_objects_v2(Bucket=self.bucket, Prefix="checks/")
        return [item["Key"] for item in answer.get("Contents", ())]

    def put(self, key: str, text: str) -> None:
        self.stage.client("s3").put_object(Bucket=self.bucket, Key=key, Body=text.encode())


@contextmanager
def open_console(capture: pytest.CaptureFixture[str]) -> Iterator[Console]:
    def put_stack(stage: Stage) -> None:
        put_maintainable_stack(stage)
        stage.outputs = stage.outputs.model_copy(update={"fleet": None, "load_balancer": None})

    with open_command_line(put_stack) as (stage, run_line):
        yield Console(stage, run_line, capture)


@pytest.fixture
def ops(capsys: pytest.CaptureFixture[str]) -> Iterator[Console]:
    with open_console(capsys) as console:
        yield console


LINE = "check weekly --only maintenance,certificates"


def test_nothing_is_kept_unless_it_is_asked_for(ops: Console) -> None:
    with record_calls() as calls:
        report = ops.run_for_json("check weekly")
    assert {call.api for call in calls if call.api.startswith("s3.put")} == set()
    assert (report["record"], report["changed"], report["earlier"]) == (None, False, [])
    assert ops.list_keys() == []


def test_a_recorded_run_is_what_the_next_one_is_compared_with(ops: Console) -> None:
    first, _ = ops.run("check weekly --record")
    (key,) = ops.list_keys()
    assert f"recorded as s3://{ops.bucket}/{key}" in first.splitlines()
    assert "no earlier result is known, so that nothing is known to be new or gone" in first
    ops.stage.clock.sleep(7 * 86400)
    report = ops.run_for_json("check weekly")
    (time,) = [run["time"] for run in report["earlier"]]
    recorded_at = parse_record_time(key)
    assert recorded_at is not None
    assert time == format_utc(recorded_at.timestamp())
    failing = [item for item in report["items"] if item["state"] == "failing"]
    assert failing
    lasting = [item for item in failing if item["earlierStates"] == ["failing"]]
    assert {item["since"] for item in lasting} == {time}
    second, _ = ops.run("check weekly")
    assert second.splitlines()[0].split()[:3] == ["state", "item", "since"]


def test_what_is_no_record_is_named_and_passed_by(ops: Console) -> None:
    ops.run("check weekly --record")
    (key,) = ops.list_keys()
    ops.put("checks/weekly/notes.txt", "a note")
    ops.put("checks/weekly/20261101T060700000000Z.json", "{}")
    good = json.loads(ops.stage.client("s3").get_object(Bucket=ops.bucket, Key=key)["Body"].read())
    ops.put("checks/weekly/20261102T060700000000Z.json", json.dumps({**good, "stack": "another"}))
    report = ops.run_for_json(LINE, 0)
    assert report["gaps"] == [
        f"s3://{ops.bucket}/checks/weekly/notes.txt is no record: passed by",
        f"s3://{ops.bucket}/checks/weekly/20261101T060700000000Z.json is passed by: missing or "
        "wrong: checklist, stack, time, items",
        f"s3://{ops.bucket}/checks/weekly/20261102T060700000000Z.json is passed by: it is of "
        "weekly of another",
    ]
    assert len(report["earlier"]) == 1


def test_earlier_results_that_may_not_be_read_are_said_and_the_result_is_shown(
    ops: Console,
) -> None:
    with fail_operations("AccessDenied", "list_objects_v2"):
        out, _ = ops.run(LINE, 0)
    assert "earlier results: s3.list_objects_v2 was denied" in out
    assert "certificates" in out


def test_a_result_that_may_not_be_kept_is_an_error_after_it_was_looked_at(ops: Console) -> None:
    with fail_operations("AccessDenied", "put_object"):
        _, err = ops.run("check weekly --record", 1)
    assert "s3.put_object" in err
    assert ops.list_keys() == []


def test_nothing_is_kept_with_the_credentials_of_another_account(ops: Console) -> None:
    with patch.object(type(ops.stage.aws), "call", wrap_identity(type(ops.stage.aws).call)):
        _, err = ops.run("check weekly --record", 1)
    assert "not recorded: the credentials are not the stack's account for sure" in err
    assert ops.list_keys() == []


def wrap_identity(call: Any) -> Any:
    """A call that finds the credentials to be of another account."""

    def answer(self: Any, api: str, *args: Any, **options: Any) -> Any:
        if api == "sts.get_caller_identity":
            return {"Account": "999999999999", "Arn": "arn:aws:iam::999999999999:user/a"}
        return call(self, api, *args, **options)

    return answer


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("check weekly --only storage", "nearest: storage-trend"),
        ("check daily --only drill", "--only is 'drill', must be keys of items of this list"),
        ("check weekly --only certificates --record", "must be without --only"),
        ("check weekly --to /no/such/folder/x.html", "--to must be a file in an existing folder"),
    ],
)
def test_wrong_options_are_refused_before_any_call(ops: Console, line: str, text: str) -> None:
    with record_calls() as calls:
        _, err = ops.run(line, 2)
    assert text in err
    assert calls == []


def test_items_are_selected_by_key_and_the_account_is_always_checked(ops: Console) -> None:
    report = ops.run_for_json("check weekly --only maintenance", 0)
    assert {item["key"] for item in report["items"]} == {
        "account",
        "maintenance",
    }


def test_the_page_has_each_item_its_findings_and_the_earlier_runs(
    ops: Console, tmp_path: Path
) -> None:
    page = tmp_path / "weekly.html"
    ops.run("check weekly --record")
    ops.stage.clock.sleep(7 * 86400)
    _, err = ops.run(f"check weekly --html {page}")
    assert f"wrote {page}" in err
    text = page.read_text(encoding="utf-8")
    assert "<h1>Weekly checklist of bulwark test</h1>" in text
    report = ops.run_for_json("check weekly")
    for item in report["items"]:
        assert f"<b>{item['item']}</b>" in text
    assert "Earlier runs" in text
    assert "nothing was changed" in text
    assert "by a person" in text


def test_a_page_escapes_what_a_resource_is_called(tmp_path: Path) -> None:
    from ops.checks.page import render_checklist_page
    from ops.checks.report import ChecklistReport

    result = build_result("failing", "<script>alert(1)</script>")
    report = ChecklistReport("weekly", build_stack_outputs(), NOW, (result,), compare(result))
    text = render_checklist_page(report)
    assert "<script>" not in text
    assert "&lt;script&gt;alert(1)" in text
