"""A load balancer that speaks HTTPS, its zone and its certificates, on a stage."""

from collections.abc import Mapping
from typing import Any, Final

from moto.acm.models import acm_backends

from tests.ops import db_stage
from tests.ops.audit_stage import put_waiver
from tests.ops.stage import ACCOUNT, REGION, Stage
from tests.ops.typed_line import TypedLine

ZONE_NAME: Final = "example.com"
SITE_HOST: Final = "app.example.com"
OTHER_HOST: Final = "www.example.com"


def get_bundle(arn: str) -> Any:
    """moto's own certificate."""
    return acm_backends[ACCOUNT][REGION]._certificates[arn]


def put_record(stage: Stage, zone: str, record: dict[str, Any]) -> None:
    """A record of the zone, whatever was there."""
    stage.client("route53").change_resource_record_sets(
        HostedZoneId=zone,
        ChangeBatch={"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]},
    )


def put_zone(stage: Stage) -> str:
    """The zone that the stack knows."""
    response = stage.client("route53").create_hosted_zone(Name=ZONE_NAME, CallerReference="stage")
    zone = str(response["HostedZone"]["Id"]).rpartition("/")[2]
    set_balancer_part(stage, zone_id=zone)
    return zone


def set_balancer_part(stage: Stage, **fields: object) -> None:
    """Changes what the outputs say of the load balancer."""
    assert stage.outputs.load_balancer is not None
    part = stage.outputs.load_balancer.model_copy(update=fields)
    stage.outputs = stage.outputs.model_copy(update={"load_balancer": part})


def request_certificate(stage: Stage, *names: str, key: str = "EC_prime256v1") -> str:
    """A certificate that is not validated yet; its ARN."""
    others = {"SubjectAlternativeNames": list(names[1:])} if names[1:] else {}
    response = stage.client("acm").request_certificate(
        DomainName=names[0], ValidationMethod="DNS", KeyAlgorithm=key, **others
    )
    return str(response["CertificateArn"])


def put_validation_records(stage: Stage, arn: str) -> None:
    """The records that ACM asks for."""
    assert stage.outputs.load_balancer is not None
    zone = str(stage.outputs.load_balancer.zone_id)
    certificate = stage.client("acm").describe_certificate(CertificateArn=arn)["Certificate"]
    for option in certificate["DomainValidationOptions"]:
        record = option["ResourceRecord"]
        values = [{"Value": record["Value"]}]
        put_record(
            stage,
            zone,
            {"Name": record["Name"], "Type": "CNAME", "TTL": 60, "ResourceRecords": values},
        )


def put_issued_certificate(stage: Stage, *names: str, key: str = "EC_prime256v1") -> str:
    """A certificate that ACM has issued; its ARN."""
    arn = request_certificate(stage, *names, key=key)
    put_validation_records(stage, arn)
    acm = stage.client("acm")
    acm.describe_certificate(CertificateArn=arn)  # ACM looks
    stage.clock.sleep(600)
    assert acm.describe_certificate(CertificateArn=arn)["Certificate"]["Status"] == "ISSUED"
    return arn


def put_https_balancer(stage: Stage, key: str = "EC_prime256v1") -> None:
    """The stack's load balancer with one certificate, for `app.example.com`, which leads to it."""
    zone = put_zone(stage)
    ec2, elb = stage.client("ec2"), stage.client("elbv2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(
            VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"{REGION}{letter}"
        )["Subnet"]["SubnetId"]
        for n, letter in enumerate("ab")
    ]
    balancer = elb.create_load_balancer(Name="bulwark-test-alb", Subnets=subnets)["LoadBalancers"][
        0
    ]
    certificate = put_issued_certificate(stage, SITE_HOST, key=key)
    fixed = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
    listener = elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTPS",
        Port=443,
        SslPolicy="ELBSecurityPolicy-TLS13-1-2-2021-06",
        Certificates=[{"CertificateArn": certificate}],
        DefaultActions=[fixed],
    )["Listeners"][0]["ListenerArn"]
    alias = {
        "DNSName": balancer["DNSName"],
        "HostedZoneId": balancer["CanonicalHostedZoneId"],
        "EvaluateTargetHealth": False,
    }
    put_record(stage, zone, {"Name": SITE_HOST, "Type": "A", "AliasTarget": alias})
    set_balancer_part(
        stage,
        arn=balancer["LoadBalancerArn"],
        dns_name=balancer["DNSName"],
        url=f"https://{SITE_HOST}",
        listener_arn=listener,
        certificate_arn=certificate,
    )


def put_requested_certificate(stage: Stage) -> None:
    """Beside the one in use another that is not validated."""
    put_https_balancer(stage)
    request_certificate(stage, OTHER_HOST)


def put_second_certificate(stage: Stage) -> None:
    """Beside the one in use another that is issued, for its host and one more."""
    put_https_balancer(stage)
    put_issued_certificate(stage, SITE_HOST, OTHER_HOST)


def collect_listener_certificates(stage: Stage) -> dict[str, list[str]]:
    """The names of the listener's default, and of those in its list that are not the default."""
    assert stage.outputs.load_balancer is not None
    items = stage.client("elbv2").describe_listener_certificates(
        ListenerArn=stage.outputs.load_balancer.listener_arn
    )["Certificates"]
    default = next(item["CertificateArn"] for item in items if item["IsDefault"])
    others = {item["CertificateArn"] for item in items} - {default}
    return {
        "default": sorted(get_bundle(default).sans),
        "others": sorted(name for arn in others for name in get_bundle(arn).sans),
    }


def collect_certificates(stage: Stage) -> list[tuple[str, str]]:
    """The first names of the certificates of ACM, with their states."""
    return sorted(
        (str(bundle.common_name), str(bundle.status))
        for bundle in acm_backends[ACCOUNT][REGION]._certificates.values()
    )


def put_certified_stack(stage: Stage) -> None:
    """A load balancer with a certificate, and the database."""
    put_https_balancer(stage)
    db_stage.put_database(stage)


def set_tls_policy(stage: Stage, policy: str) -> None:
    """The listener's policy of TLS."""
    assert stage.outputs.load_balancer is not None
    stage.client("elbv2").modify_listener(
        ListenerArn=stage.outputs.load_balancer.listener_arn, SslPolicy=policy
    )


def put_waived_policy(stage: Stage) -> None:
    """A listener that accepts TLS 1.0, which somebody waived."""
    put_certified_stack(stage)
    set_tls_policy(stage, "ELBSecurityPolicy-2016-08")
    put_waiver(stage, "certificate-served/tls-policy")


CERTIFICATE_LINES: Final[Mapping[str, tuple[TypedLine, ...]]] = {
    "certificate check": (
        TypedLine("certificate check", put_certified_stack),
        TypedLine("certificate check", put_waived_policy),
    ),
    "certificate show": (TypedLine("certificate show", put_certified_stack),),
}
