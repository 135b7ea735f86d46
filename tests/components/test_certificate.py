"""The certificate, its zone and its records."""

from collections.abc import Mapping

import pytest
from pydantic import JsonValue

from components.certificate import Certificate, CertificateArgs, _get_validation_option
from sandbox.program import ResourceGraph
from tests import world
from tests.conftest import Build
from tests.world import settings

CERTIFICATE = "aws:acm/certificate:Certificate"
VALIDATION = "aws:acm/certificateValidation:CertificateValidation"
RECORD = "aws:route53/record:Record"
ZONE = "aws:route53/zone:Zone"
OWN = "arn:aws:acm:eu-north-1:123456789012:certificate/0a1b"


def _built(build: Build, wanted: Mapping[str, JsonValue]) -> ResourceGraph:
    made = settings({"loadBalancer": dict(wanted)})
    return build(lambda: Certificate("names", CertificateArgs(made)))


@pytest.fixture
def _three_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """ACM lists what it wants to see in an order of its own."""
    options = [
        {
            "domainName": name,
            "resourceRecordName": f"_x.{name.removeprefix('*.')}.",
            "resourceRecordType": "CNAME",
            "resourceRecordValue": f"_y.{name.removeprefix('*.')}.",
        }
        for name in ("*.example.com", "api.example.com", "example.com")
    ]
    monkeypatch.setitem(world.COMPUTED, CERTIFICATE, {"domainValidationOptions": options})


def test_acm_1_a_certificate_is_proved_by_dns_so_that_acm_renews_it(build: Build) -> None:
    graph = _built(build, {"domain": "app.example.com", "zoneId": "Z1"})
    assert graph.get_resource(CERTIFICATE).inputs["validationMethod"] == "DNS"
    record = graph.get_resource(RECORD).inputs
    assert (record["zoneId"], record["type"]) == ("Z1", "CNAME")
    assert record["name"] == "_x.app.example.com."
    assert record["records"] == ["_y.acm-validations.aws."]
    assert graph.get_resource(VALIDATION).inputs["validationRecordFqdns"] == [
        graph.get_resource(RECORD).outputs["fqdn"]
    ]


def test_acm_2_its_key_has_2048_bits(build: Build) -> None:
    graph = _built(build, {"domain": "app.example.com", "zoneId": "Z1"})
    assert graph.get_resource(CERTIFICATE).inputs["keyAlgorithm"] == "RSA_2048"


@pytest.mark.usefixtures("_three_names")
def test_each_name_is_proved_by_its_own_record_and_a_wildcard_by_its_base(build: Build) -> None:
    wanted: dict[str, JsonValue] = {
        "domain": "example.com",
        "alternativeNames": ["*.example.com", "api.example.com"],
        "zoneId": "Z1",
    }
    graph = _built(build, wanted)
    assert (
        graph.get_resource(CERTIFICATE).inputs["subjectAlternativeNames"]
        == wanted["alternativeNames"]
    )
    assert {r.name: r.inputs["name"] for r in graph.list_resources(RECORD)} == {
        "names-example.com": "_x.example.com.",
        "names-api.example.com": "_x.api.example.com.",
    }


def test_a_name_that_acm_does_not_ask_for_is_an_error() -> None:
    with pytest.raises(LookupError, match=r"ACM asks for no record of example\.com"):
        _get_validation_option("example.com", [])


def test_a_zone_of_its_own_holds_the_records(build: Build) -> None:
    seen: list[object] = []

    def program() -> None:
        wanted = settings({"loadBalancer": {"domain": "app.example.com", "createZone": True}})
        made = Certificate("names", CertificateArgs(wanted))
        assert made.name_servers is not None
        made.name_servers.apply(seen.append)

    graph = build(program)
    zone = graph.get_resource(ZONE)
    assert (zone.inputs["name"], zone.protect) == ("app.example.com", True)
    assert graph.get_resource(RECORD).inputs["zoneId"] == zone.outputs["zoneId"]
    assert seen == [["ns-1.example.org", "ns-2.example.org"]]


@pytest.mark.parametrize("zone", [None, "Z1"])
def test_a_certificate_that_is_given_is_used_as_it_is(build: Build, zone: str | None) -> None:
    wanted: dict[str, JsonValue] = {"certificateArn": OWN}
    if zone:
        wanted |= {"domain": "app.example.com", "zoneId": zone}
    seen: list[object] = []

    def program() -> None:
        made = Certificate("names", CertificateArgs(settings({"loadBalancer": wanted})))
        assert made.arn is not None
        made.arn.apply(seen.append)
        assert (made.zone_id is None) == (zone is None)

    graph = build(program)
    assert seen == [OWN]
    assert graph.list_resources(CERTIFICATE) == graph.list_resources(VALIDATION) == []


def test_a_stack_without_a_name_has_no_certificate(build: Build) -> None:
    def program() -> None:
        made = Certificate("names", CertificateArgs(settings(profile="dev")))
        assert (made.arn, made.zone_id, made.name_servers) == (None, None, None)

    assert not [r for r in build(program) if r.custom]
