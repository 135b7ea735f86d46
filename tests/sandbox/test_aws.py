"""The in-memory AWS: nothing leaves the process, and each block starts with an empty one."""

import os
import threading
import time

import boto3
import pytest
from moto.core import routing
from moto.core.utils import get_service_model
from werkzeug.routing import Map, Rule

from sandbox import aws
from sandbox.aws import ACCOUNT_ID, RealAwsError, get_client, use_in_memory_aws

REGION = "eu-north-1"


def test_each_block_starts_empty() -> None:
    for _ in range(2):
        with use_in_memory_aws(REGION):
            s3 = get_client("s3", "us-east-1")
            assert s3.list_buckets()["Buckets"] == []
            s3.create_bucket(Bucket="left-behind")
            get_client("ssm", REGION).put_parameter(Name="/left", Value="1", Type="String")
            assert len(get_client("ssm", REGION).describe_parameters()["Parameters"]) == 1


def test_the_in_memory_aws_has_the_account_of_the_sandbox() -> None:
    with use_in_memory_aws(REGION):
        assert get_client("sts", REGION).get_caller_identity()["Account"] == ACCOUNT_ID


def test_a_request_that_moto_does_not_answer_is_refused() -> None:
    with use_in_memory_aws(REGION):
        elsewhere = boto3.client("s3", endpoint_url="https://storage.example.com")
        with pytest.raises(RealAwsError, match=r"https://storage\.example\.com.* would have left"):
            elsewhere.list_buckets()


def test_an_operation_that_moto_lacks_does_not_go_out() -> None:
    with use_in_memory_aws(REGION), pytest.raises(Exception, match=r"(?i)implement|404|left the"):
        get_client("pricing", "us-east-1").get_products(ServiceCode="AmazonEC2")


def test_a_second_in_memory_aws_is_refused() -> None:
    with (
        use_in_memory_aws(REGION),
        pytest.raises(RuntimeError, match="there is an in-memory AWS in this process already"),
        use_in_memory_aws(REGION),
    ):
        pass


def test_outside_the_in_memory_aws_no_client_is_created() -> None:
    with pytest.raises(RealAwsError, match="no in-memory AWS to call s3 in"):
        get_client("s3", REGION)


def test_the_callers_own_settings_of_aws_are_put_aside_and_come_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://elsewhere.example.com")
    with use_in_memory_aws(REGION):
        assert "AWS_PROFILE" not in os.environ
        assert boto3.client("sts").get_caller_identity()["Account"] == ACCOUNT_ID
    assert os.environ["AWS_PROFILE"] == "production"
    assert os.environ["AWS_ENDPOINT_URL"] == "https://elsewhere.example.com"


def test_url_maps_are_built_in_one_thread_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two at once are a SystemError of `ast` before Python 3.13."""
    builders: list[int] = []
    most_at_once = 0

    def build_slowly(_rules: list[Rule]) -> Map:
        nonlocal most_at_once
        builders.append(threading.get_ident())
        most_at_once = max(most_at_once, len(builders))
        time.sleep(0.02)
        builders.remove(threading.get_ident())
        return Map()

    monkeypatch.setattr(aws, "_create_url_map_unlocked", build_slowly)
    with use_in_memory_aws(REGION):
        models = [get_service_model(service) for service in ("s3", "backup", "lambda")]
        threads = [threading.Thread(target=routing.RestRouter, args=(model,)) for model in models]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert most_at_once == 1
