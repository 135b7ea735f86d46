"""Secrets, functions and certificates in the sandbox."""

import io
import json
import zipfile
from typing import Any

from sandbox.clock import ManualClock
from tests.sandbox.conftest import ClientFactory, RefusalGetter

DOMAIN_NAME = "app.example.com"


def create_function(aws_client: ClientFactory, *, invocable: bool = True) -> str:
    archive_bytes = io.BytesIO()
    with zipfile.ZipFile(archive_bytes, "w") as archive:
        archive.writestr("rotate.py", "def handler(event, context): pass")
    trust = {"Version": "2012-10-17", "Statement": []}
    role = aws_client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(trust))
    functions = aws_client("lambda")
    response = functions.create_function(
        FunctionName="rotate",
        Runtime="python3.13",
        Handler="rotate.handler",
        Role=role["Role"]["Arn"],
        Code={"ZipFile": archive_bytes.getvalue()},
        LoggingConfig={"LogFormat": "JSON", "LogGroup": "/rotate"},
    )
    if invocable:
        functions.add_permission(
            FunctionName="rotate",
            StatementId="s",
            Action="lambda:InvokeFunction",
            Principal="secretsmanager.amazonaws.com",
        )
    return str(response["FunctionArn"])


def create_user_secret(aws_client: ClientFactory) -> Any:
    secrets = aws_client("secretsmanager")
    content = json.dumps({"username": "someone", "password": "first"})
    secrets.create_secret(Name="secret", SecretString=content)
    return secrets


ROTATION_RULES = {"AutomaticallyAfterDays": 30, "Duration": "2h"}


def test_rotation_is_configured_without_touching_the_secret(aws_client: ClientFactory) -> None:
    secrets, arn = create_user_secret(aws_client), create_function(aws_client)
    secrets.rotate_secret(
        SecretId="secret",
        RotationLambdaARN=arn,
        RotationRules=ROTATION_RULES,
        RotateImmediately=False,
    )
    description = secrets.describe_secret(SecretId="secret")
    assert (description["RotationEnabled"], description["RotationLambdaARN"]) == (True, arn)
    assert description["RotationRules"] == ROTATION_RULES
    assert "LastRotatedDate" not in description
    content = json.loads(secrets.get_secret_value(SecretId="secret")["SecretString"])
    assert content["password"] == "first"
    assert list(description["VersionIdsToStages"].values()) == [["AWSCURRENT"]]


def test_a_rotation_makes_a_new_version_and_keeps_the_previous(aws_client: ClientFactory) -> None:
    secrets, arn = create_user_secret(aws_client), create_function(aws_client)
    secrets.rotate_secret(SecretId="secret", RotationLambdaARN=arn, RotationRules=ROTATION_RULES)
    new = json.loads(secrets.get_secret_value(SecretId="secret")["SecretString"])
    old = secrets.get_secret_value(SecretId="secret", VersionStage="AWSPREVIOUS")["SecretString"]
    assert new["password"] != "first"
    assert new["username"] == "someone"
    assert json.loads(old)["password"] == "first"


def test_a_function_that_may_not_be_invoked_is_refused(
    aws_client: ClientFactory, get_refusal: RefusalGetter
) -> None:
    secrets, arn = create_user_secret(aws_client), create_function(aws_client, invocable=False)
    code, message = get_refusal(
        secrets.rotate_secret,
        SecretId="secret",
        RotationLambdaARN=arn,
        RotationRules=ROTATION_RULES,
    )
    assert code == "AccessDeniedException"
    assert "cannot invoke" in message


def test_a_function_keeps_where_it_logs(aws_client: ClientFactory) -> None:
    create_function(aws_client)
    functions = aws_client("lambda")
    logging_config = functions.get_function_configuration(FunctionName="rotate")["LoggingConfig"]
    assert (logging_config["LogFormat"], logging_config["LogGroup"]) == ("JSON", "/rotate")
    functions.update_function_configuration(
        FunctionName="rotate", LoggingConfig={"LogFormat": "Text", "LogGroup": "/other"}
    )
    logging_config = functions.get_function_configuration(FunctionName="rotate")["LoggingConfig"]
    assert logging_config == {"LogFormat": "Text", "LogGroup": "/other"}


def test_a_certificate_is_issued_when_its_records_stand(
    aws_client: ClientFactory, held_clock: ManualClock
) -> None:
    acm, route53 = aws_client("acm"), aws_client("route53")
    arn = acm.request_certificate(
        DomainName=DOMAIN_NAME, ValidationMethod="DNS", KeyAlgorithm="EC_prime256v1"
    )["CertificateArn"]

    def describe_certificate() -> dict[str, Any]:
        certificate: dict[str, Any] = acm.describe_certificate(CertificateArn=arn)["Certificate"]
        return certificate

    held_clock.advance(3600)
    assert (describe_certificate()["Status"], describe_certificate()["KeyAlgorithm"]) == (
        "PENDING_VALIDATION",
        "EC_prime256v1",
    )
    zone = route53.create_hosted_zone(Name=DOMAIN_NAME, CallerReference="r")["HostedZone"]["Id"]
    record = describe_certificate()["DomainValidationOptions"][0]["ResourceRecord"]
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
    assert describe_certificate()["Status"] == "PENDING_VALIDATION"
    held_clock.advance(600)
    assert describe_certificate()["Status"] == "ISSUED"


def test_a_listener_refuses_a_certificate_that_is_not_issued(
    aws_client: ClientFactory, get_refusal: RefusalGetter
) -> None:
    ec2, elb, acm = aws_client("ec2"), aws_client("elbv2"), aws_client("acm")
    subnets = [s["SubnetId"] for s in ec2.describe_subnets()["Subnets"]][:2]
    balancer = elb.create_load_balancer(Name="alb", Subnets=subnets)["LoadBalancers"][0]
    arn = acm.request_certificate(DomainName=DOMAIN_NAME, ValidationMethod="DNS")["CertificateArn"]
    code, _ = get_refusal(
        elb.create_listener,
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTPS",
        Port=443,
        Certificates=[{"CertificateArn": arn}],
        DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}],
    )
    assert code == "UnsupportedCertificate"


def test_managed_policies_count_their_attachments_anew_after_a_reset(
    aws_client: ClientFactory,
) -> None:
    iam = aws_client("iam")
    arn = "arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
    iam.create_role(RoleName="r", AssumeRolePolicyDocument="{}")
    assert iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 0
    iam.attach_role_policy(RoleName="r", PolicyArn=arn)
    assert iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 1


def test_managed_policies_of_another_test_are_not_attached(aws_client: ClientFactory) -> None:
    arn = "arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
    assert aws_client("iam").get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 0
