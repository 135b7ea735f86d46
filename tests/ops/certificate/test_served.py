"""What clients are shown: found by real handshakes, mended by the commands that are named, gone."""

from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest

from components.settings.load_balancer import LoadBalancerSettings
from ops.certificate import served_checks
from ops.core.dns_query import DnsError
from sandbox.certificates import issue_authority, issue_certificate
from sandbox.load_balancer.tls import serve_other_chain
from sandbox.patches.acm import get_issued_certificate, set_validity
from tests.ops.aws_lines import run_aws_line
from tests.ops.certificate.command_line import (
    get_item,
    list_open,
    open_tls_command_line,
    read_check,
    run_json,
)
from tests.ops.certificate_stage import (
    OTHER_HOST,
    SITE_HOST,
    collect_listener_certificates,
    get_bundle,
    put_https_balancer,
    put_issued_certificate,
    put_record,
    put_second_certificate,
    set_balancer_part,
    set_tls_policy,
)
from tests.ops.prod.deployed import count_calls
from tests.ops.stage import REGION, Stage

SERVED = "served certificates"


def get_default_bundle(stage: Stage) -> Any:
    part = stage.outputs.load_balancer
    assert part is not None
    return get_bundle(str(part.certificate_arn))


def put_expired_certificate(stage: Stage) -> None:
    put_https_balancer(stage)
    now = stage.clock.held_clock.now()
    set_validity(get_default_bundle(stage), now - timedelta(days=396), now - timedelta(days=1))


def test_a_clean_listener_has_no_finding(capsys: pytest.CaptureFixture[str]) -> None:
    with open_tls_command_line(put_https_balancer) as (_, run_line):
        items = read_check(run_line, capsys)
    assert list_open(items) == []
    evidence = get_item(items, SERVED)["evidence"]
    assert evidence.startswith(f"{SITE_HOST}: {SITE_HOST}, by bulwark sandbox Amazon RSA 2048 M01")
    assert "EC 256, 2 certificates, TLSv1.3 TLS_" in evidence


def test_an_expired_chain_is_replaced_by_the_commands_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_tls_command_line(put_expired_certificate) as (stage, run_line):
        items = read_check(run_line, capsys)
        served = get_item(items, SITE_HOST)
        assert (served["state"], served["severity"]) == ("failing", "critical")
        assert served["id"] == f"certificate-served/{SITE_HOST}"
        assert served["evidence"].startswith("expired at ")
        assert "trusted" not in served["evidence"]
        assert served["command"] == f"ops certificate request {SITE_HOST}"
        assert [item["severity"] for item in list_open(items)] == ["critical", "critical"]
        requested = run_json(run_line, capsys, served["command"].removeprefix("ops ") + " --yes")
        validated = run_json(run_line, capsys, requested["next"].removeprefix("ops ") + " --yes")
        assert validated["status"] == "ISSUED"
        attach = validated["next"].removeprefix("ops ")
        attached = run_json(run_line, capsys, f"{attach} --default --yes")
        assert attached["seen"] is True
        assert list_open(read_check(run_line, capsys)) == []
        assert collect_listener_certificates(stage)["default"] == [SITE_HOST]


