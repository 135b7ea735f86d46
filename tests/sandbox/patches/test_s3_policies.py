"""Bucket policies in the sandbox: a denial without TLS denies none of its calls."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.aws import get_client, use_in_memory_aws

ARN = "arn:aws:s3:::kept"


@pytest.fixture
def s3() -> Iterator[Any]:
    with use_in_memory_aws("us-east-1"):
        made = get_client("s3", "us-east-1")
        made.create_bucket(Bucket="kept")
        yield made


def deny(s3: Any, **more: object) -> None:
    statement = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": [f"{ARN}/*"]}
    policy = {"Version": "2012-10-17", "Statement": [statement | more]}
    s3.put_bucket_policy(Bucket="kept", Policy=json.dumps(policy))


def test_a_bucket_for_tls_only_takes_the_sandboxs_calls(s3: Any) -> None:
    deny(s3, Condition={"Bool": {"aws:SecureTransport": "false"}})
    s3.put_object(Bucket="kept", Key="a", Body=b"1")
    assert s3.get_object(Bucket="kept", Key="a")["Body"].read() == b"1"


def test_a_denial_without_a_condition_denies(s3: Any) -> None:
    deny(s3)
    with pytest.raises(ClientError, match="Forbidden"):
        s3.put_object(Bucket="kept", Key="a", Body=b"1")
