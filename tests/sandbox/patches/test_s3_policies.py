"""Bucket policies in the sandbox: a denial without TLS denies none of its calls."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.aws import get_client, use_in_memory_aws

BUCKET_ARN = "arn:aws:s3:::kept"


@pytest.fixture
def s3_client() -> Iterator[Any]:
    with use_in_memory_aws("us-east-1"):
        created_client = get_client("s3", "us-east-1")
        created_client.create_bucket(Bucket="kept")
        yield created_client


def put_deny_policy(s3_client: Any, **extra_keys: object) -> None:
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"{BUCKET_ARN}/*"],
    }
    policy = {"Version": "2012-10-17", "Statement": [statement | extra_keys]}
    s3_client.put_bucket_policy(Bucket="kept", Policy=json.dumps(policy))


def test_a_bucket_for_tls_only_takes_the_sandboxs_calls(s3_client: Any) -> None:
    put_deny_policy(s3_client, Condition={"Bool": {"aws:SecureTransport": "false"}})
    s3_client.put_object(Bucket="kept", Key="a", Body=b"1")
    assert s3_client.get_object(Bucket="kept", Key="a")["Body"].read() == b"1"


def test_a_denial_without_a_condition_denies(s3_client: Any) -> None:
    put_deny_policy(s3_client)
    with pytest.raises(ClientError, match="Forbidden"):
        s3_client.put_object(Bucket="kept", Key="a", Body=b"1")