def test_one_that_ends_soon_or_is_not_valid_yet_is_found(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_tls_command_line(put_https_balancer) as (stage, run_line):
        now = stage.clock.held_clock.now()
        bundle = get_default_bundle(stage)
        set_validity(bundle, now + timedelta(days=1), now + timedelta(days=200))
        served = get_item(read_check(run_line, capsys), SITE_HOST)
        assert (served["severity"], served["evidence"][:16]) == ("critical", "is not valid bef")


def test_a_name_that_no_certificate_has_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    def set_up(stage: Stage) -> None:
        put_https_balancer(stage)
        set_balancer_part(stage, url=f"https://{OTHER_HOST}")

    with open_tls_command_line(set_up) as (stage, run_line):
        served = get_item(read_check(run_line, capsys), OTHER_HOST)
        assert served["severity"] == "critical"
        assert f"is for {SITE_HOST}, not for {OTHER_HOST}" in served["evidence"]
        assert "DNS has no address of it" in served["evidence"]
        assert served["command"] == f"ops certificate request {OTHER_HOST}"
        put_issued_certificate(stage, OTHER_HOST)
        run_json(run_line, capsys, f"certificate attach {OTHER_HOST} --yes")
        items = read_check(run_line, capsys)
        assert get_item(items, OTHER_HOST)["evidence"].startswith("DNS has no address of it")
        assert [item["subject"] for item in list_open(items)] == [OTHER_HOST]


def test_each_name_is_shown_its_own_certificate(capsys: pytest.CaptureFixture[str]) -> None:
    def set_up(stage: Stage) -> None:
        put_https_balancer(stage)
        put_issued_certificate(stage, OTHER_HOST, key="RSA_2048")

    with open_tls_command_line(set_up) as (_, run_line):
        run_json(run_line, capsys, f"certificate attach {OTHER_HOST} --yes")
        evidence = get_item(read_check(run_line, capsys), SERVED)["evidence"]
    ours, others = evidence.split("; ")
    assert ours.startswith(f"{SITE_HOST}: {SITE_HOST}, by")
    assert "EC 256" in ours
    assert others.startswith(f"{OTHER_HOST}: {OTHER_HOST}, by")
    assert "RSA 2048, 2 certificates" in others


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("incomplete", "its chain is not complete: bulwark sandbox Amazon RSA 2048 M01, which "),
        ("foreign", "its chain is not in order: app.example.com is not signed by Somebody"),
        ("self-signed", "its chain ends at Somebody, which nobody trusts"),
    ],
)
def test_a_chain_that_clients_do_not_trust_is_found(
    kind: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    somebody = issue_authority("Somebody")
    with open_tls_command_line(put_https_balancer) as (stage, run_line):
        bundle = get_default_bundle(stage)
        chain = [] if kind == "incomplete" else [somebody.pem]
        if kind == "self-signed":
            own, _ = get_issued_certificate(bundle)
            validity = own.certificate.not_valid_before_utc, own.certificate.not_valid_after_utc
            other = issue_certificate([SITE_HOST], somebody, validity, key=own.key)
            vars(bundle)["sandbox_issued"] = vars(bundle)["sandbox_validity"], other
        serve_other_chain(bundle, chain)
        served = get_item(read_check(run_line, capsys), SITE_HOST)
        assert served["state"] == "failing"
        assert text in served["evidence"]
        assert served["severity"] in ("critical", "high")


@pytest.mark.parametrize(
    ("key", "accepted"),
    [
        ("RSA_2048", "TLS 1.0, TLS 1.1, ciphers without forward secrecy"),
        # A key exchange without forward secrecy needs a key of RSA: RFC 5246, section 7.4.2.
        ("EC_prime256v1", "TLS 1.0, TLS 1.1"),
    ],
)
def test_old_tls_is_refused_after_the_line_named(
    key: str, accepted: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def set_up(stage: Stage) -> None:
        put_https_balancer(stage, key)
        set_tls_policy(stage, "ELBSecurityPolicy-2016-08")

    with open_tls_command_line(set_up) as (stage, run_line):
        (finding,) = list_open(read_check(run_line, capsys))
        assert finding["id"] == "certificate-served/tls-policy"
        assert LoadBalancerSettings.model_fields["tls_policy"].default in finding["command"]
        assert (finding["severity"], finding["reason"]) == ("high", "Security Hub ELB.17")
        assert finding["evidence"] == (
            f"accepts {accepted}: its policy is ELBSecurityPolicy-2016-08"
        )
        run_aws_line(stage.client, finding["command"], REGION)
        assert list_open(read_check(run_line, capsys)) == []


def test_a_record_that_leads_elsewhere_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    with open_tls_command_line(put_https_balancer) as (stage, run_line):
        part = stage.outputs.load_balancer
        assert part is not None
        zone = str(part.zone_id)
        addresses = [{"Value": "198.51.100.7"}]
        put_record(
            stage, zone, {"Name": SITE_HOST, "Type": "A", "TTL": 60, "ResourceRecords": addresses}
        )
        (finding,) = list_open(read_check(run_line, capsys))
        assert (finding["subject"], finding["severity"]) == (SITE_HOST, "high")
        assert finding["evidence"].startswith("DNS leads to 198.51.100.7, not to the load balancer")
        assert finding["command"] == "pulumi up --refresh"


def test_a_load_balancer_that_does_not_answer_is_unknown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_tls_command_line(put_second_certificate) as (stage, run_line):
        part = stage.outputs.load_balancer
        assert part is not None
        listener = stage.client("elbv2").describe_listeners(ListenerArns=[part.listener_arn])
        assert listener["Listeners"][0]["Port"] == 443
        stage.client("elbv2").modify_listener(ListenerArn=part.listener_arn, Port=8443)
        (gap,) = list_open(read_check(run_line, capsys))
        assert (gap["state"], gap["subject"]) == ("unknown", SITE_HOST)
        assert gap["evidence"].startswith("nobody answers from here: ")


def test_names_that_are_too_many_for_one_look_are_unknown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served_checks, "MAX_HOSTS", 2)

    def set_up(stage: Stage) -> None:
        put_https_balancer(stage)
        put_issued_certificate(stage, "a.example.com", "b.example.com", "c.example.com")

    with open_tls_command_line(set_up) as (_, run_line):
        run_json(run_line, capsys, "certificate attach b.example.com --yes")
        (gap,) = list_open(read_check(run_line, capsys))
        assert gap["state"] == "unknown"
        assert gap["evidence"] == "2 more were not asked for: one look takes 2"


def test_dns_that_does_not_answer_is_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    with open_tls_command_line(put_https_balancer) as (_, run_line):
        error = DnsError("no resolver answers")
        with patch("ops.core.dns_query.query_dns", side_effect=error):
            gaps = list_open(read_check(run_line, capsys))
    assert [gap["state"] for gap in gaps] == ["unknown", "unknown"]
    assert {gap["evidence"] for gap in gaps} == {"no resolver answers"}


def test_old_tls_is_found_though_the_policy_cannot_be_read(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def set_up(stage: Stage) -> None:
        put_https_balancer(stage)
        set_tls_policy(stage, "ELBSecurityPolicy-2016-08")

    def deny(name: str) -> str | None:
        return "AccessDenied" if name == "DescribeListeners" else None

    with open_tls_command_line(set_up) as (_, run_line), count_calls(deny):
        items = list_open(read_check(run_line, capsys))
    assert get_item(items, "TLS of the listener")["evidence"].endswith("its policy is unknown")
    assert get_item(items, "TLS policy")["state"] == "unknown"
