"""Certificates requested, validated and attached, as they are typed, with real handshakes."""

import json
from typing import Any
from unittest.mock import patch

import pytest

from ops.core.run import WallClock
from tests.ops.certificate.command_line import (
    RunLine,
    open_tls_command_line,
    read_refusal,
    run_json,
)
from tests.ops.certificate_stage import (
    OTHER_HOST,
    SITE_HOST,
    collect_certificates,
    collect_listener_certificates,
    put_https_balancer,
    put_issued_certificate,
    put_record,
    put_requested_certificate,
    put_second_certificate,
    put_validation_records,
    request_certificate,
    set_balancer_part,
)
from tests.ops.prod.deployed import count_calls
from tests.ops.stage import Stage
from tests.ops.tls_stage import shake_hands_in_process


def get_fingerprint(stage: Stage, server_name: str | None) -> str:
    """What a client is shown now."""
    part = stage.outputs.load_balancer
    assert part is not None
    return shake_hands_in_process(part.dns_name, 443, server_name).fingerprint


def find_zone(stage: Stage) -> str:
    """The only zone, whether the outputs know it or not."""
    (zone,) = stage.client("route53").list_hosted_zones()["HostedZones"]
    return str(zone["Id"]).rpartition("/")[2]


def find_pending_arn(stage: Stage) -> str:
    (item,) = stage.client("acm").list_certificates(CertificateStatuses=["PENDING_VALIDATION"])[
        "CertificateSummaryList"
    ]
    return str(item["CertificateArn"])


def list_cnames(stage: Stage, zone: str) -> list[str]:
    records = stage.client("route53").list_resource_record_sets(HostedZoneId=zone)
    return [r["Name"] for r in records["ResourceRecordSets"] if r["Type"] == "CNAME"]


def put_balancer_without_zone(stage: Stage) -> None:
    """The domain's zone is not the stack's: its records are set by hand."""
    put_https_balancer(stage)
    set_balancer_part(stage, zone_id=None)


def test_a_request_shows_its_records_and_is_undone(capsys: pytest.CaptureFixture[str]) -> None:
    with open_tls_command_line(put_https_balancer) as (stage, run_line):
        zone = find_zone(stage)
        assert run_line(f"certificate request {OTHER_HOST} '*.example.com' --yes") == 0
        out = capsys.readouterr().out
        assert f"(belongs into {zone})" in out
        assert "'name'" not in out  # no record as Python writes it
        assert "*.example.com does not stand for example.com itself" in out
        assert collect_certificates(stage) == [
            (SITE_HOST, "ISSUED"),
            (OTHER_HOST, "PENDING_VALIDATION"),
        ]
        run = out.rpartition("run: ")[2].strip()
        assert run_line(f"runs undo {run} --yes") == 0
        assert collect_certificates(stage) == [(SITE_HOST, "ISSUED")]


def test_a_request_names_the_records_as_data(capsys: pytest.CaptureFixture[str]) -> None:
    with open_tls_command_line(put_balancer_without_zone) as (stage, run_line):
        result = run_json(run_line, capsys, f"certificate request {OTHER_HOST} --yes")
        (record,) = result["records"]
        described = stage.client("acm").describe_certificate(CertificateArn=result["certificate"])
        (option,) = described["Certificate"]["DomainValidationOptions"]
        assert (record["type"], record["name"], record["value"]) == (
            "CNAME",
            option["ResourceRecord"]["Name"],
            option["ResourceRecord"]["Value"],
        )


def test_a_name_that_caa_forbids_is_not_requested(capsys: pytest.CaptureFixture[str]) -> None:
    with open_tls_command_line(put_https_balancer) as (stage, run_line):
        values = [{"Value": '0 issue "letsencrypt.org"'}]
        record = {"Name": "example.com", "Type": "CAA", "TTL": 60, "ResourceRecords": values}
        put_record(stage, find_zone(stage), record)
        with count_calls() as counts:
            message = read_refusal(
                run_line, capsys, f"certificate request {OTHER_HOST} --yes", code=1
            )
        assert 'add CAA 0 issue "amazon.com" to example.com first' in message
        assert counts["RequestCertificate"] == 0


