"""What ACM says of the listener's certificates, and what blocks a renewal."""

from datetime import timedelta
from typing import Any

import pytest

from sandbox.patches.acm import set_validity
from tests.ops.certificate.command_line import (
    list_open,
    open_tls_command_line,
    read_check,
    read_refusal,
    run_json,
)
from tests.ops.certificate_stage import (
    OTHER_HOST,
    SITE_HOST,
    get_bundle,
    put_certified_stack,
    put_https_balancer,
    put_record,
    request_certificate,
)
from tests.ops.every_command import open_command_line
from tests.ops.prod.deployed import count_calls
from tests.ops.stage import Stage

ISSUED: dict[str, Any] = {"Status": "ISSUED", "RenewalEligibility": "ELIGIBLE"}
FAILED_RENEWAL = {"RenewalStatus": "FAILED", "RenewalStatusReason": "OTHER"}
BY_EMAIL = {"DomainName": SITE_HOST, "ValidationMethod": "EMAIL"}


def get_default_arn(stage: Stage) -> str:
    part = stage.outputs.load_balancer
    assert part is not None
    return str(part.certificate_arn)


def delete_validation_record(stage: Stage) -> str:
    """Somebody deletes the record that ACM needs; its name."""
    part = stage.outputs.load_balancer
    assert part is not None
    route53 = stage.client("route53")
    records = route53.list_resource_record_sets(HostedZoneId=str(part.zone_id))
    (record,) = (r for r in records["ResourceRecordSets"] if r["Type"] == "CNAME")
    change = {"Action": "DELETE", "ResourceRecordSet": record}
    route53.change_resource_record_sets(
        HostedZoneId=str(part.zone_id), ChangeBatch={"Changes": [change]}
    )
    return str(record["Name"])


def test_a_missing_record_is_created_by_the_command_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_tls_command_line(put_https_balancer) as (stage, run_line):
        name = delete_validation_record(stage)
        (finding,) = list_open(read_check(run_line, capsys))
        assert finding["severity"] == "medium"
        assert finding["evidence"].startswith(f"cannot be renewed: {name}")
        assert finding["evidence"].endswith("is missing, DNS has nothing there")
        run_json(run_line, capsys, finding["command"].removeprefix("ops ") + " --yes")
        assert list_open(read_check(run_line, capsys)) == []


def test_a_renewal_that_waits_for_its_record_is_urgent_and_goes_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_tls_command_line(put_certified_stack) as (stage, run_line):
        delete_validation_record(stage)
        stage.clock.sleep(355 * 86400)
        (finding,) = list_open(read_check(run_line, capsys))
        assert finding["severity"] == "high"
        assert "its renewal is pending validation" in finding["evidence"]
        assert "cannot be renewed: _" in finding["evidence"]
        run_json(run_line, capsys, finding["command"].removeprefix("ops ") + " --yes")
        assert list_open(read_check(run_line, capsys)) == []
        row = run_json(run_line, capsys, "certificate show")["items"][0]
        assert row["renewal"] == "ACM renewed it, and will again 60 days before its end"
        assert row["days"] > 390


