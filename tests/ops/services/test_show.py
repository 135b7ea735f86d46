"""`ops service show`: what a service runs with, what is hidden, and what could not be read."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto.applicationautoscaling.models import applicationautoscaling_backends

from ops.services.hidden_values import HIDDEN_TEXT, hide_secrets, hide_value, is_secret_name
from sandbox.patches.autoscaling.application_autoscaling import get_service_activities
from tests.ops.command_line import OpsConsole
from tests.ops.db_stage import fail_operations
from tests.ops.service_stage import (
    BACKEND_IMAGE,
    SCALABLE_TARGET,
    get_backend_digest_reference,
    patch_command_line,
    put_scaled_service,
)
from tests.ops.stage import ACCOUNT, REGION, build_stack_outputs, open_stage

CONTAINER: dict[str, Any] = {
    "name": "backend",
    "memory": 256,
    "memoryReservation": 128,
    "portMappings": [{"containerPort": 8080}],
    "command": ["serve", "--api-token", "tk-12345", "--dsn=postgres://app:pw-12345@db:5432/app"],
    "environment": [
        {"name": "MODE", "value": "web"},
        {"name": "DB_PASSWORD", "value": "pw-12345"},
        {"name": "STRIPE_KEY", "value": "pw-12345"},
        {"name": "CACHE_URL", "value": "redis://:pw-12345@cache:6379/0"},
    ],
    "secrets": [{"name": "DATABASE_PASSWORD", "valueFrom": "arn:aws:secretsmanager:x:y:secret:z"}],
    "healthCheck": {"command": ["CMD-SHELL", "curl -f localhost:8080/health"], "retries": 5},
    "ulimits": [{"name": "nofile", "softLimit": 1024, "hardLimit": 4096}],
    "logConfiguration": {
        "logDriver": "awslogs",
        "options": {"awslogs-group": "/bulwark/test/services/backend"},
    },
}


@pytest.fixture
def ops(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[OpsConsole]:
    with open_stage() as stage:
        put_scaled_service(stage)
        with patch_command_line(stage, tmp_path) as file:
            yield OpsConsole(stage, file, capsys)


def run_definition(ops: OpsConsole, image: str) -> None:
    """Lets the service run CONTAINER with an image."""
    ecs = ops.stage.client("ecs")
    definition = ecs.register_task_definition(
        family="bulwark-test-backend",
        cpu="512",
        memory="1024",
        runtimePlatform={"cpuArchitecture": "ARM64"},
        taskRoleArn=f"arn:aws:iam::{ACCOUNT}:role/bulwark-test-services-backend-task",
        executionRoleArn=f"arn:aws:iam::{ACCOUNT}:role/bulwark-test-services-backend-execution",
        containerDefinitions=[{**CONTAINER, "image": image}],
    )["taskDefinition"]["taskDefinitionArn"]
    ecs.update_service(cluster="bulwark-test", service="backend", taskDefinition=definition)
    ops.stage.clock.sleep(3600)


def test_the_task_definition_that_runs_is_shown_without_its_secrets(ops: OpsConsole) -> None:
    reference = get_backend_digest_reference(ops.stage, "v2")
    run_definition(ops, reference)
    body = ops.run_for_json("service show backend")
    assert (body["kind"], body["revision"]) == ("service-show", "bulwark-test-backend:2")
    assert body["task"]["cpu"] == "512"
    assert body["task"]["architecture"] == "ARM64"
    assert body["task"]["taskRole"].endswith("role/bulwark-test-services-backend-task")
    (container,) = body["containers"]
    assert (container["image"], container["digests"]) == (reference, [reference.split("@")[1]])
    assert {item["name"]: item["value"] for item in container["environment"]} == {
        "MODE": "web",
        "DB_PASSWORD": HIDDEN_TEXT,
        "STRIPE_KEY": HIDDEN_TEXT,
        "CACHE_URL": f"redis://{HIDDEN_TEXT}@cache:6379/0",
    }
    assert container["secrets"] == ["DATABASE_PASSWORD"]
    assert container["command"] == [
        "serve",
        "--api-token",
        HIDDEN_TEXT,
        f"--dsn=postgres://{HIDDEN_TEXT}@db:5432/app",
    ]
    assert container["healthCheck"]["retries"] == 5
    assert container["logGroup"] == "/bulwark/test/services/backend"
    out, _ = ops("service show backend")
    for text in (out, str(body)):
        assert "pw-12345" not in text
        assert "tk-12345" not in text
        assert "secret:z" not in text
    assert "0.5 vCPU, 1024 MiB, ARM64, LINUX" in out
    assert "curl -f localhost:8080/health every 30 s, 5 times, within 5 s, from 0 s on" in out
    assert "nofile: 1024 (hard 4096)" in out
    assert re.search(r"^deployment +circuit breaker +rolls back$", out, re.MULTILINE)
    assert f"https://{REGION}.console.aws.amazon.com/ecs/v2/clusters/bulwark-test/services/" in out


def test_the_digest_of_a_tag_is_what_the_running_tasks_pulled(ops: OpsConsole) -> None:
    run_definition(ops, f"{BACKEND_IMAGE}:v2")
    (container,) = ops.run_for_json("service show backend")["containers"]
    assert len(container["digests"]) == 1
    assert container["digests"][0].startswith("sha256:")
    ops("service scale 1 --service backend --yes")
    ops.stage.client("ecs").update_service(
        cluster="bulwark-test", service="backend", desiredCount=0
    )
    ops.stage.clock.sleep(600)
    assert ops.run_for_json("service show backend")["containers"][0]["digests"] == []
    assert "unknown: the image is named by a tag" in ops("service show backend")[0]


def test_scaling_is_shown_with_its_policies_alarms_and_what_they_did(ops: OpsConsole) -> None:
    activities = get_service_activities(applicationautoscaling_backends[ACCOUNT][REGION])
    for minute in range(8):
        activities.append(
            {
                "ActivityId": f"a-{minute}",
                **SCALABLE_TARGET,
                "Description": f"Setting desired count to {minute}.",
                "Cause": "monitor alarm in state ALARM triggered policy cpu",
                "StartTime": ops.stage.clock.now() + minute,
                "StatusCode": "Successful",
            }
        )
    activities[-1] |= {
        "StatusCode": "Unfulfilled",
        "NotScaledReasons": [{"Code": "AlreadyAtMaxCapacity", "MaxCapacity": 6}],
    }
    scaling = ops.run_for_json("service show backend")["scaling"]
    assert (scaling["min"], scaling["max"], scaling["suspended"]) == (1, 6, False)
    (policy,) = scaling["policies"]
    assert (policy["name"], policy["target"]) == ("cpu", 60.0)
    assert {alarm["state"] for alarm in policy["alarms"]} <= {"OK", "INSUFFICIENT_DATA"}
    assert [item["activity"] for item in scaling["activities"]] == [
        f"Setting desired count to {minute}." for minute in (7, 6, 5, 4, 3)
    ]
    out, _ = ops("service show backend")
    assert "cpu: ECSServiceAverageCPUUtilization at 60, out again after 60 s" in out
    assert "evening: cron(0 20 * * ? *) Europe/Berlin, 4 to 8 tasks" in out
    assert "not scaled: AlreadyAtMaxCapacity" in out


def test_a_deleted_alarm_of_a_policy_is_absent(ops: OpsConsole) -> None:
    first, second = _list_alarms(ops)
    ops.stage.client("cloudwatch").delete_alarms(AlarmNames=[first["name"]])
    states = {alarm["name"]: alarm["state"] for alarm in _list_alarms(ops)}
    assert states == {first["name"]: "absent", second["name"]: second["state"]}


def _list_alarms(ops: OpsConsole) -> list[dict[str, Any]]:
    (policy,) = ops.run_for_json("service show backend")["scaling"]["policies"]
    alarms: list[dict[str, Any]] = policy["alarms"]
    return alarms


@pytest.mark.parametrize(
    ("operation", "subject"),
    [
        ("describe_scaling_policies", "scaling policies"),
        ("describe_scaling_activities", "scaling activities"),
        ("describe_alarms", "alarms of scaling"),
        ("list_tasks", "digests"),
    ],
)
def test_what_may_not_be_read_is_unknown_and_the_rest_is_shown(
    ops: OpsConsole, operation: str, subject: str
) -> None:
    with fail_operations("AccessDenied", operation):
        body = ops.run_for_json("service show backend", 3)
        out, err = ops("service show backend", 3)
    assert body["unknown"][0].startswith(f"{subject}: unknown, ")
    assert f"{subject}: unknown, " in out
    assert "none in six weeks" not in out or operation != "describe_scaling_activities"
    assert "not everything of backend could be read" in err
    assert "bulwark-test-backend:1" in out


def test_a_service_without_automatic_scaling_is_said_to_have_none(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    outputs = build_stack_outputs()
    assert outputs.services is not None
    fixed = outputs.services.services["backend"].model_copy(update={"scaling_resource_id": None})
    services = outputs.services.model_copy(update={"services": {"backend": fixed}})
    with open_stage(outputs.model_copy(update={"services": services})) as stage:
        put_scaled_service(stage)
        with patch_command_line(stage, tmp_path) as file:
            ops = OpsConsole(stage, file, capsys)
            assert ops.run_for_json("service show backend")["scaling"] is None
            assert "does not scale by itself" in ops("service show backend")[0]
            _, err = ops("service show frontend", 2)
    assert "SERVICE must be one of backend, not 'frontend'" in err


@pytest.mark.parametrize(
    "name",
    (
        "DB_PASSWORD dbPassword PGPASSWORD API_KEY STRIPE_KEY GITHUB_TOKEN DSN JWT_SECRET KEY "
        "AWS_SECRET_ACCESS_KEY PRIVATE_KEY SMTP_PASS AUTHTOKEN"
    ).split(),
)
def test_names_that_look_secret(name: str) -> None:
    assert is_secret_name(name)
    assert hide_value(name, "x") == HIDDEN_TEXT


@pytest.mark.parametrize(
    "name",
    ["MODE", "PATH", "PORT", "KEYSPACE", "PARTITION_KEY", "MONKEY", "COMPASS_URL", "LOG_LEVEL"],
)
def test_names_that_do_not(name: str) -> None:
    assert not is_secret_name(name)
    assert hide_value(name, "plain value") == "plain value"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgres://u:p@h/d", f"postgres://{HIDDEN_TEXT}@h/d"),
        ("postgres://u:p@w/x@h/d", f"postgres://{HIDDEN_TEXT}@h/d"),
        ("host=db password='a b' user=x", f"host=db password={HIDDEN_TEXT} user=x"),
        ("Server=db;Pwd=abc;Port=1", f"Server=db;Pwd={HIDDEN_TEXT};Port=1"),
        (
            "curl -H 'Authorization: Bearer abc' x",
            f"curl -H 'Authorization: Bearer {HIDDEN_TEXT}' x",
        ),
        ("AKIAIOSFODNN7EXAMPLE", HIDDEN_TEXT),
        ("https://hooks.slack.com/services/T/B/x", f"https://hooks.slack.com/{HIDDEN_TEXT}"),
        ("https://example.com:8080/a?b=c", "https://example.com:8080/a?b=c"),
    ],
)
def test_secrets_within_values_are_hidden(text: str, shown: str) -> None:
    assert hide_secrets(text) == shown
