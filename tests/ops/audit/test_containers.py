"""Containers with rights on their host, root's, or secrets in plain text."""

from typing import Any

import pytest

from ops.audit.containers import is_secret_name
from tests.ops.audit.looks import mend, read_items, read_open
from tests.ops.every_command import open_command_line
from tests.ops.service_stage import FIRST_IMAGE, put_services
from tests.ops.stage import Stage

KEY = "container-rights"
SAFE: dict[str, Any] = {
    "image": FIRST_IMAGE,
    "memory": 256,
    "user": "1000",
    "readonlyRootFilesystem": True,
    "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "x"}},
    "environment": [{"name": "TOKEN_URL", "value": "https://example.com"}],
}


def put_safe_service(stage: Stage) -> None:
    put_services(stage)
    roll_out(stage, SAFE)


def roll_out(stage: Stage, container: dict[str, Any], **overrides: Any) -> None:
    ecs, services = stage.client("ecs"), stage.outputs.services
    assert services is not None
    definition = ecs.register_task_definition(
        family="bulwark-test-backend",
        cpu="256",
        memory="512",
        runtimePlatform={"cpuArchitecture": "ARM64"},
        containerDefinitions=[{"name": "backend", **container}],
        **overrides,
    )["taskDefinition"]["taskDefinitionArn"]
    ecs.update_service(cluster=services.cluster, service="backend", taskDefinition=definition)
    stage.clock.sleep(3600)


@pytest.mark.parametrize(
    ("change", "overrides", "name", "control"),
    [
        ({"privileged": True}, {}, "backend/backend/privileged", "ECS.4"),
        ({"user": "0:0"}, {}, "backend/backend/root", "ECS.20"),
        ({"user": ""}, {}, "backend/backend/root", "ECS.20"),
        ({"readonlyRootFilesystem": False}, {}, "backend/backend/writable-root", "ECS.5"),
        ({"logConfiguration": None}, {}, "backend/backend/no-log", "ECS.9"),
        ({}, {"networkMode": "host"}, "backend/host-network", "ECS.17"),
        ({}, {"pidMode": "host"}, "backend/host-processes", "ECS.3"),
        (
            {"environment": [{"name": "DB_PASSWORD", "value": "the-password"}]},
            {},
            "backend/backend/DB_PASSWORD",
            "ECS.8",
        ),
    ],
)
def test_what_a_release_may_too_much_is_rolled_back(
    change: dict[str, Any],
    overrides: dict[str, Any],
    name: str,
    control: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_command_line(put_safe_service) as (stage, run_line):
        assert read_open(run_line, capsys, KEY) == {}
        container = {k: v for k, v in {**SAFE, **change}.items() if v is not None}
        roll_out(stage, container, **overrides)
        (finding,) = read_open(run_line, capsys, KEY).values()
        assert finding["id"] == f"{KEY}/{name}"
        assert control in finding["reason"]
        assert "the-password" not in str(finding)
        mend(stage, finding, run_line)
        assert read_open(run_line, capsys, KEY) == {}


def test_no_value_is_printed_in_any_form(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_safe_service) as (stage, run_line):
        roll_out(stage, {**SAFE, "environment": [{"name": "API_KEY", "value": "s3cr3t"}]})
        assert any("API_KEY" in item["evidence"] for item in read_items(run_line, capsys))
        for form in ("table", "json"):
            assert run_line(f"audit --only {KEY} --output {form}") == 3
            out, err = capsys.readouterr()
            assert "s3cr3t" not in out + err


@pytest.mark.parametrize(
    ("name", "is_secret"),
    [
        ("DB_PASSWORD", True),
        ("password", True),
        ("STRIPE_API_KEY", True),
        ("APIKEY", True),
        ("AWS_ACCESS_KEY_ID", True),
        ("AWS_SECRET_ACCESS_KEY", True),
        ("ECS_ENGINE_AUTH_DATA", True),
        ("JWT_SECRET", True),
        ("GITHUB_TOKEN", True),
        ("SIGNING_KEY", True),
        ("SECRET_ARN", False),
        ("TOKEN_URL", False),
        ("TOKEN_TTL", False),
        ("PASSWORD_FILE", False),
        ("PASSWORD_MIN_LENGTH", False),
        ("COMPASS", False),
        ("MONKEY", False),
        ("PUBLIC_KEY", False),
        ("MODE", False),
    ],
)
def test_which_names_are_those_of_secrets(name: str, is_secret: bool) -> None:
    assert is_secret_name(name) is is_secret