def test_a_record_with_another_value_is_told_and_not_overwritten(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_tls_command_line(put_https_balancer) as (stage, run_line):
        name = delete_validation_record(stage)
        part = stage.outputs.load_balancer
        assert part is not None
        values = [{"Value": "other.example.org"}]
        record = {"Name": name, "Type": "CNAME", "TTL": 60, "ResourceRecords": values}
        put_record(stage, str(part.zone_id), record)
        (finding,) = list_open(read_check(run_line, capsys))
        assert finding["evidence"].endswith("is missing, DNS has other.example.org there")
        assert run_line(finding["command"].removeprefix("ops ") + " --yes") == 1
        assert "it is not overwritten" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("record", "is_found"),
    [
        ('0 issue "letsencrypt.org"', True),
        ('0 issue "amazon.com"', False),
        ('0 issuewild "letsencrypt.org"', False),
        ('0 iodef "mailto:a@example.com"', False),
    ],
)
def test_caa_that_forbids_amazon_is_found(
    record: str, is_found: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_tls_command_line(put_https_balancer) as (stage, run_line):
        part = stage.outputs.load_balancer
        assert part is not None
        values = {"Name": "example.com", "Type": "CAA", "TTL": 60}
        put_record(stage, str(part.zone_id), {**values, "ResourceRecords": [{"Value": record}]})
        found = list_open(read_check(run_line, capsys))
        assert [item["evidence"] for item in found] == (
            [f"example.com CAA {record} forbids Amazon to issue for {SITE_HOST}"]
            if is_found
            else []
        )


@pytest.mark.parametrize(
    ("fields", "severity", "text", "command"),
    [
        ({"Status": "EXPIRED"}, "critical", "is expired", "ops certificate request"),
        ({"Status": "REVOKED"}, "critical", "is revoked", "ops certificate request"),
        (
            {"Status": "FAILED", "FailureReason": "CAA_ERROR"},
            "critical",
            "is failed, ended at {end} (CAA_ERROR)",
            "ops certificate request",
        ),
        ({"Status": "VALIDATION_TIMED_OUT"}, "critical", "is validation timed out", "ops certif"),
        ({"Status": "INACTIVE"}, "critical", "is inactive", "ops certificate request"),
        (
            {"Status": "PENDING_VALIDATION"},
            "high",
            "is not issued yet: its names are not validated",
            "ops certificate validate",
        ),
        (
            {**ISSUED, "RenewalSummary": FAILED_RENEWAL},
            "high",
            "its renewal is failed (OTHER)",
            "ops certificate validate",
        ),
        (
            {**ISSUED, "KeyAlgorithm": "RSA-1024"},
            "medium",
            "its key is RSA 1024 (ACM.2)",
            "ops certificate request",
        ),
        (
            {**ISSUED, "DomainValidationOptions": [BY_EMAIL]},
            "medium",
            "is validated by e-mail",
            "ops certificate request",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_state_of_acm_is_judged(
    fields: dict[str, Any],
    severity: str,
    text: str,
    command: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with open_tls_command_line(put_https_balancer) as (stage, run_line):
        bundle = get_bundle(get_default_arn(stage))
        described = bundle.describe()["Certificate"]
        monkeypatch.setattr(bundle, "describe", lambda: {"Certificate": {**described, **fields}})
        (finding,) = list_open(read_check(run_line, capsys))
        assert finding["severity"] == severity
        _, end = vars(bundle)["sandbox_validity"]
        assert text.format(end=f"{end:%Y-%m-%d}") in finding["evidence"]
        assert finding["command"].startswith(command)
        assert finding["reason"] == "Security Hub ACM.1"


@pytest.mark.parametrize(("days", "severity"), [(29, "high"), (6, "critical"), (31, None)], ids=str)
def test_an_imported_certificate_is_found_before_it_ends(
    days: int,
    severity: str | None,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with open_tls_command_line(put_https_balancer) as (stage, run_line):
        bundle = get_bundle(get_default_arn(stage))
        now = stage.clock.held_clock.now()
        set_validity(bundle, now - timedelta(days=1), now + timedelta(days=days))
        described = bundle.describe()["Certificate"] | {"Type": "IMPORTED"}
        monkeypatch.setattr(bundle, "describe", lambda: {"Certificate": described})
        monkeypatch.setattr(bundle, "check", lambda: None)  # ACM does not renew it
        found = [
            item
            for item in list_open(read_check(run_line, capsys))
            if item["id"].startswith("certificate-renewal/")
        ]
        assert [item["severity"] for item in found] == ([severity] if severity else [])
        if severity:
            assert "it was imported, and ACM renews none that was" in found[0]["evidence"]
            assert found[0]["command"].startswith("aws acm import-certificate --certificate-arn ")


def test_a_certificate_that_is_gone_from_acm_is_found(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def find_error(operation: str) -> str | None:
        return "ResourceNotFoundException" if operation == "DescribeCertificate" else None

    with open_tls_command_line(put_https_balancer) as (_, run_line), count_calls(find_error):
        (finding,) = list_open(read_check(run_line, capsys))
        assert (finding["severity"], finding["evidence"]) == ("critical", "is gone from ACM")


@pytest.mark.parametrize(
    ("operation", "api"),
    [
        ("DescribeListenerCertificates", "elbv2.describe_listener_certificates"),
        ("DescribeListeners", "elbv2.describe_listeners"),
        ("DescribeCertificate", "acm.describe_certificate"),
        ("GetCertificate", "acm.get_certificate"),
    ],
)
def test_a_denied_call_is_unknown_and_named(
    operation: str, api: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def deny(name: str) -> str | None:
        return "AccessDenied" if name == operation else None

    with open_tls_command_line(put_https_balancer) as (_, run_line), count_calls(deny):
        gaps = list_open(read_check(run_line, capsys))
        assert gaps
        assert {gap["state"] for gap in gaps} == {"unknown"}
        for gap in gaps:
            assert gap["evidence"].startswith(f"{api} was denied: ")
            assert gap["command"] == "ops permissions"


def test_show_says_what_it_could_not_read(capsys: pytest.CaptureFixture[str]) -> None:
    def deny(name: str) -> str | None:
        return "AccessDenied" if name == "ListCertificates" else None

    with open_command_line(put_certified_stack) as (_, run_line), count_calls(deny):
        message = read_refusal(run_line, capsys, "certificate show", code=3)
    assert message.startswith("ops: certificates of ACM: acm.list_certificates was denied: ")
    assert message.endswith("ops permissions")


def put_stack_with_request(stage: Stage) -> None:
    put_certified_stack(stage)
    request_certificate(stage, OTHER_HOST)


def test_show_has_a_row_for_what_nothing_uses(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_stack_with_request) as (_, run_line):
        rows = run_json(run_line, capsys, "certificate show")["items"]
    (row,) = (row for row in rows if row["names"] == OTHER_HOST)
    assert (row["attached"], row["status"]) == ("not attached", "pending validation")
    assert "cannot be issued: _" in row["problem"]
