"""`ops recover rebuild` with a `pulumi` on the PATH: a process, which fails and is killed."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from ops.core.actions import run_shell_command as real_command
from ops.core.local_commands import Shell
from sandbox.server import get_client_environment, open_listening_socket, serve_in_thread
from tests.ops.every_command import open_command_line
from tests.ops.procedures.recover import PRIMARY_IDENTIFIER
from tests.ops.procedures.recover_rebuild import PROGRAM_OPTION, put_lost_database
from tests.ops.stage import REGION, Stage

real_which = shutil.which
ROOT = Path(__file__).parents[3]
SNAPSHOT_CONFIG_KEY = "bulwark:database.restoreFrom.snapshot"
REBUILD_LINE = f"recover rebuild --state none {PROGRAM_OPTION} --yes"
Capture = pytest.CaptureFixture[str]


@dataclass
class LostStackScene:
    """A lost stack, ops typed beside a `pulumi`, and the folder of that one's backend."""

    stage: Stage
    run_line: Any
    home: Path

    def read_backend(self) -> dict[str, Any]:
        text = (self.home / "backend.json").read_text(encoding="utf-8")
        fake_stack: dict[str, Any] = json.loads(text)["test"]
        return fake_stack

    def set_fault(self, fault: str) -> None:
        (self.home / "fault").write_text(fault, encoding="utf-8")

    def list_database_ids(self) -> list[str]:
        instances = self.stage.client("rds").describe_db_instances()["DBInstances"]
        return [instance["DBInstanceIdentifier"] for instance in instances]


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LostStackScene]:
    (tmp_path / "backend.json").write_text("{}", encoding="utf-8")
    program = tmp_path / "bin" / "pulumi"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m tests.ops.pulumi_executable "$@"\n',
        encoding="utf-8",
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("PULUMI_EXECUTABLE_HOME", str(tmp_path))
    with (
        open_command_line(put_lost_database) as (stage, run_line),
        serve_in_thread(open_listening_socket(0)) as url,
    ):
        credentials = get_client_environment(url, REGION)

        def run_served_command(shell: Shell) -> Any:
            with patch.dict(os.environ, credentials):  # for the process alone
                return real_command(shell)

        with (
            patch("ops.core.actions.run_shell_command", run_served_command),
            patch("shutil.which", real_which),
        ):
            yield LostStackScene(stage, run_line, tmp_path)


@pytest.mark.exhaustive
def test_a_rebuild_streams_the_output_of_pulumi(scene: LostStackScene, capsys: Capture) -> None:
    assert scene.run_line(REBUILD_LINE) == 0
    assert "  Updating\n   +  aws:rds:Instance database creating\n" in capsys.readouterr().err
    assert scene.list_database_ids() == [PRIMARY_IDENTIFIER]
    assert [one["result"] for one in scene.read_backend()["history"]] == ["succeeded"]
    assert scene.read_backend()["config"] == {SNAPSHOT_CONFIG_KEY: f"{PRIMARY_IDENTIFIER}-final"}


def test_the_last_output_of_pulumi_is_the_reason_of_a_failure(
    scene: LostStackScene, capsys: Capture
) -> None:
    scene.set_fault("fail")
    assert scene.run_line(REBUILD_LINE) == 5
    said = capsys.readouterr().err
    assert "pulumi ended with 1: Updating" in said
    assert "error: the zone is full" in said
    assert scene.read_backend()["config"] == {SNAPSHOT_CONFIG_KEY: f"{PRIMARY_IDENTIFIER}-final"}


@pytest.mark.exhaustive
def test_a_killed_pulumi_leaves_a_lock_and_the_run_resumes_without_it(
    scene: LostStackScene, capsys: Capture
) -> None:
    scene.set_fault("kill")
    assert scene.run_line(REBUILD_LINE) == 1
    said = capsys.readouterr().err
    assert "pulumi is kept out by another that is at work, or was killed" in said
    assert "pulumi cancel --stack test" in said
    (resume,) = re.findall(r"ops (runs resume \S+)", said)
    assert scene.list_database_ids() == [PRIMARY_IDENTIFIER], "it came so far"
    assert scene.run_line(f"{resume} --yes") == 1
    subprocess.run(["pulumi", "cancel", "--stack", "test"], check=True)
    assert scene.run_line(f"{resume} --yes") == 0
    assert [one["result"] for one in scene.read_backend()["history"]] == ["succeeded"]
    assert scene.list_database_ids() == [PRIMARY_IDENTIFIER]


def test_ctrl_c_twice_leaves_pulumi_running_and_a_resume_finds_its_result(
    scene: LostStackScene, capsys: Capture
) -> None:
    scene.set_fault("slow")

    def twice() -> None:
        until = time.monotonic() + 30
        while not (scene.home / "lock").exists() and time.monotonic() < until:
            time.sleep(0.02)
        for _ in range(2):
            time.sleep(0.3)
            os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=twice)
    thread.start()
    code = scene.run_line(REBUILD_LINE)
    thread.join()
    said = capsys.readouterr().err
    assert code == 130, said
    assert "in AWS may go on: up" in said
    assert scene.read_backend()["history"] == [], "it is at work still"
    until = time.monotonic() + 30
    while not scene.read_backend()["history"] and time.monotonic() < until:
        time.sleep(0.05)
    (resume,) = re.findall(r"ops (runs resume \S+)", said)
    assert scene.run_line(f"{resume} --yes") == 0
    assert len(scene.read_backend()["history"]) == 1
    assert "Updating" not in capsys.readouterr().err, "it was not begun again"


def test_a_command_that_is_watched_is_no_part_of_our_process_group(tmp_path: Path) -> None:
    script = "import os; print(os.getpgrp()); print('half', end='')"
    seen: Any = real_command(
        Shell(argv=(sys.executable, "-c", script), folder=str(tmp_path), strict=True)
    )
    group, half = seen["said"].split()
    assert (int(group) != os.getpgrp(), half, seen["exit"]) == (True, "half", 0)
