"""Saved queries are kept, replaced as a whole, and refused as AWS refuses them."""

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from sandbox.aws import use_in_memory_aws

REGION = "eu-north-1"


def test_a_saved_query_is_replaced_as_a_whole_and_deleted() -> None:
    with use_in_memory_aws(REGION):
        logs = boto3.client("logs", region_name=REGION)
        logs.create_log_group(logGroupName="/bulwark/a")
        saved = logs.put_query_definition(
            name="bulwark-a/errors", queryString="fields @message", logGroupNames=["/bulwark/a"]
        )
        query_id = saved["queryDefinitionId"]
        logs.put_query_definition(name="other/errors", queryString="fields @message")
        logs.put_query_definition(
            name="bulwark-a/lines", queryString="fields @log", queryDefinitionId=query_id
        )
        (query,) = logs.describe_query_definitions(queryDefinitionNamePrefix="bulwark-a/")[
            "queryDefinitions"
        ]
        assert (query["name"], query["queryString"], query["logGroupNames"]) == (
            "bulwark-a/lines",
            "fields @log",
            [],
        )
        assert logs.delete_query_definition(queryDefinitionId=query_id)["success"]
        assert len(logs.describe_query_definitions()["queryDefinitions"]) == 1


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"logGroupNames": ["/gone"]}, "ResourceNotFoundException"),
        ({"queryDefinitionId": "gone"}, "ResourceNotFoundException"),
        ({"queryString": "x" * 10_001}, "InvalidParameterException"),
    ],
)
def test_a_saved_query_that_aws_refuses(params: dict[str, Any], code: str) -> None:
    with use_in_memory_aws(REGION):
        logs = boto3.client("logs", region_name=REGION)
        with pytest.raises(ClientError) as refused:
            logs.put_query_definition(**{"name": "errors", "queryString": "fields @log", **params})
        assert refused.value.response["Error"]["Code"] == code
        with pytest.raises(ClientError):
            logs.delete_query_definition(queryDefinitionId="gone")
