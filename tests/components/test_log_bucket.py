"""The bucket of logs: who may write where."""

import json
from typing import Any

import pytest

from components.account import Account
from components.facts.load_balancer import BALANCER_LOG_PREFIX
from components.flow_logs import FlowLogs, FlowLogsArgs
from components.log_bucket import LogBucket, LogBucketArgs
from sandbox.program import ResourceGraph
from tests.conftest import Build
from tests.world import build_settings

LOG_BUCKET_NAME = "bulwark-test-logs-123456789012-eu-north-1"
LOG_BUCKET_ARN = f"arn:aws:s3:::{LOG_BUCKET_NAME}"


def _build_log_bucket_graph(build: Build) -> ResourceGraph:
    settings = build_settings(
        {"loadBalancer": {"domain": "a.example.com", "zoneId": "Z1", "accessLogDays": 400}}
    )
    return build(
        lambda: LogBucket(
            "logs", args=LogBucketArgs(settings=settings, account=Account.get_current())
        )
    )


def _list_allow_statements(graph: ResourceGraph) -> dict[str, list[dict[str, Any]]]:
    """Statements that allow, by the service that they let in."""
    policy = json.loads(graph.get_resource("aws:s3/bucketPolicy:BucketPolicy").inputs["policy"])
    by_service: dict[str, list[dict[str, Any]]] = {}
    for statement in policy["Statement"]:
        if statement["Effect"] == "Allow":
            (service,) = statement["Principal"]["Service"]
            by_service.setdefault(service, []).append(statement)
    return by_service


def test_the_log_bucket_is_named_for_stack_account_and_region(build: Build) -> None:
    assert (
        _build_log_bucket_graph(build).get_resource("aws:s3/bucket:Bucket").inputs["bucket"]
        == LOG_BUCKET_NAME
    )


def test_load_balancers_write_below_the_prefix_of_the_own_account(build: Build) -> None:
    (statement,) = _list_allow_statements(_build_log_bucket_graph(build))[
        "logdelivery.elasticloadbalancing.amazonaws.com"
    ]
    assert statement["Action"] == ["s3:PutObject"]
    assert statement["Resource"] == [
        f"{LOG_BUCKET_ARN}/{BALANCER_LOG_PREFIX}/AWSLogs/123456789012/*"
    ]


def test_access_logs_of_buckets_are_taken_from_the_own_account_only(build: Build) -> None:
    (statement,) = _list_allow_statements(_build_log_bucket_graph(build))[
        "logging.s3.amazonaws.com"
    ]
    assert statement["Resource"] == [f"{LOG_BUCKET_ARN}/s3/*"]
    assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": "123456789012"}


def test_flow_logs_are_taken_from_the_own_account_only(build: Build) -> None:
    write, check = _list_allow_statements(_build_log_bucket_graph(build))[
        "delivery.logs.amazonaws.com"
    ]
    assert write["Resource"] == [f"{LOG_BUCKET_ARN}/AWSLogs/123456789012/*"]
    assert (check["Action"], check["Resource"]) == (["s3:GetBucketAcl"], [LOG_BUCKET_ARN])
    assert write["Condition"]["StringEquals"]["s3:x-amz-acl"] == "bucket-owner-full-control"
    for statement in (write, check):
        assert statement["Condition"]["StringEquals"]["aws:SourceAccount"] == "123456789012"
        assert statement["Condition"]["ArnLike"] == {
            "aws:SourceArn": "arn:aws:logs:eu-north-1:123456789012:*"
        }


def test_s3_6_the_log_bucket_admits_no_other_account(build: Build) -> None:
    policy = json.loads(
        _build_log_bucket_graph(build)
        .get_resource("aws:s3/bucketPolicy:BucketPolicy")
        .inputs["policy"]
    )
    allowed = [s for s in policy["Statement"] if s["Effect"] == "Allow"]
    assert allowed
    assert all(set(s["Principal"]) == {"Service"} for s in allowed)


@pytest.mark.parametrize("control", ["S3.10", "S3.13"])
def test_logs_end_after_the_days_of_the_settings(build: Build, control: str) -> None:
    graph = _build_log_bucket_graph(build)
    kind = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
    rules = {rule["id"]: rule for rule in graph.get_resource(kind).inputs["rules"]}
    assert rules["expire"]["expiration"] == {"days": 400}, control


def test_the_log_bucket_uses_sse_s3_which_load_balancers_need(build: Build) -> None:
    kind = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    (rule,) = _build_log_bucket_graph(build).get_resource(kind).inputs["rules"]
    assert rule["applyServerSideEncryptionByDefault"]["sseAlgorithm"] == "AES256"


def test_the_log_buckets_name_resolves_after_its_policy(build: Build) -> None:
    bucket_names: list[str] = []

    def program() -> None:
        logs = LogBucket(
            "logs", args=LogBucketArgs(settings=build_settings(), account=Account.get_current())
        )
        logs.bucket.apply(bucket_names.append)
        logs.arn.apply(bucket_names.append)

    build(program)
    assert sorted(bucket_names) == [LOG_BUCKET_ARN, LOG_BUCKET_NAME]


def test_the_vpc_writes_its_flow_logs_where_the_policy_lets_it(build: Build) -> None:
    def program() -> None:
        settings, account = build_settings({"network": {"flowLogs": ["s3"]}}), Account.get_current()
        logs = LogBucket("logs", args=LogBucketArgs(settings=settings, account=account))
        FlowLogs(
            "flow-logs",
            args=FlowLogsArgs(
                settings=settings,
                account=account,
                vpc_id="vpc-1",
                kms_key=None,
                bucket_arn=logs.arn,
            ),
        )

    graph = build(program)
    destination = graph.get_resource("aws:ec2/flowLog:FlowLog").inputs["logDestination"].rstrip("/")
    write, _ = _list_allow_statements(graph)["delivery.logs.amazonaws.com"]
    assert write["Resource"] == [f"{destination}/AWSLogs/123456789012/*"]
