"""Secrets, functions and certificates in the sandbox."""

import io
import json
import zipfile
from typing import Any

from sandbox.clock import ManualClock
from tests.sandbox.conftest import Clients, Refusal

NAME = "app.example.com"


def function(mended: Clients, *, invocable: bool = True) -> str:
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("rotate.py", "def handler(event, context): pass")
    trust = {"Version": "2012-10-17", "Statement": []}
    role = mended("iam").create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(trust))
    functions = mended("lambda")
    made = functions.create_function(
        FunctionName="rotate",
        Runtime="python3.13",
        Handler="rotate.handler",
        Role=role["Role"]["Arn"],
        Code={"ZipFile": code.getvalue()},
        LoggingConfig={"LogFormat": "JSON", "LogGroup": "/rotate"},
    )
    if invocable:
        functions.add_permission(
            FunctionName="rotate",
            StatementId="s",
            Action="lambda:InvokeFunction",
            Principal="secretsmanager.amazonaws.com",
        )
    return str(made["FunctionArn"])


def secret(mended: Clients) -> Any:
    secrets = mended("secretsmanager")
    content = json.dumps({"username": "someone", "password": "first"})
    secrets.create_secret(Name="secret", SecretString=content)
    return secrets


RULES = {"AutomaticallyAfterDays": 30, "Duration": "2h"}


def test_rotation_is_configured_without_touching_the_secret(mended: Clients) -> None:
    secrets, arn = secret(mended), function(mended)
    secrets.rotate_secret(
        SecretId="secret", RotationLambdaARN=arn, RotationRules=RULES, RotateImmediately=False
    )
    found = secrets.describe_secret(SecretId="secret")
    assert (found["RotationEnabled"], found["RotationLambdaARN"]) == (True, arn)
    assert found["RotationRules"] == RULES
    assert "LastRotatedDate" not in found
    content = json.loads(secrets.get_secret_value(SecretId="secret")["SecretString"])
    assert content["password"] == "first"
    assert list(found["VersionIdsToStages"].values()) == [["AWSCURRENT"]]


def test_a_rotation_makes_a_new_version_and_keeps_the_previous(mended: Clients) -> None:
    secrets, arn = secret(mended), function(mended)
    secrets.rotate_secret(SecretId="secret", RotationLambdaARN=arn, RotationRules=RULES)
    new = json.loads(secrets.get_secret_value(SecretId="secret")["SecretString"])
    old = secrets.get_secret_value(SecretId="secret", VersionStage="AWSPREVIOUS")["SecretString"]
    assert new["password"] != "first"
    assert new["username"] == "someone"
    assert json.loads(old)["password"] == "first"


def test_a_function_that_may_not_be_invoked_is_refused(mended: Clients, refused: Refusal) -> None:
    secrets, arn = secret(mended), function(mended, invocable=False)
    code, message = refused(
        secrets.rotate_secret, SecretId="secret", RotationLambdaARN=arn, RotationRules=RULES
    )
    assert code == "AccessDeniedException"
    assert "cannot invoke" in message


def test_a_function_keeps_where_it_logs(mended: Clients) -> None:
    function(mended)
    functions = mended("lambda")
    found = functions.get_function_configuration(FunctionName="rotate")["LoggingConfig"]
    assert (found["LogFormat"], found["LogGroup"]) == ("JSON", "/rotate")
    functions.update_function_configuration(
        FunctionName="rotate", LoggingConfig={"LogFormat": "Text", "LogGroup": "/other"}
    )
    found = functions.get_function_configuration(FunctionName="rotate")["LoggingConfig"]
    assert found == {"LogFormat": "Text", "LogGroup": "/other"}


def test_a_certificate_is_issued_when_its_records_stand(mended: Clients, held: ManualClock) -> None:
    acm, route53 = mended("acm"), mended("route53")
    arn = acm.request_certificate(
        DomainName=NAME, ValidationMethod="DNS", KeyAlgorithm="EC_prime256v1"
    )["CertificateArn"]

    def seen() -> dict[str, Any]:
        found: dict[str, Any] = acm.describe_certificate(CertificateArn=arn)["Certificate"]
        return found

    held.advance(3600)
    assert (seen()["Status"], seen()["KeyAlgorithm"]) == ("PENDING_VALIDATION", "EC_prime256v1")
    zone = route53.create_hosted_zone(Name=NAME, CallerReference="r")["HostedZone"]["Id"]
    record = seen()["DomainValidationOptions"][0]["ResourceRecord"]
    change = {
        "Action": "UPSERT",
        "ResourceRecordSet": {
            "Name": record["Name"],
            "Type": record["Type"],
            "TTL": 60,
            "ResourceRecords": [{"Value": record["Value"]}],
        },
    }
    route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": [change]})
    assert seen()["Status"] == "PENDING_VALIDATION"
    held.advance(600)
    assert seen()["Status"] == "ISSUED"


def test_a_listener_refuses_a_certificate_that_is_not_issued(
    mended: Clients, refused: Refusal
) -> None:
    ec2, elb, acm = mended("ec2"), mended("elbv2"), mended("acm")
    subnets = [s["SubnetId"] for s in ec2.describe_subnets()["Subnets"]][:2]
    balancer = elb.create_load_balancer(Name="alb", Subnets=subnets)["LoadBalancers"][0]
    arn = acm.request_certificate(DomainName=NAME, ValidationMethod="DNS")["CertificateArn"]
    code, _ = refused(
        elb.create_listener,
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTPS",
        Port=443,
        Certificates=[{"CertificateArn": arn}],
        DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}],
    )
    assert code == "UnsupportedCertificate"


def test_managed_policies_count_their_attachments_anew_after_a_reset(mended: Clients) -> None:
    iam = mended("iam")
    arn = "arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
    iam.create_role(RoleName="r", AssumeRolePolicyDocument="{}")
    assert iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 0
    iam.attach_role_policy(RoleName="r", PolicyArn=arn)
    assert iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 1


def test_managed_policies_of_another_test_are_not_attached(mended: Clients) -> None:
    arn = "arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
    assert mended("iam").get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 0
