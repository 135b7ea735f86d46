"""`ops cache clear`: a task of the stack deletes keys, as the plan says, and no others."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from components.facts.metrics import ELASTICACHE_NAMESPACE
from tests.ops.cache_stage import get_store, put_clearable_cache
from tests.ops.command_line import OpsConsole
from tests.ops.db_stage import fail_operations
from tests.ops.metric_stage import put_values
from tests.ops.service_stage import patch_command_line, put_exec_service
from tests.ops.stage import STACK_PREFIX, Stage, open_stage

FAMILY = f"{STACK_PREFIX}-cache-clear"
TOKEN = "token-12345678901234567890"


@pytest.fixture
def ops(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[OpsConsole]:
    with open_stage() as stage:
        put_clearable_cache(stage)
        with (
            patch_command_line(stage, tmp_path) as file,
            patch("ops.core.clock.now", stage.clock.held_clock.now),
        ):
            yield OpsConsole(stage, file, capsys)


def list_definitions(stage: Stage, status: str = "ACTIVE") -> list[str]:
    answer = stage.client("ecs").list_task_definitions(status=status)
    return [str(arn) for arn in answer["taskDefinitionArns"] if f"/{FAMILY}-" in arn]


def read_journals(stage: Stage) -> str:
    s3, bucket = stage.client("s3"), stage.outputs.backups.operations_bucket
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket=bucket).get("Contents", ())]
    return "".join(s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode() for key in keys)


def test_the_keys_of_a_pattern_are_deleted_in_every_database_and_no_others(
    ops: OpsConsole,
) -> None:
    line = ops.add_plan_hash("cache clear --keys session:*")
    body = ops.run_for_json(line)
    counts = {name: body[name] for name in ("keysBefore", "matched", "deleted", "keysAfter")}
    assert counts == {"keysBefore": 1203, "matched": 1201, "deleted": 1201, "keysAfter": 2}
    assert get_store().list_keys() == ["page:1", "page:2"]
    assert list_definitions(ops.stage) == []
    assert len(list_definitions(ops.stage, "INACTIVE")) == 1


def test_every_key_is_deleted_by_flushing(ops: OpsConsole) -> None:
    body = ops.run_for_json(ops.add_plan_hash("cache clear --all"))
    assert (body["deleted"], body["keysAfter"]) == (1203, 0)
    assert get_store().list_keys() == []


def test_keys_are_counted_without_one_being_deleted(ops: OpsConsole) -> None:
    body = ops.run_for_json("cache clear --keys page:? --count --yes")
    assert (body["keysBefore"], body["matched"], body["keysAfter"]) == (1203, 2, 1203)
    assert "deleted" not in body
    assert len(get_store().list_keys()) == 1203


def test_the_plan_says_how_many_keys_there_are_and_what_is_lost(ops: OpsConsole) -> None:
    dimensions = {"CacheClusterId": f"{STACK_PREFIX}-cache-001", "CacheNodeId": "0001"}
    out, _ = ops("cache clear --keys session:* --dry-run")
    assert "an unknown number of keys: CloudWatch has no newest value of CurrItems" in out
    put_values(
        ops.stage,
        "CurrItems",
        [1203],
        namespace=ELASTICACHE_NAMESPACE,
        dimensions=dimensions,
        minutes_ago=3,
    )
    counted, _ = ops("cache clear --keys session:* --dry-run")
    assert "the cache holds 1,203 keys in all, by CloudWatch at " in counted
    assert "the keys session:* of bulwark-test-cache, for good" in counted
    # The number is no part of what is agreed to: it changes all the time.
    assert [line for line in out.splitlines() if "--expect" in line] == [
        line for line in counted.splitlines() if "--expect" in line
    ]


def test_the_stacks_name_is_asked_for_unless_keys_are_only_counted(ops: OpsConsole) -> None:
    _, err = ops("cache clear --all --yes", 2)
    assert "there is no terminal to type the stack's name on" in err
    assert len(get_store().list_keys()) == 1203


def test_the_token_is_in_no_plan_journal_or_definition(ops: OpsConsole) -> None:
    out, _ = ops("cache clear --all --dry-run --details")
    ops(ops.add_plan_hash("cache clear --all"))
    (arn,) = list_definitions(ops.stage, "INACTIVE")
    definition = ops.stage.client("ecs").describe_task_definition(taskDefinition=arn)
    assert TOKEN not in out + read_journals(ops.stage) + json.dumps(definition, default=str)
    (container,) = definition["taskDefinition"]["containerDefinitions"]
    assert [item["name"] for item in container["secrets"]] == ["CACHE_TOKEN"]
    assert container["user"] == "65534"


def test_the_task_is_like_those_of_the_service(ops: OpsConsole) -> None:
    ops(ops.add_plan_hash("cache clear --all"))
    (arn,) = list_definitions(ops.stage, "INACTIVE")
    task_definition: Any = ops.stage.client("ecs").describe_task_definition(taskDefinition=arn)
    definition = task_definition["taskDefinition"]
    assert definition["executionRoleArn"].endswith("role/bulwark-test-services-backend-execution")
    assert definition["runtimePlatform"]["cpuArchitecture"] == "ARM64"
    assert "taskRoleArn" not in definition


def test_a_token_that_is_wrong_ends_the_run_with_what_the_server_said(ops: OpsConsole) -> None:
    get_store().tokens = ["another"]
    _, err = ops(ops.add_plan_hash("cache clear --all"), 5)
    assert "the task said: CacheAnswerError: WRONGPASS" in err
    assert TOKEN not in err
    assert len(get_store().list_keys()) == 1203
    assert list_definitions(ops.stage) == []


def test_a_refused_registration_ends_the_run_with_nothing_to_undo(ops: OpsConsole) -> None:
    line = ops.add_plan_hash("cache clear --all")
    with fail_operations("InvalidParameterException", "register_task_definition") as called:
        _, err = ops(line, 5)
    assert "ecs.register_task_definition: InvalidParameterException" in err
    assert "was undone" in err
    assert "deregister_task_definition" not in called
    assert len(get_store().list_keys()) == 1203


def test_an_image_without_python_ends_the_run_with_why_its_task_stopped(ops: OpsConsole) -> None:
    image = "public.ecr.aws/nginx/nginx-unprivileged:stable"
    _, err = ops(ops.add_plan_hash(f"cache clear --all --image {image}"), 5)
    assert 'its task stopped: CannotStartContainerError: exec: "python3"' in err
    assert len(get_store().list_keys()) == 1203


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("", "either --keys or --all must be set"),
        ("--all --keys a", "either --keys or --all must be set"),
        ("--keys *", "--keys must name some keys, not '*', which is every key: --all"),
        ("--keys=", "--keys must be a pattern"),
        ("--all --image python", "--image must be a repository with a tag"),
        ("--all --service nonsense", "--service must be one of backend, not 'nonsense'"),
    ],
)
def test_what_is_not_meant_is_refused(ops: OpsConsole, options: str, message: str) -> None:
    _, err = ops(f"cache clear {options} --yes", 2)
    assert message in err


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("", "no service of the stack test uses the cache (services.NAME.cache)"),
        (" --service backend", "--service must use the cache, which backend does not"),
    ],
)
def test_without_a_service_that_uses_the_cache_no_task_reaches_it(
    option: str, message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from tests.ops.cache_stage import put_cache_and_service

    with open_stage() as stage:
        put_cache_and_service(stage)
        with patch_command_line(stage, tmp_path) as file:
            _, err = OpsConsole(stage, file, capsys)(f"cache clear --all --yes{option}", 2)
    assert message in err


def test_a_stack_without_a_cache_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with open_stage() as stage:
        put_exec_service(stage)
        with patch_command_line(stage, tmp_path) as file:
            _, err = OpsConsole(stage, file, capsys)("cache clear --all --yes", 2)
    assert "the stack test has no cache" in err
