"""Security Hub: off, and its open findings by control; suppressed and passed ones are not open."""

from typing import Any

import pytest

from sandbox.account_guards import watch_region
from sandbox.faults import DeniedFault, inject_faults
from tests.ops.audit.looks import mend, read_items, read_open
from tests.ops.every_command import open_command_line
from tests.ops.stage import ACCOUNT, REGION, Stage

KEY = "security-hub-findings"
PRODUCT = f"arn:aws:securityhub:{REGION}::product/aws/securityhub"


def put_hubs(stage: Stage) -> None:
    for region in (REGION, stage.outputs.stack.recovery_region):
        if region is not None:
            watch_region(region)


def put_finding(stage: Stage, number: int, **fields: Any) -> None:
    finding = {
        "SchemaVersion": "2018-10-08",
        "Id": f"arn:aws:securityhub:{REGION}:{ACCOUNT}:finding/{number:03}",
        "ProductArn": PRODUCT,
        "ProductName": "Security Hub",
        "GeneratorId": "security-control/RDS.6",
        "AwsAccountId": ACCOUNT,
        "CreatedAt": "2026-11-20T10:00:00Z",
        "UpdatedAt": "2026-11-21T10:00:00Z",
        "Severity": {"Label": "HIGH"},
        "Title": "Enhanced monitoring should be on",
        "Description": "x",
        "Compliance": {"Status": "FAILED", "SecurityControlId": "RDS.6"},
        "Resources": [{"Type": "AwsRdsDbInstance", "Id": f"arn:db:{number}"}],
        "RecordState": "ACTIVE",
        "Workflow": {"Status": "NEW"},
        **fields,
    }
    stage.client("securityhub").batch_import_findings(Findings=[finding])


def test_off_is_found_and_turned_on_by_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(lambda _: None) as (stage, run_line):
        found = read_open(run_line, capsys, KEY)
        assert f"{KEY}/{REGION}/off" in found
        for finding in found.values():
            assert (finding["severity"], "0.001 $" in finding["evidence"]) == ("low", True)
            mend(stage, finding)
        assert read_open(run_line, capsys, KEY) == {}


def test_failed_controls_are_lines_until_they_are_suppressed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_command_line(put_hubs) as (stage, run_line):
        for number in range(5):
            put_finding(stage, number)
        (found,) = read_open(run_line, capsys, KEY).values()
        assert (found["severity"], found["since"]) == ("high", "2026-11-20T10:00:00Z")
        assert found["evidence"].startswith("5 findings: RDS.6: Enhanced monitoring")
        assert "and 2 more" in found["evidence"]
        mend(stage, found)
        assert read_open(run_line, capsys, KEY) == {}


@pytest.mark.parametrize(
    "fields",
    [
        {"RecordState": "ARCHIVED"},
        {"Workflow": {"Status": "RESOLVED"}},
        {"Workflow": {"Status": "SUPPRESSED"}},
        {"Compliance": {"Status": "PASSED", "SecurityControlId": "RDS.6"}},
        {"Severity": {"Label": "INFORMATIONAL"}},
        {"ProductName": "GuardDuty"},
        {"AwsAccountId": "210987654321"},
    ],
)
def test_what_is_closed_or_another_detectors_is_not_open(
    fields: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    with open_command_line(put_hubs) as (stage, run_line):
        put_finding(stage, 1, **fields)
        assert read_open(run_line, capsys, KEY) == {}


@pytest.mark.parametrize("api", ["describe_hub", "get_findings"])
def test_what_may_not_be_read_is_unknown(api: str, capsys: pytest.CaptureFixture[str]) -> None:
    call = f"securityhub.{api}"
    with open_command_line(put_hubs) as (_, run_line), inject_faults(DeniedFault((call,))):
        items = read_items(run_line, capsys, f"audit --only {KEY}")
        assert {item["state"] for item in items} == {"unknown"}
        assert all(f"{call} was denied" in item["evidence"] for item in items)
