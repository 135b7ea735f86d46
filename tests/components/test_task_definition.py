"""The container of a Fargate task, as data."""

import json
from typing import Any

import pytest

from components.settings.services import ServiceSettings
from components.task_definition import EXEC_VOLUMES, build_container_definition, list_volumes


def _build_container_definition(exec_: bool = True, **values: Any) -> dict[str, Any]:
    definition = build_container_definition(
        "web",
        ServiceSettings(**values),
        secrets={"TOKEN": "arn:b", "DB_HOST": "arn:a:host::"},
        log_group="/bulwark/test/services/web",
        region="eu-north-1",
        has_exec=exec_,
    )
    assert json.loads(json.dumps(definition)) == definition
    return definition


def test_ecs_4_the_container_is_not_privileged() -> None:
    assert _build_container_definition()["privileged"] is False


@pytest.mark.parametrize("exec_", [True, False])
def test_ecs_5_the_root_file_system_is_read_only(exec_: bool) -> None:
    assert _build_container_definition(exec_)["readonlyRootFilesystem"] is True


def test_the_container_does_not_run_as_root() -> None:
    assert _build_container_definition()["user"] == "1000:1000"


def test_tmp_can_be_written_by_anybody_and_is_as_large_as_the_settings_say() -> None:
    (tmpfs,) = _build_container_definition(tmp_mb=100)["linuxParameters"]["tmpfs"]
    assert (tmpfs["containerPath"], tmpfs["size"]) == ("/tmp", 100)


def test_ecs_9_logs_go_to_the_services_own_group_and_never_stop_it() -> None:
    log = _build_container_definition()["logConfiguration"]
    assert log["logDriver"] == "awslogs"
    assert log["options"]["awslogs-group"] == "/bulwark/test/services/web"
    assert log["options"]["mode"] == "non-blocking"


def test_exec_volumes_are_mounted_only_if_exec_is_on() -> None:
    mounts = {
        m["sourceVolume"]: m["containerPath"] for m in _build_container_definition()["mountPoints"]
    }
    assert mounts == EXEC_VOLUMES
    assert list_volumes(True) == list(mounts)
    assert _build_container_definition(exec_=False)["mountPoints"] == list_volumes(False) == []


def test_environment_variables_are_sorted_by_name() -> None:
    definition = _build_container_definition(environment={"B": "2", "A": "1"})
    assert [v["name"] for v in definition["environment"]] == ["A", "B"]
    assert definition["secrets"] == [
        {"name": "DB_HOST", "valueFrom": "arn:a:host::"},
        {"name": "TOKEN", "valueFrom": "arn:b"},
    ]


def test_a_command_of_the_settings_replaces_the_images_own() -> None:
    assert "command" not in _build_container_definition()
    assert _build_container_definition(command=("serve", "--fast"))["command"] == [
        "serve",
        "--fast",
    ]


def test_a_stopped_container_has_as_long_as_the_load_balancer_drains() -> None:
    definition = _build_container_definition()
    assert definition["stopTimeout"] == 30
    assert definition["linuxParameters"]["initProcessEnabled"]
