"""GuardDuty: off, disabled, and its open findings, grouped; archived ones are not open."""

from typing import Any

import pytest

from sandbox.account_guards import watch_region
from sandbox.faults import DeniedFault, inject_faults
from sandbox.patches.guardduty import get_guardduty_findings
from tests.ops.audit.looks import mend, read_items, read_open
from tests.ops.every_command import open_command_line
from tests.ops.stage import ACCOUNT, REGION, Stage

KEY = "guardduty-findings"


def put_detectors(stage: Stage) -> None:
    for region in (REGION, stage.outputs.stack.recovery_region):
        if region is not None:
            watch_region(region)


def put_finding(number: int, severity: float, kind: str, *, archived: bool = False) -> None:
    item: dict[str, Any] = {
        "AccountId": ACCOUNT,
        "Arn": f"arn:aws:guardduty:{REGION}:{ACCOUNT}:detector/d/finding/f{number}",
        "CreatedAt": "2026-11-20T10:00:00.000Z",
        "UpdatedAt": "2026-11-21T10:00:00.000Z",
        "Id": f"f{number:031}",
        "Region": REGION,
        "Resource": {
            "ResourceType": "Instance",
            "InstanceDetails": {"InstanceId": f"i-{number}"},
        },
        "SchemaVersion": "2.0",
        "Service": {"Archived": archived, "EventFirstSeen": f"2026-11-{19 - number % 9:02}T10:00Z"},
        "Severity": severity,
        "Title": "An instance talks to a miner.",
        "Type": kind,
    }
    get_guardduty_findings(ACCOUNT, REGION).append(item)


def test_off_is_found_in_each_region_and_turned_on_by_its_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_command_line(lambda _: None) as (stage, run_line):
        found = read_open(run_line, capsys, KEY)
        regions = {REGION, stage.outputs.stack.recovery_region} - {None}
        assert set(found) == {f"{KEY}/{region}/off" for region in regions}
        for finding in found.values():
            assert (finding["severity"], "4 $" in finding["evidence"]) == ("medium", True)
            mend(stage, finding)
        assert read_open(run_line, capsys, KEY) == {}


def test_a_detector_that_is_suspended_is_off(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_detectors) as (stage, run_line):
        guardduty = stage.client("guardduty")
        (detector,) = guardduty.list_detectors()["DetectorIds"]
        guardduty.update_detector(DetectorId=detector, Enable=False)
        put_finding(1, 8, "Trojan:EC2/DNSDataExfiltration")
        (found,) = read_open(run_line, capsys, KEY).values()
        assert found["id"] == f"{KEY}/{REGION}/off"
        mend(stage, found)
        (found,) = read_open(run_line, capsys, KEY).values()
        assert "Trojan" in found["evidence"]


@pytest.mark.parametrize(
    ("number", "severity"),
    [(9.0, "critical"), (8.9, "high"), (7.0, "high"), (4.0, "medium"), (3.9, "low")],
)
def test_a_finding_is_open_until_it_is_archived(
    number: float, severity: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_command_line(put_detectors) as (stage, run_line):
        put_finding(1, number, "CryptoCurrency:EC2/BitcoinTool.B")
        put_finding(2, 9.5, "Backdoor:EC2/C&CActivity.B", archived=True)
        (found,) = read_open(run_line, capsys, KEY).values()
        assert found["severity"] == severity
        assert found["since"] == "2026-11-18T10:00Z"
        for part in ("BitcoinTool", "i-1", "#/findings"):
            assert part in found["evidence"]
        mend(stage, found)
        assert read_open(run_line, capsys, KEY) == {}


def test_hundreds_of_findings_are_a_few_lines_the_worst_first(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_command_line(put_detectors) as (_, run_line):
        for number in range(240):
            put_finding(number, 5 if number % 24 else 8, f"Kind:EC2/Number{number % 24}")
        items = list(read_open(run_line, capsys, KEY).values())
        assert len(items) == 11
        assert (items[0]["severity"], "10 findings" in items[0]["evidence"]) == ("high", True)
        assert sum(int(item["evidence"].split()[0]) for item in items) == 240
        before = {item["id"] for item in items}
        put_finding(999, 8, "Kind:EC2/Number0")
        after = set(read_open(run_line, capsys, KEY))
        assert len(after - before) == 1  # what was waived is open again with one more


@pytest.mark.parametrize("api", ["list_detectors", "get_detector", "list_findings", "get_findings"])
def test_what_may_not_be_read_is_unknown(api: str, capsys: pytest.CaptureFixture[str]) -> None:
    call = f"guardduty.{api}"
    with open_command_line(put_detectors) as (_, run_line), inject_faults(DeniedFault((call,))):
        put_finding(1, 8, "Kind")
        items = read_items(run_line, capsys, f"audit --only {KEY}")
        assert {item["state"] for item in items} == {"unknown"}
        assert all(f"{call} was denied" in item["evidence"] for item in items)