def test_records_in_the_stacks_zone_are_created_and_undone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_tls_command_line(put_requested_certificate) as (stage, run_line):
        zone = find_zone(stage)
        before = list_cnames(stage, zone)
        result = run_json(run_line, capsys, f"certificate validate {OTHER_HOST} --yes")
        assert result["status"] == "ISSUED"
        assert result["next"] == f"ops certificate attach {result['certificate']}"
        assert len(list_cnames(stage, zone)) == len(before) + 1
        assert run_line(f"runs undo {result['run']} --yes") == 0
        assert list_cnames(stage, zone) == before


def test_a_record_set_by_hand_is_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    def set_up(stage: Stage) -> None:
        put_requested_certificate(stage)
        set_balancer_part(stage, zone_id=None)

    with open_tls_command_line(set_up) as (stage, run_line):
        is_set: list[bool] = []

        def set_record_meanwhile(_: object, seconds: float) -> None:
            stage.clock.sleep(seconds)
            if not is_set:
                is_set.append(True)
                zone = find_zone(stage)
                set_balancer_part(stage, zone_id=zone)
                put_validation_records(stage, find_pending_arn(stage))

        with patch.object(WallClock, "sleep", set_record_meanwhile):
            assert run_line(f"certificate validate {OTHER_HOST} --yes") == 0
        out = capsys.readouterr().out
        assert "to be set by hand: _" in out
        assert "status: ISSUED" in out


def test_a_renewals_record_that_a_person_must_set_is_a_finding(
    capsys: pytest.CaptureFixture[str],
) -> None:
    deleted_records: list[Any] = []

    def set_up(stage: Stage) -> None:
        put_https_balancer(stage)
        zone, route53 = find_zone(stage), stage.client("route53")
        records = route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
        deleted_records.extend(record for record in records if record["Type"] == "CNAME")
        route53.change_resource_record_sets(
            HostedZoneId=zone,
            ChangeBatch={
                "Changes": [
                    {"Action": "DELETE", "ResourceRecordSet": record} for record in deleted_records
                ]
            },
        )
        set_balancer_part(stage, zone_id=None)

    with open_tls_command_line(set_up) as (stage, run_line):
        line = f"certificate validate {SITE_HOST} --yes"
        message = read_refusal(run_line, capsys, line, code=3)
        assert message.startswith("ops: ACM cannot renew it: to be set by hand: _")
        put_record(stage, find_zone(stage), deleted_records[0])
        assert run_line(line) == 0


