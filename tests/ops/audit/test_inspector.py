"""Inspector: off, and its open findings by severity and kind; closed ones are not open."""

from typing import Any

import pytest

from sandbox.account_guards import watch_region
from sandbox.faults import DeniedFault, inject_faults
from sandbox.patches.inspector import get_inspector_findings
from tests.ops.audit.looks import mend, read_items, read_open
from tests.ops.every_command import open_command_line
from tests.ops.stage import ACCOUNT, REGION, Stage

KEY = "inspector-findings"


def put_scans(stage: Stage) -> None:
    for region in (REGION, stage.outputs.stack.recovery_region):
        if region is not None:
            watch_region(region)


def put_finding(number: int = 1, resource_type: str = "AWS_EC2_INSTANCE", **fields: Any) -> None:
    get_inspector_findings(ACCOUNT, REGION).append(
        {
            "findingArn": f"arn:aws:inspector2:{REGION}:{ACCOUNT}:finding/{number:032}",
            "awsAccountId": ACCOUNT,
            "type": "PACKAGE_VULNERABILITY",
            "title": "CVE-2026-1 - openssl",
            "description": "x",
            "remediation": {"recommendation": {"text": "None Provided"}},
            "severity": "HIGH",
            "status": "ACTIVE",
            "firstObservedAt": 1795000000,
            "lastObservedAt": 1795000000,
            "resources": [{"type": resource_type, "id": f"i-{number}"}],
            **fields,
        }
    )


def test_off_is_found_and_turned_on_by_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(lambda _: None) as (stage, run_line):
        found = read_open(run_line, capsys, KEY)
        assert f"{KEY}/{REGION}/off" in found
        for finding in found.values():
            assert (finding["severity"], "1.26 $" in finding["evidence"]) == ("low", True)
            mend(stage, finding)
        assert read_open(run_line, capsys, KEY) == {}


@pytest.mark.parametrize(
    ("resource_type", "kind", "command"),
    [
        ("AWS_EC2_INSTANCE", "PACKAGE_VULNERABILITY", "ops patch status"),
        ("AWS_ECR_CONTAINER_IMAGE", "PACKAGE_VULNERABILITY", "ops image findings"),
        ("AWS_EC2_INSTANCE", "NETWORK_REACHABILITY", "ops audit --only open-security-groups"),
    ],
)
def test_findings_are_open_until_inspector_closes_them(
    resource_type: str, kind: str, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_command_line(put_scans) as (_, run_line):
        for number in range(120):
            put_finding(number, resource_type, type=kind)
        (found,) = read_open(run_line, capsys, KEY).values()
        assert found["evidence"].startswith("120 findings: ")
        assert (found["severity"], found["command"]) == ("high", command)
        assert found["since"]
        for item in get_inspector_findings(ACCOUNT, REGION):
            item["status"] = "CLOSED"
        assert read_open(run_line, capsys, KEY) == {}


@pytest.mark.parametrize(
    "fields",
    [{"status": "SUPPRESSED"}, {"severity": "INFORMATIONAL"}, {"awsAccountId": "210987654321"}],
)
def test_what_is_suppressed_or_anothers_is_not_open(
    fields: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    with open_command_line(put_scans) as (_, run_line):
        put_finding(**fields)
        assert read_open(run_line, capsys, KEY) == {}


@pytest.mark.parametrize("api", ["batch_get_account_status", "list_findings"])
def test_what_may_not_be_read_is_unknown(api: str, capsys: pytest.CaptureFixture[str]) -> None:
    call = f"inspector2.{api}"
    with open_command_line(put_scans) as (_, run_line), inject_faults(DeniedFault((call,))):
        items = read_items(run_line, capsys, f"audit --only {KEY}")
        assert {item["state"] for item in items} == {"unknown"}
        assert all(f"{call} was denied" in item["evidence"] for item in items)
