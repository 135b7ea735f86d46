"""The certificate, its zone and its records."""

from collections.abc import Mapping

import pytest
from pydantic import JsonValue

from components.certificate import Certificate, CertificateArgs, _get_validation_option
from sandbox.program import ResourceGraph
from tests import world
from tests.conftest import Build
from tests.world import build_settings

CERTIFICATE_TYPE = "aws:acm/certificate:Certificate"
CERTIFICATE_VALIDATION_TYPE = "aws:acm/certificateValidation:CertificateValidation"
DNS_RECORD_TYPE = "aws:route53/record:Record"
HOSTED_ZONE_TYPE = "aws:route53/zone:Zone"
OWN_CERTIFICATE_ARN = "arn:aws:acm:eu-north-1:123456789012:certificate/0a1b"


def _build_certificate_graph(
    build: Build, load_balancer_values: Mapping[str, JsonValue]
) -> ResourceGraph:
    settings = build_settings({"loadBalancer": dict(load_balancer_values)})
    return build(lambda: Certificate("names", args=CertificateArgs(settings=settings)))


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
    monkeypatch.setitem(
        world.COMPUTED_OUTPUTS, CERTIFICATE_TYPE, {"domainValidationOptions": options}
    )


def test_acm_1_a_certificate_is_proved_by_dns_so_that_acm_renews_it(build: Build) -> None:
    graph = _build_certificate_graph(build, {"domain": "app.example.com", "zoneId": "Z1"})
    assert graph.get_resource(CERTIFICATE_TYPE).inputs["validationMethod"] == "DNS"
    record = graph.get_resource(DNS_RECORD_TYPE).inputs
    assert (record["zoneId"], record["type"]) == ("Z1", "CNAME")
    assert record["name"] == "_x.app.example.com."
    assert record["records"] == ["_y.acm-validations.aws."]
    assert graph.get_resource(CERTIFICATE_VALIDATION_TYPE).inputs["validationRecordFqdns"] == [
        graph.get_resource(DNS_RECORD_TYPE).outputs["fqdn"]
    ]


def test_acm_2_the_certificates_key_has_2048_bits(build: Build) -> None:
    graph = _build_certificate_graph(build, {"domain": "app.example.com", "zoneId": "Z1"})
    assert graph.get_resource(CERTIFICATE_TYPE).inputs["keyAlgorithm"] == "RSA_2048"


@pytest.mark.usefixtures("_three_names")
def test_each_name_is_proved_by_its_own_record_and_a_wildcard_by_its_base(build: Build) -> None:
    load_balancer_values: dict[str, JsonValue] = {
        "domain": "example.com",
        "alternativeNames": ["*.example.com", "api.example.com"],
        "zoneId": "Z1",
    }
    graph = _build_certificate_graph(build, load_balancer_values)
    assert (
        graph.get_resource(CERTIFICATE_TYPE).inputs["subjectAlternativeNames"]
        == load_balancer_values["alternativeNames"]
    )
    assert {r.name: r.inputs["name"] for r in graph.list_resources(DNS_RECORD_TYPE)} == {
        "names-example.com": "_x.example.com.",
        "names-api.example.com": "_x.api.example.com.",
    }


@pytest.mark.parametrize(
    ("values", "retained"),
    [({"zoneId": "Z1"}, True), ({"createZone": True}, False)],
)
def test_the_proof_of_a_name_stays_in_a_zone_that_other_stacks_use(
    build: Build, values: dict[str, JsonValue], retained: bool
) -> None:
    """ACM asks an account for the same record each time, so another certificate needs it too."""
    graph = _build_certificate_graph(build, {"domain": "app.example.com", **values})
    record = graph.get_resource(DNS_RECORD_TYPE)
    assert record.retain_on_delete is retained
    assert record.inputs["allowOverwrite"] is True


def test_a_name_without_a_validation_record_is_an_error() -> None:
    with pytest.raises(LookupError, match=r"ACM asks for no record of example\.com"):
        _get_validation_option("example.com", [])


def test_a_zone_that_the_stack_creates_holds_the_validation_records(build: Build) -> None:
    outputs: list[object] = []

    def program() -> None:
        settings = build_settings(
            {"loadBalancer": {"domain": "app.example.com", "createZone": True}}
        )
        certificate = Certificate("names", args=CertificateArgs(settings=settings))
        assert certificate.name_servers is not None
        certificate.name_servers.apply(outputs.append)

    graph = build(program)
    zone = graph.get_resource(HOSTED_ZONE_TYPE)
    assert (zone.inputs["name"], zone.protect) == ("app.example.com", True)
    assert graph.get_resource(DNS_RECORD_TYPE).inputs["zoneId"] == zone.outputs["zoneId"]
    assert outputs == [["ns-1.example.org", "ns-2.example.org"]]


@pytest.mark.parametrize("zone", [None, "Z1"])
def test_a_certificate_named_by_the_settings_is_used_unchanged(
    build: Build, zone: str | None
) -> None:
    load_balancer_values: dict[str, JsonValue] = {"certificateArn": OWN_CERTIFICATE_ARN}
    if zone:
        load_balancer_values |= {"domain": "app.example.com", "zoneId": zone}
    outputs: list[object] = []

    def program() -> None:
        certificate = Certificate(
            "names",
            args=CertificateArgs(settings=build_settings({"loadBalancer": load_balancer_values})),
        )
        assert certificate.arn is not None
        certificate.arn.apply(outputs.append)
        assert (certificate.zone_id is None) == (zone is None)

    graph = build(program)
    assert outputs == [OWN_CERTIFICATE_ARN]
    assert (
        graph.list_resources(CERTIFICATE_TYPE)
        == graph.list_resources(CERTIFICATE_VALIDATION_TYPE)
        == []
    )


def test_a_stack_without_a_name_has_no_certificate(build: Build) -> None:
    def program() -> None:
        certificate = Certificate(
            "names", args=CertificateArgs(settings=build_settings(profile="dev"))
        )
        assert (certificate.arn, certificate.zone_id, certificate.name_servers) == (
            None,
            None,
            None,
        )

    assert not [r for r in build(program) if r.custom]
