"""`ops network reach SERVICE TO --probe`: tasks like the service's try it, one in each subnet."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.ops.db_stage import fail_operations
from tests.ops.every_command import open_command_line
from tests.ops.network_stage import (
    DATABASE_PORT,
    build_permission,
    deny_in_acl,
    find_group,
    put_connected_fleet,
)
from tests.ops.stage import STACK_PREFIX, Stage

Typed = tuple[Stage, Callable[[str], int]]
Captured = pytest.CaptureFixture[str]
FAMILY = f"{STACK_PREFIX}-network-probe"
LINE = "network reach backend database --probe --yes"


@pytest.fixture
def typed() -> Iterator[Typed]:
    with open_command_line(put_connected_fleet) as (stage, run_line):
        yield stage, run_line


def read_body(run_line: Callable[[str], int], capsys: Captured, line: str, code: int) -> Any:
    capsys.readouterr()
    assert run_line(f"{line} --output json") == code
    return json.loads(capsys.readouterr().out)


def list_definitions(stage: Stage, status: str = "ACTIVE") -> list[str]:
    answer = stage.client("ecs").list_task_definitions(status=status)
    return [str(arn) for arn in answer["taskDefinitionArns"] if f"/{FAMILY}-" in arn]


def test_a_task_in_each_subnet_connects_and_nothing_is_left(typed: Typed, capsys: Captured) -> None:
    stage, run_line = typed
    body = read_body(run_line, capsys, LINE, 0)
    subnets = set(stage.outputs.network.private_subnets.values())
    assert {probe["from"] for probe in body["probes"]} == subnets
    assert {(probe["outcome"], probe["rules"]) for probe in body["probes"]} == {
        ("connected", "allowed")
    }
    assert list_definitions(stage) == []
    (arn,) = list_definitions(stage, "INACTIVE")
    definition: Any = stage.client("ecs").describe_task_definition(taskDefinition=arn)
    (container,) = definition["taskDefinition"]["containerDefinitions"]
    assert container["user"] == "65534"
    assert not container.get("secrets")
    assert "taskRoleArn" not in definition["taskDefinition"]


def test_each_subnet_is_compared_with_its_own_rules(typed: Typed, capsys: Captured) -> None:
    """Only the subnet of zone a is shut out of the database's."""
    stage, run_line = typed
    cidr = "10.0.16.0/24"
    deny_in_acl(stage, "database", (DATABASE_PORT, DATABASE_PORT), is_egress=False, cidr=cidr)
    body = read_body(run_line, capsys, LINE, 3)
    stopped = stage.outputs.network.private_subnets["a"]
    outcomes = {
        (item["from"] == stopped, item["outcome"], item["rules"]) for item in body["probes"]
    }
    assert outcomes == {
        (True, "timed-out", "stopped"),
        (False, "connected", "allowed"),
    }
    assert run_line(LINE) == 3
    assert "does not reach database:5433 by 1 of 2 tries" in capsys.readouterr().err


def test_a_task_tries_from_its_own_subnet(typed: Typed, capsys: Captured) -> None:
    stage, run_line = typed
    ecs = stage.client("ecs")
    arn = ecs.list_tasks(cluster=STACK_PREFIX, serviceName="backend")["taskArns"][0]
    task: Any = ecs.describe_tasks(cluster=STACK_PREFIX, tasks=[arn])["tasks"][0]
    details = {item["name"]: item["value"] for item in task["attachments"][0]["details"]}
    task_id = arn.rsplit("/", 1)[-1]
    body = read_body(run_line, capsys, f"network reach {task_id} database --probe --yes", 0)
    assert [probe["from"] for probe in body["probes"]] == [details["subnetId"]]


def test_a_deleted_rule_is_named_beside_what_was_tried(typed: Typed, capsys: Captured) -> None:
    stage, run_line = typed
    group = find_group(stage, "tasks")
    stage.client("ec2").revoke_security_group_egress(
        GroupId=group,
        IpPermissions=build_permission(DATABASE_PORT, find_group(stage, "database")),
    )
    assert run_line(LINE) == 3
    err = capsys.readouterr().err
    assert "backend does not reach database:5433: the rules stop it, and it does not" in err
    assert f"authorize-security-group-egress --group-id {group}" in err


def test_tasks_are_called_by_their_addresses(typed: Typed, capsys: Captured) -> None:
    """The instances may not call the tasks: no rule lets them in."""
    _, run_line = typed
    body = read_body(run_line, capsys, "network reach fleet backend --probe --yes", 3)
    assert {(item["outcome"], item["rules"]) for item in body["probes"]} == {
        ("timed-out", "stopped")
    }
    assert len({item["to"] for item in body["probes"]}) == 2
    assert {item["dns_ms"] for item in body["probes"]} == {None}


def test_a_service_without_a_task_has_no_address_to_connect_to(
    typed: Typed, capsys: Captured
) -> None:
    stage, run_line = typed
    stage.client("ecs").update_service(cluster=STACK_PREFIX, service="backend", desiredCount=0)
    stage.clock.sleep(3600)
    assert run_line("network reach fleet backend --probe --yes") == 1
    assert "backend has no address to connect to yet" in capsys.readouterr().err
    body = read_body(run_line, capsys, LINE, 0)  # what its next task would have
    assert {probe["outcome"] for probe in body["probes"]} == {"connected"}


def test_an_image_without_python_ends_with_why_its_task_stopped(
    typed: Typed, capsys: Captured
) -> None:
    stage, run_line = typed
    image = "public.ecr.aws/nginx/nginx-unprivileged:stable"
    assert run_line(f"{LINE} --image {image}") == 5
    err = capsys.readouterr().err
    assert 'its task stopped: CannotStartContainerError: exec: "python3"' in err
    assert list_definitions(stage) == []


def test_a_dry_run_names_each_subnet_and_starts_nothing(typed: Typed, capsys: Captured) -> None:
    stage, run_line = typed
    assert run_line("network reach backend database --probe --dry-run") == 0
    out = capsys.readouterr().out
    for subnet in stage.outputs.network.private_subnets.values():
        assert f"start the task in {subnet}" in out
    assert "runs as a task like those of backend, once in each subnet" in out
    assert list_definitions(stage) == list_definitions(stage, "INACTIVE") == []


@pytest.mark.parametrize(
    ("source", "api"),
    [
        ("backend", "ecs.run_task"),
        ("fleet", "ssm.send_command"),
    ],
)
def test_a_denied_call_is_named_and_its_run_can_be_undone(
    typed: Typed, capsys: Captured, source: str, api: str
) -> None:
    stage, run_line = typed
    with fail_operations("AccessDeniedException", api.partition(".")[2]):
        assert run_line(f"network reach {source} database --probe --yes") not in (0, 3)
    captured = capsys.readouterr()
    assert f"{api} was denied" in captured.err
    assert f"{source} reaches" not in captured.out
    undo = next(line for line in captured.err.splitlines() if "ops runs undo" in line)
    assert run_line(f"{undo.strip().removeprefix('ops ')} --yes") == 0
    assert list_definitions(stage) == []