def test_a_validation_that_acm_refuses_is_undone_and_says_why(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_tls_command_line(put_requested_certificate) as (stage, run_line):
        zone = find_zone(stage)
        before = list_cnames(stage, zone)
        values = [{"Value": '0 issue "letsencrypt.org"'}]
        record = {"Name": OTHER_HOST, "Type": "CAA", "TTL": 60, "ResourceRecords": values}
        put_record(stage, zone, record)
        assert run_line(f"certificate validate {OTHER_HOST} --yes") == 5
        assert list_cnames(stage, zone) == before
        message = read_refusal(run_line, capsys, f"certificate validate {OTHER_HOST} --yes", 3)
        assert "is FAILED: CAA_ERROR: a CAA record forbids Amazon" in message
        assert message.endswith(f"ops certificate request {OTHER_HOST}")


def test_a_certificate_is_attached_beside_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    def set_up(stage: Stage) -> None:
        put_https_balancer(stage)
        put_issued_certificate(stage, OTHER_HOST)

    with open_tls_command_line(set_up) as (stage, run_line):
        default = get_fingerprint(stage, None)
        result = run_json(run_line, capsys, f"certificate attach {OTHER_HOST} --yes")
        assert (result["default"], result["seen"]) == (False, True)
        assert get_fingerprint(stage, None) == get_fingerprint(stage, SITE_HOST) == default
        assert get_fingerprint(stage, OTHER_HOST) != default
        again = run_json(run_line, capsys, f"certificate attach {OTHER_HOST} --yes")
        assert again["default"] is False
        assert run_line(f"runs undo {result['run']} --yes") == 0
        assert get_fingerprint(stage, OTHER_HOST) == default
        assert collect_listener_certificates(stage)["others"] == []


def test_a_certificate_becomes_the_default_and_is_taken_back(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_tls_command_line(put_second_certificate) as (stage, run_line):
        before = collect_listener_certificates(stage)
        default = get_fingerprint(stage, None)
        with count_calls() as counts:
            assert run_line(f"certificate attach {OTHER_HOST} --default --yes") == 0
        assert counts["AddListenerCertificates"] == 1
        out = capsys.readouterr().out
        steps = [line for line in out.splitlines() if line.startswith("  ")]
        assert [step.split(". ")[1].split(" ")[0] for step in steps[:7]] == [
            "add",
            "see",
            "see",
            "make",
            "take",
            "see",
            "see",
        ]
        assert "pulumi config set --stack" in out
        new_default = get_fingerprint(stage, None)
        assert new_default != default
        # The replaced one would still be shown to clients that name its host.
        assert get_fingerprint(stage, SITE_HOST) == new_default
        assert run_line(f"runs undo {out.rpartition('run: ')[2].split()[0]} --yes") == 0
        assert collect_listener_certificates(stage) == before
        assert get_fingerprint(stage, SITE_HOST) == default


def test_what_nobody_can_see_is_attached_and_said_to_be_unseen(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_tls_command_line(put_second_certificate) as (stage, run_line):
        with patch("ops.core.tls_handshake.find_endpoint", side_effect=OSError("timed out")):
            result = run_json(run_line, capsys, f"certificate attach {OTHER_HOST} --yes")
            assert result["seen"] is False
        assert get_fingerprint(stage, OTHER_HOST) != get_fingerprint(stage, None)


def refuse_attach(
    run_line: RunLine, capsys: pytest.CaptureFixture[str], words: str
) -> tuple[str, Any]:
    with count_calls() as counts:
        message = read_refusal(run_line, capsys, f"certificate attach {words} --yes")
    changes = [n for n in counts if not n.startswith(("Describe", "Get", "List"))]
    return message, changes


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (OTHER_HOST, "CERT must be issued and valid, not PENDING_VALIDATION"),
        (
            "nobody.example.com",
            "CERT must be a name of one certificate of ACM in eu-north-1, not "
            "'nobody.example.com': none has it",
        ),
        (
            f"{SITE_HOST} --host shop.example.com",
            f"--host: shop.example.com must be a name of the certificate, which is for {SITE_HOST}",
        ),
        (
            "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012",
            "CERT must be a certificate of eu-north-1 and account 123456789012",
        ),
        (
            "12345678-1234-1234-1234-123456789012",
            "there is no certificate arn:aws:acm:eu-north-1:123456789012:certificate/12345678",
        ),
    ],
)
def test_what_cannot_be_attached_is_refused(
    words: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_tls_command_line(put_requested_certificate) as (_, run_line):
        message, changes = refuse_attach(run_line, capsys, words)
    assert text in message
    assert changes == []


def test_a_name_of_two_certificates_is_refused_with_both(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def set_up(stage: Stage) -> None:
        put_second_certificate(stage)
        request_certificate(stage, OTHER_HOST)

    with open_tls_command_line(set_up) as (_, run_line):
        message, changes = refuse_attach(run_line, capsys, OTHER_HOST)
    assert "2 have it: arn:aws:acm:" in message
    assert changes == []


def test_a_default_that_does_not_stand_for_todays_hosts_is_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def set_up(stage: Stage) -> None:
        put_https_balancer(stage)
        put_issued_certificate(stage, "*.shop.example.com", OTHER_HOST)

    with open_tls_command_line(set_up) as (_, run_line):
        message, changes = refuse_attach(run_line, capsys, f"{OTHER_HOST} --default")
    assert f"--default: {SITE_HOST} must be a name of the certificate" in message
    assert message.endswith(
        f"ops certificate request '*.shop.example.com' {OTHER_HOST} {SITE_HOST}"
    )
    assert changes == []


def test_a_stack_without_https_is_refused_and_shows_the_databases(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def set_up(stage: Stage) -> None:
        set_balancer_part(stage, certificate_arn=None)

    with open_tls_command_line(set_up) as (_, run_line):
        for line in (f"request {OTHER_HOST}", f"attach {OTHER_HOST}"):
            message = read_refusal(run_line, capsys, f"certificate {line} --yes")
            assert "has no load balancer that speaks HTTPS" in message
        capsys.readouterr()
        run_line("certificate show --output json")
        items = json.loads(capsys.readouterr().out)["items"]
        assert [item["attached"] for item in items] == ["database"]
