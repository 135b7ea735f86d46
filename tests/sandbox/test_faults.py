"""Faults of the API: below the client's own retries, in process and served."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import boto3
import botocore.endpoint
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ReadTimeoutError
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.test import Client, TestResponse

from sandbox import clock, faults
from sandbox.aws import use_in_memory_aws
from sandbox.faults import (
    DeniedFault,
    ErrorFault,
    Fault,
    LostAnswerFault,
    ReadLagFault,
    ThrottlingFault,
    UnavailableFault,
)
from sandbox.faults_served import FAULTS_PATH, add_faults

REGION = "eu-north-1"
RETRY_CONFIG = Config(retries={"mode": "standard", "total_max_attempts": 10})


@pytest.fixture(autouse=True)
def in_memory_aws_without_waits() -> Iterator[None]:
    instant_time = SimpleNamespace(time=lambda: 0.0, sleep=lambda _: None)
    iam_environment = patch.dict(os.environ, MOTO_IAM_LOAD_MANAGED_POLICIES="false")
    with (
        iam_environment,
        use_in_memory_aws(REGION),
        patch.object(botocore.endpoint, "time", instant_time),
    ):
        yield
    faults.set_faults()


@cache
def create_client_without_retries(service: str) -> Any:
    """A client that does not try again; made once, as that takes longer than a call."""
    return boto3.client(  # type: ignore[call-overload]
        service, region_name=REGION, config=Config(retries={"total_max_attempts": 1})
    )


def create_retrying_client(service: str) -> Any:
    return boto3.client(service, region_name=REGION, config=RETRY_CONFIG)  # type: ignore[call-overload]


# One call of each protocol: query, EC2's, JSON, REST with JSON, REST with XML, S3's.
READ_CALLS = {
    "rds.describe_db_instances": {},
    "ec2.describe_vpcs": {},
    "ecs.list_clusters": {},
    "backup.list_backup_vaults": {},
    "route53.list_hosted_zones": {},
    "s3.list_objects_v2": {"Bucket": "bucket"},
    "cloudwatch.describe_alarms": {},
    "elbv2.describe_load_balancers": {},
    "application-autoscaling.describe_scalable_targets": {"ServiceNamespace": "ecs"},
    "secretsmanager.list_secrets": {},
    "logs.describe_log_groups": {},
}


@pytest.mark.parametrize("api", READ_CALLS)
@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (
            ThrottlingFault(),
            ("Throttling", "ThrottlingException", "RequestLimitExceeded", "SlowDown"),
        ),
        (DeniedFault(("*",)), ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation")),
        (UnavailableFault(), ("ServiceUnavailable",)),
        (ErrorFault(("*",), "Teapot", "it is one"), ("Teapot",)),
    ],
)
def test_an_error_is_said_as_each_service_says_it(
    api: str, fault: Fault, code: tuple[str, ...]
) -> None:
    service, operation = api.split(".")
    create_client_without_retries("s3").create_bucket(
        Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    api_client = create_client_without_retries(service)
    with faults.inject_faults(fault), pytest.raises(ClientError) as refused:
        getattr(api_client, operation)(**READ_CALLS[api])
    assert refused.value.response["Error"]["Code"] in code
    getattr(api_client, operation)(**READ_CALLS[api])


def test_only_the_named_operation_is_denied() -> None:
    s3 = create_retrying_client("s3")
    s3.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": REGION})
    with faults.inject_faults(DeniedFault(("s3.put_object",))):
        with pytest.raises(ClientError, match=r"not authorized to perform: s3\.put_object"):
            s3.put_object(Bucket="bucket", Key="a/b", Body=b"1")
        assert s3.list_objects_v2(Bucket="bucket")["KeyCount"] == 0


def test_a_share_of_the_calls_is_throttled_and_the_client_tries_again() -> None:
    throttled_calls: list[str] = []
    ecs = create_retrying_client("ecs")
    ecs.meta.events.register(
        "before-send", lambda **_: throttled_calls.append("sent"), unique_id="n"
    )
    with faults.inject_faults(ThrottlingFault(0.5, seed=3)):
        for _ in range(20):
            ecs.list_clusters()
    assert 30 <= len(throttled_calls) <= 50


def test_an_answer_is_lost_after_the_effect_and_only_so_often() -> None:
    ecs = boto3.client("ecs", region_name=REGION, config=Config(retries={"total_max_attempts": 1}))
    with faults.inject_faults(LostAnswerFault(("ecs.create_cluster",))):
        with pytest.raises(ReadTimeoutError):
            ecs.create_cluster(clusterName="one")
        ecs.create_cluster(clusterName="two")
    assert len(ecs.list_clusters()["clusterArns"]) == 2


def test_reads_show_a_change_late() -> None:
    held = clock.ManualClock(datetime(2026, 11, 20, tzinfo=UTC))
    before = clock.set_sandbox_clock(held)
    ecs = create_retrying_client("ecs")
    try:
        with faults.inject_faults(ReadLagFault(30)):
            assert ecs.list_clusters()["clusterArns"] == []
            ecs.create_cluster(clusterName="one")
            assert ecs.list_clusters()["clusterArns"] == []
            held.advance(20)
            ecs.create_cluster(clusterName="two")
            held.advance(20)
            assert ecs.list_clusters()["clusterArns"] == []  # as it was seen before the second
            held.advance(20)
            assert len(ecs.list_clusters()["clusterArns"]) == 2
    finally:
        clock.set_sandbox_clock(before)


@pytest.mark.parametrize(
    "text",
    [
        "[{}]",
        '[{"fault": "nonsense"}]',
        "no JSON",
        '[{"fault": "lag", "seconds": -1}]',
        '[{"fault": "throttled", "share": 2}]',
        '[{"fault": "denied"}]',
    ],
)
def test_unknown_faults_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        faults.parse_faults(text)


def build_http_client() -> Client:
    return Client(add_faults(DomainDispatcherApplication(create_backend_app)))


def send_http_request(
    http_client: Client, service: str, target: str = "", **request_options: Any
) -> TestResponse:
    credential_scope = f"AKIA/20261120/{REGION}/{service}/aws4_request"
    headers = {"Authorization": f"AWS4-HMAC-SHA256 Credential={credential_scope}, Signature=x"}
    if target:
        json_ = {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.1"}
        headers |= json_
    return http_client.open(headers=headers, **request_options)


def test_faults_are_set_shown_and_ended_at_an_address() -> None:
    http_client = build_http_client()
    listed = [{"fault": "denied", "apis": ["rds.describe_*"]}, {"fault": "lag", "seconds": 5}]
    shown = http_client.post(FAULTS_PATH, data=json.dumps(listed))
    assert shown.status_code == 200
    assert [f["fault"] for f in http_client.get(FAULTS_PATH).get_json()] == ["denied", "lag"]
    describe = {"Action": "DescribeDBInstances", "Version": "2014-10-31"}
    denied = send_http_request(http_client, "rds", method="POST", data=describe)
    assert (denied.status_code, b"AccessDenied" in denied.data) == (403, True)
    assert http_client.post(FAULTS_PATH, data='[{"fault": "x"}]').status_code == 400
    assert http_client.put(FAULTS_PATH).status_code == 405
    assert http_client.delete(FAULTS_PATH).get_json() == []
    assert send_http_request(http_client, "rds", method="POST", data=describe).status_code == 200


def test_a_served_change_takes_effect_and_its_answer_is_lost() -> None:
    http_client = build_http_client()
    http_client.post(FAULTS_PATH, data='[{"fault": "lost-after", "apis": ["s3.put_object"]}]')
    create_retrying_client("s3").create_bucket(
        Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    assert (
        send_http_request(
            http_client, "s3", path="/bucket/key", method="PUT", data=b"kept"
        ).status_code
        == 504
    )
    assert send_http_request(http_client, "s3", path="/bucket/key", method="GET").data == b"kept"


def test_served_reads_are_late() -> None:
    held = clock.ManualClock()
    before = clock.set_sandbox_clock(held)
    http_client = build_http_client()
    try:
        http_client.post(FAULTS_PATH, data='[{"fault": "lag", "seconds": 30}]')
        target = "AmazonEC2ContainerServiceV20141113."

        def call(action: str, body: str) -> Any:
            return send_http_request(
                http_client, "ecs", target=target + action, method="POST", data=body
            ).get_json(force=True)

        assert call("ListClusters", "{}")["clusterArns"] == []
        assert call("CreateCluster", '{"clusterName": "one"}')["cluster"]["clusterName"] == "one"
        assert call("ListClusters", "{}")["clusterArns"] == []
        held.advance(31)
        assert len(call("ListClusters", "{}")["clusterArns"]) == 1
    finally:
        clock.set_sandbox_clock(before)
