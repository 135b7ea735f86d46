"""`ops quotas` as a user types it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.ops import db_stage, quota_stage
from tests.ops.every_command import open_command_line
from tests.ops.prod.deployed import count_calls
from tests.ops.quota_stage import INSTANCES_CODE, set_stage_quota
from tests.ops.stage import RECOVERY_REGION, REGION, Stage


class QuotaConsole:
    """Lines that are typed on a stage with a database."""

    def __init__(self, stage: Stage, run_line: Any, capture: pytest.CaptureFixture[str]) -> None:
        self.stage, self._run_line, self._capture = stage, run_line, capture

    def __call__(self, line: str, expected_code: int = 0) -> tuple[str, str]:
        self._capture.readouterr()
        code = self._run_line(line)
        captured = self._capture.readouterr()
        assert code == expected_code, captured.err
        return captured.out, captured.err

    def find_row(self, code: str, region: str = REGION) -> dict[str, Any]:
        self._capture.readouterr()
        self._run_line("quotas --output json")
        rows = json.loads(self._capture.readouterr().out)["items"]
        (row,) = (row for row in rows if (row["code"], row["region"]) == (code, region))
        return dict(row)


@pytest.fixture
def ops(capsys: pytest.CaptureFixture[str]) -> Iterator[QuotaConsole]:
    with open_command_line(db_stage.put_database) as (stage, run_line):
        yield QuotaConsole(stage, run_line, capsys)


def test_a_quota_that_would_not_fit_is_found_asked_for_granted_and_gone(
    ops: QuotaConsole,
) -> None:
    assert ops.find_row(INSTANCES_CODE)["state"] == "ok"
    set_stage_quota("rds", INSTANCES_CODE, 1)
    row = ops.find_row(INSTANCES_CODE)
    assert (row["state"], row["used"], row["limit"], row["left"], row["most"]) == (
        "open",
        1,
        1,
        0,
        2,
    )
    assert row["command"] == f"ops quotas request {INSTANCES_CODE} --value 3"
    out, _ = ops(f"{row['command'].removeprefix('ops ')} --yes")
    assert "PENDING" in out
    assert "3 asked for on" in ops.find_row(INSTANCES_CODE)["evidence"]
    out, _ = ops("quotas requests")
    assert out.splitlines()[1].split()[-1] == "PENDING"
    ops.stage.clock.sleep(3600)
    assert ops.find_row(INSTANCES_CODE)["state"] == "ok"
    assert "APPROVED" in ops("quotas requests")[0]
    # RDS has it too, so that a restore goes ahead.
    (limit,) = (
        quota["Max"]
        for quota in ops.stage.client("rds").describe_account_attributes()["AccountQuotas"]
        if quota["AccountQuotaName"] == "DBInstances"
    )
    assert limit == 3


def test_a_waived_quota_is_ok(ops: QuotaConsole) -> None:
    set_stage_quota("rds", INSTANCES_CODE, 1)
    quota_stage.put_waiver(ops.stage, quota_stage.INSTANCES_FINDING)
    row = ops.find_row(INSTANCES_CODE)
    assert row["state"] == "ok"
    assert "by ann: asked for" in row["evidence"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("nonsense --value 3", "CODE must be a code of `ops quotas`, like L-7B6409FD"),
        ("L-7B6409FC --value 3", "not 'L-7B6409FC'; nearest: L-7B6409FD"),
        ("L-FE177D64 --value 2000", "a quota of the whole account"),
        ("L-7B6409FD --value 0", "--value must be more than 0"),
        ("L-7B6409FD --value 40", "--value must be more than 40, which applies now, not 40"),
        ("L-7B6409FD --value 50 --in us-west-2", f"--in must be {REGION} or {RECOVERY_REGION}"),
        ("L-2F66C23C --value 600000", "which AWS does not raise"),
    ],
)
def test_bad_input_is_one_clear_error(ops: QuotaConsole, line: str, message: str) -> None:
    _, err = ops(f"quotas request {line} --yes", 2)
    assert message in err
    for region in (REGION, RECOVERY_REGION):
        client = ops.stage.client("service-quotas", region)
        assert not client.list_requested_service_quota_change_history()["RequestedQuotas"]


def test_a_request_that_is_pending_is_not_made_twice(ops: QuotaConsole) -> None:
    line = f"quotas request {INSTANCES_CODE} --value 60 --yes"
    ops(line)
    _, err = ops(line.replace("60", "70"), 2)
    assert "60 was asked for on" in err
    assert "(PENDING): one request at a time" in err
    ops(f"{line} --in {RECOVERY_REGION}")  # each region has its own
    rows = ops("quotas requests")[0].splitlines()[1:]
    assert {row.split()[1] for row in rows} == {REGION, RECOVERY_REGION}


def test_a_large_amount_is_asked_for_in_full(ops: QuotaConsole) -> None:
    out, _ = ops(f"quotas request {INSTANCES_CODE} --value 1234567 --yes")
    assert "ask AWS for 1234567 of" in out
    (asked,) = ops.stage.client(
        "service-quotas", REGION
    ).list_requested_service_quota_change_history()["RequestedQuotas"]
    assert asked["DesiredValue"] == 1234567


def test_a_dry_run_asks_nothing_and_says_that_nothing_takes_it_back(ops: QuotaConsole) -> None:
    out, _ = ops(f"quotas request {INSTANCES_CODE} --value 60 --dry-run")
    assert "cannot be taken back" in out
    assert "40 applies now" in out
    assert ops("quotas requests")[0].strip() == "no requests for more of a quota"


def test_denied_limits_are_unknown_and_name_the_permission(ops: QuotaConsole) -> None:
    with count_calls(lambda name: "AccessDenied" if name == "GetServiceQuota" else None):
        row = ops.find_row(INSTANCES_CODE)
        _, err = ops("quotas", 3)
    assert row["state"] == "unknown"
    assert "service-quotas.get_service_quota was denied" in row["evidence"]
    assert "0 open" in err
