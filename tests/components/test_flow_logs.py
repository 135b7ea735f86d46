"""Flow logs: where they go, how they are kept, and who may write them."""

import json

import pytest
from pydantic import JsonValue

from components.account import Account
from components.flow_logs import FlowLogs, FlowLogsArgs
from sandbox.program import ResourceGraph
from tests.conftest import Build
from tests.world import ACCOUNT, settings

FLOW_LOG, GROUP = "aws:ec2/flowLog:FlowLog", "aws:cloudwatch/logGroup:LogGroup"
KEY, BUCKET = "arn:aws:kms:eu-north-1:123456789012:key/logs", "arn:aws:s3:::logs"


def flow_logs(build: Build, *destinations: JsonValue) -> ResourceGraph:
    def program() -> None:
        chosen = settings({"network": {"flowLogs": list(destinations)}})
        FlowLogs("flow-logs", FlowLogsArgs(chosen, Account.get_current(), "vpc-1", KEY, BUCKET))

    return build(program)


def test_ec2_6_all_traffic_is_logged_each_minute_by_default(build: Build) -> None:
    def program() -> None:
        FlowLogs("flow-logs", FlowLogsArgs(settings(), Account.get_current(), "vpc-1", KEY, None))

    log = build(program).get_resource(FLOW_LOG).inputs
    assert (log["vpcId"], log["trafficType"], log["maxAggregationInterval"]) == ("vpc-1", "ALL", 60)
    assert log["logDestinationType"] == "cloud-watch-logs"


def test_the_log_group_has_its_retention_and_its_key(build: Build) -> None:
    graph = flow_logs(build, "cloudwatch")
    group = graph.get_resource(GROUP)
    assert group.inputs["name"] == "/bulwark/test/flow-logs"
    assert (group.inputs["retentionInDays"], group.inputs["kmsKeyId"]) == (90, KEY)
    assert graph.get_resource(FLOW_LOG).inputs["logDestination"] == group.outputs["arn"]


def test_the_role_writes_to_this_group_for_flow_logs_of_this_account_only(build: Build) -> None:
    graph = flow_logs(build, "cloudwatch")
    role = graph.get_resource("aws:iam/role:Role")
    (trust,) = json.loads(role.inputs["assumeRolePolicy"])["Statement"]
    assert trust["Principal"] == {"Service": ["vpc-flow-logs.amazonaws.com"]}
    assert trust["Condition"] == {
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
        "ArnLike": {"aws:SourceArn": f"arn:aws:ec2:eu-north-1:{ACCOUNT}:vpc-flow-log/*"},
    }
    text = graph.get_resource("aws:iam/rolePolicy:RolePolicy").inputs["policy"]
    writing, reading = json.loads(text)["Statement"]
    assert writing["Resource"] == [f"{graph.get_resource(GROUP).outputs['arn']}:*"]
    assert "logs:PutLogEvents" in writing["Action"]
    assert all(action.startswith("logs:Describe") for action in reading["Action"])
    assert graph.get_resource(FLOW_LOG).inputs["iamRoleArn"] == role.outputs["arn"]


@pytest.mark.parametrize("destinations", [(), ("cloudwatch",), ("s3",), ("cloudwatch", "s3")])
def test_each_chosen_destination_has_its_flow_log(
    build: Build, destinations: tuple[str, ...]
) -> None:
    graph = flow_logs(build, *destinations)
    assert {log.name for log in graph.list_resources(FLOW_LOG)} == {
        f"flow-logs-{d}" for d in destinations
    }
    assert len(graph.list_resources(GROUP)) == ("cloudwatch" in destinations)


def test_flow_logs_in_s3_lie_where_the_buckets_policy_lets_them(build: Build) -> None:
    log = flow_logs(build, "s3").get_resource(FLOW_LOG).inputs
    assert log["logDestination"] == BUCKET  # AWS adds AWSLogs/{account}/vpcflowlogs/
    assert log["destinationOptions"] == {"fileFormat": "parquet"}
    assert log.get("iamRoleArn") is None
