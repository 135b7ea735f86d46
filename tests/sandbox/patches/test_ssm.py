"""Run Command in the sandbox."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.ops import fleet_stage as fleet
from tests.ops.stage import Stage, stage
from tests.sandbox.conftest import Refusal

DOCUMENT = "AWS-RunShellScript"


@pytest.fixture
def on() -> Iterator[Stage]:
    with stage() as made:
        fleet.put(made, 3)
        yield made


def send(on: Stage, script: str, **given: Any) -> str:
    parameters = {"commands": [script], **given.pop("Parameters", {})}
    made = on.client("ssm").send_command(
        DocumentName=DOCUMENT,
        Parameters=parameters,
        **{"InstanceIds": sorted(fleet.ids(on)), **given},
    )
    return str(made["Command"]["CommandId"])


def invocations(on: Stage, command: str, **given: Any) -> list[dict[str, Any]]:
    found = on.client("ssm").list_command_invocations(CommandId=command, **given)
    listed: list[dict[str, Any]] = found["CommandInvocations"]
    return listed


def command(on: Stage, id_: str) -> dict[str, Any]:
    (found,) = on.client("ssm").list_commands(CommandId=id_)["Commands"]
    one: dict[str, Any] = found
    return one


def fail(on: Stage, *instances: str) -> None:
    tags = [{"Key": "sandbox:commands", "Value": "fail"}]
    on.client("ec2").create_tags(Resources=list(instances), Tags=tags)


def test_a_command_runs_for_a_while_and_then_its_output_is_there(on: Stage) -> None:
    id_ = send(on, "echo 'a  b'\nsleep 20")
    assert command(on, id_)["Status"] == "InProgress"
    one = {"CommandId": id_, "InstanceId": sorted(fleet.ids(on))[0]}
    assert on.client("ssm").get_command_invocation(**one)["StandardOutputContent"] == ""
    on.clock.sleep(30)
    found = command(on, id_)
    assert (found["Status"], found["CompletedCount"], found["ErrorCount"]) == ("Success", 3, 0)
    answer = on.client("ssm").get_command_invocation(**one)
    assert (answer["Status"], answer["ResponseCode"]) == ("Success", 0)
    assert answer["StandardOutputContent"] == "a  b\n"
    (plugin,) = invocations(on, id_, Details=True)[0]["CommandPlugins"]
    assert plugin["Output"] == "a  b\n"
    assert "CommandPlugins" not in invocations(on, id_)[0]


def test_one_after_another_and_no_more_after_too_many_errors(on: Stage) -> None:
    first, second, third = sorted(fleet.ids(on))
    fail(on, first)
    id_ = send(on, "echo x", MaxConcurrency="1", MaxErrors="0")
    on.clock.sleep(1)
    assert invocations(on, id_)[0]["StatusDetails"] == "InProgress"
    on.clock.sleep(60)
    found = {it["InstanceId"]: it["StatusDetails"] for it in invocations(on, id_)}
    assert found == {first: "Failed", second: "Terminated", third: "Terminated"}
    assert command(on, id_)["StatusDetails"] == "Failed"


def test_few_errors_are_borne(on: Stage) -> None:
    fail(on, sorted(fleet.ids(on))[0])
    id_ = send(on, "echo x", MaxConcurrency="1", MaxErrors="50%")
    on.clock.sleep(60)
    assert sorted(it["Status"] for it in invocations(on, id_)) == ["Failed", "Success", "Success"]
    assert command(on, id_)["StatusDetails"] == "Incomplete"


def test_a_command_that_takes_too_long_is_ended(on: Stage) -> None:
    id_ = send(on, "sleep 600", Parameters={"executionTimeout": ["60"]})
    on.clock.sleep(70)
    assert {it["StatusDetails"] for it in invocations(on, id_)} == {"TimedOut"}


def test_instances_are_meant_by_a_tag(on: Stage) -> None:
    key = "tag:aws:autoscaling:groupName"
    id_ = send(on, "true", InstanceIds=[], Targets=[{"Key": key, "Values": [fleet.GROUP]}])
    assert {it["InstanceId"] for it in invocations(on, id_)} == fleet.ids(on)


def test_commands_are_found_by_time_and_document_and_known_by_their_comment(on: Stage) -> None:
    send(on, "true", Comment="earlier")
    on.clock.sleep(60)
    after = datetime.fromtimestamp(on.clock.now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    on.clock.sleep(1)
    send(on, "true", Comment="run-1")
    filters = [
        {"key": "InvokedAfter", "value": after},
        {"key": "DocumentName", "value": DOCUMENT},
    ]
    found = on.client("ssm").list_commands(Filters=filters)["Commands"]
    assert [it["Comment"] for it in found] == ["run-1"]
    pages = (
        on.client("ssm").get_paginator("list_commands").paginate(PaginationConfig={"PageSize": 1})
    )
    assert [c["Comment"] for p in pages for c in p["Commands"]] == ["run-1", "earlier"]


def test_what_is_not_there_is_refused(on: Stage, refused: Refusal) -> None:
    ssm = on.client("ssm")
    gone = sorted(fleet.ids(on))[0]
    on.client("ec2").terminate_instances(InstanceIds=[gone])
    given = {"DocumentName": DOCUMENT, "Parameters": {"commands": ["true"]}}
    assert refused(ssm.send_command, **given, InstanceIds=[gone])[0] == "InvalidInstanceId"
    wrong = {**given, "DocumentName": "no-such"}
    assert refused(ssm.send_command, **wrong)[0] == "InvalidDocument"
    id_ = send(on, "true")
    one = {"CommandId": id_, "InstanceId": gone}
    assert refused(ssm.get_command_invocation, **one)[0] == "InvocationDoesNotExist"
