"""`ops audit --waive`: a finding that is open now is lived with for a while, by a record."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from ops.audit.waiver_plan import parse_waiver_end
from ops.core.errors import UsageError
from tests.ops.audit.looks import read_items, read_open
from tests.ops.audit_stage import find_open_group_finding, put_open_group
from tests.ops.every_command import open_command_line
from tests.ops.stage import Stage

KEY = "open-security-groups"
WAIVE = "audit --waive {} --until 30d --reason 'a ${{AT}} \"bastion\"' --yes"


def format_day(stage: Stage, days: int) -> str:
    """The day after so many days from the stage's time."""
    time = datetime.fromtimestamp(stage.clock.now(), UTC) + timedelta(days=days + 1)
    return f"{time:%Y-%m-%d}"


def list_records(stage: Stage) -> list[dict[str, object]]:
    s3, bucket = stage.client("s3"), stage.outputs.backups.operations_bucket
    keys = [i["Key"] for i in s3.list_objects_v2(Bucket=bucket, Prefix="waivers/")["Contents"]]
    return [json.load(s3.get_object(Bucket=bucket, Key=key)["Body"]) for key in sorted(keys)]


def test_a_waived_finding_is_ok_until_it_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_open_group) as (stage, run_line):
        finding = find_open_group_finding(stage)
        assert run_line(WAIVE.format(finding)) == 0
        (item,) = read_items(run_line, capsys, f"audit --only {KEY}")
        assert (item["state"], item["id"]) == ("ok", finding)
        assert 'a ${AT} "bastion"' in item["waiver"]
        assert f"waived until {format_day(stage, 30)}" in item["waiver"]
        # Again replaces it; `now` ends it.
        stage.clock.sleep(60)
        assert run_line(WAIVE.format(finding).replace("30d", "5d")) == 0
        (item,) = read_items(run_line, capsys, f"audit --only {KEY}")
        assert f"until {format_day(stage, 5)}" in item["waiver"]
        stage.clock.sleep(60)
        assert run_line(f"audit --waive {finding} --until now --reason over --yes") == 0
        assert list(read_open(run_line, capsys, KEY)) == [finding]
        records = list_records(stage)
        assert len(records) == 3
        assert records[-1]["until"] == records[-1]["time"]


def test_a_waiver_ends_by_itself_and_by_unwaive(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_open_group) as (stage, run_line):
        finding = find_open_group_finding(stage)
        assert run_line(WAIVE.format(finding)) == 0
        stage.clock.sleep(60)
        assert run_line(f"audit --unwaive {finding} --yes") == 0
        assert list(read_open(run_line, capsys, KEY)) == [finding]
        assert run_line(f"audit --unwaive {finding} --yes") == 2
        assert "is waived" in capsys.readouterr().err
        stage.clock.sleep(60)
        assert run_line(WAIVE.format(finding)) == 0
        assert read_open(run_line, capsys, KEY) == {}
        stage.clock.sleep(90 * 86400)
        assert list(read_open(run_line, capsys, KEY)) == [finding]


def test_a_dry_run_writes_nothing_and_its_hash_is_good_later(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_command_line(put_open_group) as (stage, run_line):
        finding = find_open_group_finding(stage)
        line = WAIVE.format(finding).removesuffix(" --yes")
        assert run_line(f"{line} --dry-run --output json") == 0
        digest = json.loads(capsys.readouterr().out)["hash"]
        assert list(read_open(run_line, capsys, KEY)) == [finding]
        stage.clock.sleep(3)
        assert run_line(f"{line} --yes --expect {digest}") == 0
        assert read_open(run_line, capsys, KEY) == {}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--waive open-security-groups/sg-2/x --until 30d --reason x", "nearest: open-sec"),
        ("--waive open-security-group/sg-2 --until 30d --reason x", "nearest: open-sec"),
        ("--waive nonsense --until 30d --reason x", "CHECK/RESOURCE"),
        ("--waive {} --reason x", "--until must be set"),
        ("--waive {} --until 30d", "--reason must be set"),
        ("--waive {} --until 2999-01-01 --reason x", "at most a year"),
        ("--waive {} --until 2020-01-01 --reason x", "after now"),
        ("--waive {} --until soon --reason x", "must be a date like"),
        ("--until 30d", "--waive or --unwaive must be set"),
        ("--waive {} --unwaive {}", "must not be both"),
        ("--waive {} --until 30d --reason x --only open-security-groups", "--only is set"),
        ("--unwaive {}", "never waived"),
        ("--only open-security-group", "nearest: open-security-groups"),
    ],
)
def test_bad_input_is_one_error(line: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_open_group) as (stage, run_line):
        finding = find_open_group_finding(stage)
        assert run_line(f"audit {line.replace('{}', finding)} --yes") == 2
        error = capsys.readouterr().err
    assert words in error
    assert error.count("\nops:") == 0


def test_the_end_is_in_utc_and_within_a_year() -> None:
    now = datetime(2026, 11, 30, tzinfo=UTC)
    assert parse_waiver_end("2027-11-30T00:00Z", now) == datetime(2027, 11, 30, tzinfo=UTC)
    assert parse_waiver_end("now", now) is None
    with pytest.raises(UsageError):
        parse_waiver_end("2027-12-03T00:00Z", now)
