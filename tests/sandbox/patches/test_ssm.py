"""Run Command in the sandbox."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.ops import fleet_stage as fleet
from tests.ops.stage import Stage, open_stage
from tests.sandbox.conftest import RefusalGetter

DOCUMENT_NAME = "AWS-RunShellScript"


@pytest.fixture
def stage() -> Iterator[Stage]:
    with open_stage() as opened_stage:
        fleet.put_fleet(opened_stage, 3)
        yield opened_stage


def send_shell_command(stage: Stage, script: str, **parameters: Any) -> str:
    document_parameters = {"commands": [script], **parameters.pop("Parameters", {})}
    response = stage.client("ssm").send_command(
        DocumentName=DOCUMENT_NAME,
        Parameters=document_parameters,
        **{"InstanceIds": sorted(fleet.list_instance_ids(stage)), **parameters},
    )
    return str(response["Command"]["CommandId"])


def list_invocations(stage: Stage, command: str, **parameters: Any) -> list[dict[str, Any]]:
    response = stage.client("ssm").list_command_invocations(CommandId=command, **parameters)
    command_invocations: list[dict[str, Any]] = response["CommandInvocations"]
    return command_invocations


def get_command(stage: Stage, id_: str) -> dict[str, Any]:
    (item,) = stage.client("ssm").list_commands(CommandId=id_)["Commands"]
    details: dict[str, Any] = item
    return details


def tag_to_fail(stage: Stage, *instances: str) -> None:
    tags = [{"Key": "sandbox:commands", "Value": "fail"}]
    stage.client("ec2").create_tags(Resources=list(instances), Tags=tags)


def test_a_command_runs_for_a_while_and_then_its_output_is_there(stage: Stage) -> None:
    id_ = send_shell_command(stage, "echo 'a  b'\nsleep 20")
    assert get_command(stage, id_)["Status"] == "InProgress"
    parameters = {"CommandId": id_, "InstanceId": sorted(fleet.list_instance_ids(stage))[0]}
    assert stage.client("ssm").get_command_invocation(**parameters)["StandardOutputContent"] == ""
    stage.clock.sleep(30)
    details = get_command(stage, id_)
    assert (details["Status"], details["CompletedCount"], details["ErrorCount"]) == (
        "Success",
        3,
        0,
    )
    answer = stage.client("ssm").get_command_invocation(**parameters)
    assert (answer["Status"], answer["ResponseCode"]) == ("Success", 0)
    assert answer["StandardOutputContent"] == "a  b\n"
    (plugin,) = list_invocations(stage, id_, Details=True)[0]["CommandPlugins"]
    assert plugin["Output"] == "a  b\n"
    assert "CommandPlugins" not in list_invocations(stage, id_)[0]


def test_a_command_runs_one_by_one_and_stops_after_too_many_errors(stage: Stage) -> None:
    first, second, third = sorted(fleet.list_instance_ids(stage))
    tag_to_fail(stage, first)
    id_ = send_shell_command(stage, "echo x", MaxConcurrency="1", MaxErrors="0")
    stage.clock.sleep(1)
    assert list_invocations(stage, id_)[0]["StatusDetails"] == "InProgress"
    stage.clock.sleep(60)
    status_by_instance = {
        invocation["InstanceId"]: invocation["StatusDetails"]
        for invocation in list_invocations(stage, id_)
    }
    assert status_by_instance == {first: "Failed", second: "Terminated", third: "Terminated"}
    assert get_command(stage, id_)["StatusDetails"] == "Failed"


def test_errors_below_the_limit_do_not_stop_a_command(stage: Stage) -> None:
    tag_to_fail(stage, sorted(fleet.list_instance_ids(stage))[0])
    id_ = send_shell_command(stage, "echo x", MaxConcurrency="1", MaxErrors="50%")
    stage.clock.sleep(60)
    assert sorted(invocation["Status"] for invocation in list_invocations(stage, id_)) == [
        "Failed",
        "Success",
        "Success",
    ]
    assert get_command(stage, id_)["StatusDetails"] == "Incomplete"


def test_a_command_that_takes_too_long_is_ended(stage: Stage) -> None:
    id_ = send_shell_command(stage, "sleep 600", Parameters={"executionTimeout": ["60"]})
    stage.clock.sleep(70)
    assert {invocation["StatusDetails"] for invocation in list_invocations(stage, id_)} == {
        "TimedOut"
    }


def test_a_command_can_target_instances_by_tag(stage: Stage) -> None:
    key = "tag:aws:autoscaling:groupName"
    id_ = send_shell_command(
        stage, "true", InstanceIds=[], Targets=[{"Key": key, "Values": [fleet.FLEET_GROUP]}]
    )
    assert {
        invocation["InstanceId"] for invocation in list_invocations(stage, id_)
    } == fleet.list_instance_ids(stage)


def test_commands_are_found_by_time_and_document_and_known_by_their_comment(stage: Stage) -> None:
    send_shell_command(stage, "true", Comment="earlier")
    stage.clock.sleep(60)
    after = datetime.fromtimestamp(stage.clock.now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    stage.clock.sleep(1)
    send_shell_command(stage, "true", Comment="run-1")
    filters = [
        {"key": "InvokedAfter", "value": after},
        {"key": "DocumentName", "value": DOCUMENT_NAME},
    ]
    commands = stage.client("ssm").list_commands(Filters=filters)["Commands"]
    assert [item["Comment"] for item in commands] == ["run-1"]
    pages = (
        stage.client("ssm")
        .get_paginator("list_commands")
        .paginate(PaginationConfig={"PageSize": 1})
    )
    assert [c["Comment"] for p in pages for c in p["Commands"]] == ["run-1", "earlier"]


def test_a_missing_instance_document_or_command_is_refused(
    stage: Stage, get_refusal: RefusalGetter
) -> None:
    ssm = stage.client("ssm")
    gone = sorted(fleet.list_instance_ids(stage))[0]
    stage.client("ec2").terminate_instances(InstanceIds=[gone])
    parameters = {"DocumentName": DOCUMENT_NAME, "Parameters": {"commands": ["true"]}}
    assert get_refusal(ssm.send_command, **parameters, InstanceIds=[gone])[0] == "InvalidInstanceId"
    wrong = {**parameters, "DocumentName": "no-such"}
    assert get_refusal(ssm.send_command, **wrong)[0] == "InvalidDocument"
    id_ = send_shell_command(stage, "true")
    invocation_key = {"CommandId": id_, "InstanceId": gone}
    assert get_refusal(ssm.get_command_invocation, **invocation_key)[0] == "InvocationDoesNotExist"
