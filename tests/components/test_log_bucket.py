"""The bucket of logs: who may write where."""

import json
from typing import Any

import pytest

from components.account import Account
from components.flow_logs import FlowLogs, FlowLogsArgs
from components.log_bucket import ALB_PREFIX, LogBucket, LogBucketArgs
from sandbox.program import ResourceGraph
from tests.conftest import Build
from tests.world import settings

NAME = "bulwark-test-logs-123456789012-eu-north-1"
ARN = f"arn:aws:s3:::{NAME}"


def _logs(build: Build) -> ResourceGraph:
    wanted = settings(
        {"loadBalancer": {"domain": "a.example.com", "zoneId": "Z1", "accessLogDays": 400}}
    )
    return build(lambda: LogBucket("logs", LogBucketArgs(wanted, Account.get_current())))


def _allowed(graph: ResourceGraph) -> dict[str, list[dict[str, Any]]]:
    """Statements that allow, by the service that they let in."""
    policy = json.loads(graph.get_resource("aws:s3/bucketPolicy:BucketPolicy").inputs["policy"])
    by_service: dict[str, list[dict[str, Any]]] = {}
    for statement in policy["Statement"]:
        if statement["Effect"] == "Allow":
            (service,) = statement["Principal"]["Service"]
            by_service.setdefault(service, []).append(statement)
    return by_service


def test_it_is_named_for_the_stack_the_account_and_the_region(build: Build) -> None:
    assert _logs(build).get_resource("aws:s3/bucket:Bucket").inputs["bucket"] == NAME


def test_the_load_balancer_writes_below_its_prefix_and_the_own_account(build: Build) -> None:
    (statement,) = _allowed(_logs(build))["logdelivery.elasticloadbalancing.amazonaws.com"]
    assert statement["Action"] == ["s3:PutObject"]
    assert statement["Resource"] == [f"{ARN}/{ALB_PREFIX}/AWSLogs/123456789012/*"]


def test_access_logs_of_buckets_are_taken_from_the_own_account_only(build: Build) -> None:
    (statement,) = _allowed(_logs(build))["logging.s3.amazonaws.com"]
    assert statement["Resource"] == [f"{ARN}/s3/*"]
    assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": "123456789012"}


def test_flow_logs_are_taken_from_the_own_account_only(build: Build) -> None:
    write, check = _allowed(_logs(build))["delivery.logs.amazonaws.com"]
    assert write["Resource"] == [f"{ARN}/AWSLogs/123456789012/*"]
    assert (check["Action"], check["Resource"]) == (["s3:GetBucketAcl"], [ARN])
    assert write["Condition"]["StringEquals"]["s3:x-amz-acl"] == "bucket-owner-full-control"
    for statement in (write, check):
        assert statement["Condition"]["StringEquals"]["aws:SourceAccount"] == "123456789012"
        assert statement["Condition"]["ArnLike"] == {
            "aws:SourceArn": "arn:aws:logs:eu-north-1:123456789012:*"
        }


def test_s3_6_no_other_account_is_let_in(build: Build) -> None:
    policy = json.loads(
        _logs(build).get_resource("aws:s3/bucketPolicy:BucketPolicy").inputs["policy"]
    )
    allowed = [s for s in policy["Statement"] if s["Effect"] == "Allow"]
    assert allowed
    assert all(set(s["Principal"]) == {"Service"} for s in allowed)


@pytest.mark.parametrize("control", ["S3.10", "S3.13"])
def test_logs_end_after_the_days_of_the_settings(build: Build, control: str) -> None:
    graph = _logs(build)
    kind = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
    rules = {rule["id"]: rule for rule in graph.get_resource(kind).inputs["rules"]}
    assert rules["expire"]["expiration"] == {"days": 400}, control


def test_it_is_encrypted_by_s3_as_load_balancers_cannot_write_otherwise(build: Build) -> None:
    kind = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    (rule,) = _logs(build).get_resource(kind).inputs["rules"]
    assert rule["applyServerSideEncryptionByDefault"]["sseAlgorithm"] == "AES256"


def test_its_name_is_known_to_others_once_the_policy_stands(build: Build) -> None:
    seen: list[str] = []

    def program() -> None:
        logs = LogBucket("logs", LogBucketArgs(settings(), Account.get_current()))
        logs.bucket.apply(seen.append)
        logs.arn.apply(seen.append)

    build(program)
    assert sorted(seen) == [ARN, NAME]


def test_the_vpc_writes_its_flow_logs_where_the_policy_lets_it(build: Build) -> None:
    def program() -> None:
        wanted, account = settings({"network": {"flowLogs": ["s3"]}}), Account.get_current()
        logs = LogBucket("logs", LogBucketArgs(wanted, account))
        FlowLogs("flow-logs", FlowLogsArgs(wanted, account, "vpc-1", None, logs.arn))

    graph = build(program)
    destination = graph.get_resource("aws:ec2/flowLog:FlowLog").inputs["logDestination"].rstrip("/")
    write, _ = _allowed(graph)["delivery.logs.amazonaws.com"]
    assert write["Resource"] == [f"{destination}/AWSLogs/123456789012/*"]
