"""Flow logs: where they go, how they are kept, and who may write them."""

import json

import pytest
from pydantic import JsonValue

from components.account import Account
from components.flow_logs import FlowLogs, FlowLogsArgs
from sandbox.program import ResourceGraph
from tests.conftest import Build
from tests.world import ACCOUNT, build_settings

FLOW_LOG_TYPE, LOG_GROUP_TYPE = "aws:ec2/flowLog:FlowLog", "aws:cloudwatch/logGroup:LogGroup"
KMS_KEY_ARN, LOG_BUCKET_ARN = "arn:aws:kms:eu-north-1:123456789012:key/logs", "arn:aws:s3:::logs"


def build_flow_logs_graph(build: Build, *destinations: JsonValue) -> ResourceGraph:
    def program() -> None:
        settings = build_settings({"network": {"flowLogs": list(destinations)}})
        FlowLogs(
            "flow-logs",
            args=FlowLogsArgs(
                settings=settings,
                account=Account.get_current(),
                vpc_id="vpc-1",
                kms_key=KMS_KEY_ARN,
                bucket_arn=LOG_BUCKET_ARN,
            ),
        )

    return build(program)


def test_ec2_6_all_traffic_is_logged_each_minute_by_default(build: Build) -> None:
    def program() -> None:
        FlowLogs(
            "flow-logs",
            args=FlowLogsArgs(
                settings=build_settings(),
                account=Account.get_current(),
                vpc_id="vpc-1",
                kms_key=KMS_KEY_ARN,
                bucket_arn=None,
            ),
        )

    log = build(program).get_resource(FLOW_LOG_TYPE).inputs
    assert (log["vpcId"], log["trafficType"], log["maxAggregationInterval"]) == ("vpc-1", "ALL", 60)
    assert log["logDestinationType"] == "cloud-watch-logs"


def test_the_log_group_has_its_retention_and_its_key(build: Build) -> None:
    graph = build_flow_logs_graph(build, "cloudwatch")
    group = graph.get_resource(LOG_GROUP_TYPE)
    assert group.inputs["name"] == "/bulwark/test/flow-logs"
    assert (group.inputs["retentionInDays"], group.inputs["kmsKeyId"]) == (90, KMS_KEY_ARN)
    assert graph.get_resource(FLOW_LOG_TYPE).inputs["logDestination"] == group.outputs["arn"]


def test_the_role_writes_to_this_group_for_flow_logs_of_this_account_only(build: Build) -> None:
    graph = build_flow_logs_graph(build, "cloudwatch")
    role = graph.get_resource("aws:iam/role:Role")
    (trust,) = json.loads(role.inputs["assumeRolePolicy"])["Statement"]
    assert trust["Principal"] == {"Service": ["vpc-flow-logs.amazonaws.com"]}
    assert trust["Condition"] == {
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
        "ArnLike": {"aws:SourceArn": f"arn:aws:ec2:eu-north-1:{ACCOUNT}:vpc-flow-log/*"},
    }
    text = graph.get_resource("aws:iam/rolePolicy:RolePolicy").inputs["policy"]
    write_statement, read_statement = json.loads(text)["Statement"]
    assert write_statement["Resource"] == [f"{graph.get_resource(LOG_GROUP_TYPE).outputs['arn']}:*"]
    assert "logs:PutLogEvents" in write_statement["Action"]
    assert all(action.startswith("logs:Describe") for action in read_statement["Action"])
    assert graph.get_resource(FLOW_LOG_TYPE).inputs["iamRoleArn"] == role.outputs["arn"]


@pytest.mark.parametrize("destinations", [(), ("cloudwatch",), ("s3",), ("cloudwatch", "s3")])
def test_each_chosen_destination_has_its_flow_log(
    build: Build, destinations: tuple[str, ...]
) -> None:
    graph = build_flow_logs_graph(build, *destinations)
    assert {log.name for log in graph.list_resources(FLOW_LOG_TYPE)} == {
        f"flow-logs-{d}" for d in destinations
    }
    assert len(graph.list_resources(LOG_GROUP_TYPE)) == ("cloudwatch" in destinations)


def test_flow_logs_in_s3_lie_where_the_buckets_policy_lets_them(build: Build) -> None:
    log = build_flow_logs_graph(build, "s3").get_resource(FLOW_LOG_TYPE).inputs
    assert log["logDestination"] == LOG_BUCKET_ARN  # AWS adds AWSLogs/{account}/vpcflowlogs/
    assert log["destinationOptions"] == {"fileFormat": "parquet"}
    assert log.get("iamRoleArn") is None
