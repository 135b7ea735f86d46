"""User data: what cloud-init makes of it on an instance."""

import base64
import configparser
import json
import shutil
import subprocess
from typing import Any

import pulumi
import pytest
import yaml

from components.user_data import AGENT_CONFIG, RUN_CONTAINER_FILE, build_user_data
from tests.conftest import Build

CONTAINER_CONFIG = {"environment": {"GREETING": 'it\'s "quoted": {{x}} $(id) å\t#', "EMPTY": ""}}


def _build_cloud_config(build: Build, container: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """(what cloud-init reads, the text itself)"""
    rendered_texts: list[str] = []

    def program() -> None:
        pulumi.ComponentResource("test:index:Anything", "anything")
        build_user_data("bulwark", container).apply(rendered_texts.append)

    build(program)
    text = base64.b64decode(rendered_texts[0]).decode()
    return yaml.safe_load(text), text


def _get_written_files(config: dict[str, Any]) -> dict[str, str]:
    return {f["path"]: f["content"] for f in config["write_files"]}


def test_user_data_is_a_cloud_config_of_at_most_16_kib(build: Build) -> None:
    longest = {"environment": {"A": "x" * 8192}}
    _, text = _build_cloud_config(build, longest)
    assert text.startswith("#cloud-config\n")
    assert len(text.encode()) <= 16 * 1024


def test_user_data_that_is_too_long_names_the_settings_to_shorten(build: Build) -> None:
    with pytest.raises(Exception, match=r"bulwark:fleet.environment .* must be \d+ bytes shorter"):
        _build_cloud_config(build, {"environment": {"A": "x" * 16_384}})


def test_values_reach_the_instance_unchanged(build: Build) -> None:
    files = _get_written_files(_build_cloud_config(build, CONTAINER_CONFIG)[0])
    assert json.loads(files["/opt/bulwark/container.json"]) == CONTAINER_CONFIG
    assert files["/opt/bulwark/run_container.py"] == RUN_CONTAINER_FILE.read_text()


def test_only_root_can_read_the_containers_environment(build: Build) -> None:
    config, _ = _build_cloud_config(build, CONTAINER_CONFIG)
    modes = {f["path"]: f["permissions"] for f in config["write_files"]}
    assert modes["/opt/bulwark/container.json"] == "0600"


def test_the_boot_script_is_run_once_and_is_a_script(build: Build) -> None:
    config, _ = _build_cloud_config(build, CONTAINER_CONFIG)
    assert config["runcmd"] == [["/opt/bulwark/boot"]]
    boot = _get_written_files(config)["/opt/bulwark/boot"]
    bash = shutil.which("bash")
    assert bash is not None
    subprocess.run([bash, "-n"], input=boot, text=True, check=True)
    assert "systemctl mask --now ecs.service" in boot
    assert "file:/opt/bulwark/metrics.json" in boot


def test_the_unit_restarts_the_container_for_ever(build: Build) -> None:
    text = _get_written_files(_build_cloud_config(build, CONTAINER_CONFIG)[0])[
        "/etc/systemd/system/bulwark.service"
    ]
    unit = configparser.ConfigParser(interpolation=None, strict=False)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read_string(text)
    assert unit["Service"]["Restart"] == "always"
    assert unit["Unit"]["StartLimitIntervalSec"] == "0"
    assert unit["Service"]["ExecStart"].endswith("run_container.py /opt/bulwark/container.json")


def test_memory_and_disk_metrics_are_aggregated_by_group(build: Build) -> None:
    files = _get_written_files(_build_cloud_config(build, CONTAINER_CONFIG)[0])
    metrics = json.loads(files["/opt/bulwark/metrics.json"])
    assert metrics == AGENT_CONFIG
    assert metrics["metrics"]["aggregation_dimensions"] == [["AutoScalingGroupName"]]
    assert set(metrics["metrics"]["metrics_collected"]) == {"mem", "disk"}
