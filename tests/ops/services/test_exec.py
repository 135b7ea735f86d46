"""`ops service exec`: the line for a task in which it can be run, and why it cannot be."""

import json
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ops.permissions.names import build_stack_names
from ops.permissions.policies import build_policy_statements
from ops.services.model import get_arn_name
from tests.ops.command_line import OpsConsole
from tests.ops.policy_evaluation import is_allowed
from tests.ops.service_stage import patch_command_line, put_exec_service, put_services
from tests.ops.stage import ACCOUNT, REGION, build_stack_outputs, open_stage

EXEC_LINE = "service exec --service backend"


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with an `aws` that writes down how it was called, and the plugin."""
    folder = tmp_path / "bin"
    folder.mkdir()
    arguments_file = folder / "said.json"
    aws = (
        "#!/bin/sh\n"
        f'for word in "$@"; do printf \'%s\\n\' "$word"; done > {arguments_file}\n'
        'case "$*" in *fails*) exit 254;; esac\n'
    )
    for name, text in (("aws", aws), ("session-manager-plugin", "#!/bin/sh\n")):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    return arguments_file


@pytest.fixture
def ops(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[OpsConsole]:
    with open_stage() as stage:
        put_exec_service(stage)
        with patch_command_line(stage, tmp_path) as file:
            yield OpsConsole(stage, file, capsys)


def list_task_ids(ops: OpsConsole) -> list[str]:
    arns = ops.stage.client("ecs").list_tasks(cluster="bulwark-test", serviceName="backend")
    return [get_arn_name(arn) for arn in arns["taskArns"]]


def test_the_line_is_one_that_can_be_pasted(ops: OpsConsole, tools: Path) -> None:
    out, err = ops(f"{EXEC_LINE} --command env --profile work")
    words = shlex.split(out)
    task = words[words.index("--task") + 1]
    assert words == [
        "aws",
        "ecs",
        "execute-command",
        "--region",
        REGION,
        "--profile",
        "work",
        "--cluster",
        "bulwark-test",
        "--task",
        task,
        "--container",
        "backend",
        "--interactive",
        "--command",
        "env",
    ]
    assert task in list_task_ids(ops)
    assert err == ""
    assert not tools.exists()


def test_a_program_reads_the_line_and_what_is_missing(
    ops: OpsConsole, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    said = ops.run_for_json(EXEC_LINE)
    assert (said["kind"], said["service"], said["container"]) == (
        "service-exec",
        "backend",
        "backend",
    )
    assert said["line"].endswith(
        f"--task {said['task']} --container backend --interactive --command /bin/sh"
    )
    assert said["missing"] == ["aws", "session-manager-plugin"]
    _, err = ops(EXEC_LINE)
    assert "not on this PATH: aws, session-manager-plugin" in err
    _, err = ops(f"{EXEC_LINE} --run", 1)
    assert "--run needs aws, session-manager-plugin on the PATH" in err
    assert "aws ecs execute-command" in err


def test_exec_run_starts_the_session_and_reports_its_exit_code(
    ops: OpsConsole, tools: Path
) -> None:
    one = list_task_ids(ops)[1]
    ops(f"{EXEC_LINE} --task {one[:12]} --run")
    said = tools.read_text().splitlines()
    assert said[:2] == ["ecs", "execute-command"]
    assert said[said.index("--task") + 1] == one
    assert said[-2:] == ["--command", "/bin/sh"]
    _, err = ops(f"{EXEC_LINE} --command fails --run", 1)
    assert "aws exited with 254" in err


def test_the_operators_policy_allows_the_line_on_the_stacks_own_tasks_only() -> None:
    outputs = build_stack_outputs()
    ours = build_policy_statements(build_stack_names(outputs), ["service exec"])
    theirs = build_policy_statements(
        replace(build_stack_names(outputs), stack="other"), ["service exec"]
    )
    for resource in ("cluster/bulwark-test", "task/bulwark-test/0123abcd"):
        arn = f"arn:aws:ecs:{REGION}:{ACCOUNT}:{resource}"
        assert is_allowed(ours, "ecs:ExecuteCommand", arn)
        assert not is_allowed(theirs, "ecs:ExecuteCommand", arn)


@pytest.mark.parametrize(
    ("rest", "says"),
    [
        ("--task nobody", ", not 'nobody'"),
        ("--container nobody", "--container must be one of backend, not 'nobody'"),
        ("--command=", "--command must be a command and its arguments, not ''"),
    ],
)
def test_a_wrong_option_is_named(ops: OpsConsole, tools: Path, rest: str, says: str) -> None:
    _, err = ops(f"{EXEC_LINE} {rest}", 2)
    assert says in err
    assert not tools.exists()


def test_a_task_that_starts_is_not_entered(ops: OpsConsole) -> None:
    before = list_task_ids(ops)
    ops("service restart --service backend --yes --no-wait")
    starting = sorted(set(list_task_ids(ops)) - set(before))
    assert len(starting) == 2
    assert ops.run_for_json(EXEC_LINE)["task"] in before
    ops.stage.clock.sleep(600)
    assert ops.run_for_json(EXEC_LINE)["task"] in starting


def test_an_agent_that_does_not_run_is_the_reason(
    ops: OpsConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = type(ops.stage.aws)
    call = calls.call

    def stopped(self: object, api: str, *rest: object) -> object:
        answer = call(self, api, *rest)  # type: ignore[arg-type]
        return json.loads(
            json.dumps(answer, default=str)
            .replace(
                '"lastStatus": "RUNNING", "name": "ExecuteCommandAgent"',
                '"lastStatus": "STOPPED", "reason": "no route", "name": "ExecuteCommandAgent"',
            )
            .replace(
                '"name": "ExecuteCommandAgent", "lastStatus": "RUNNING"',
                '"name": "ExecuteCommandAgent", "reason": "no route", "lastStatus": "STOPPED"',
            )
        )

    monkeypatch.setattr(calls, "call", stopped)
    _, err = ops(EXEC_LINE, 1)
    assert "the ECS Exec agent in backend of task" in err
    assert "is STOPPED: no route" in err
    assert "ops service restart --service backend" in err


def test_tasks_started_without_it_and_services_without_tasks_say_so(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with open_stage() as stage:
        put_services(stage)
        with patch_command_line(stage, tmp_path) as file:
            ops = OpsConsole(stage, file, capsys)
            _, err = ops(EXEC_LINE, 1)
            assert "was started without ECS Exec" in err
            # Turned on, it is so for tasks that start afterwards.
            stage.client("ecs").update_service(
                cluster="bulwark-test", service="backend", enableExecuteCommand=True
            )
            ops(EXEC_LINE, 1)
            ops("service restart --service backend --yes")
            assert ops.run_for_json(EXEC_LINE)["task"] in list_task_ids(ops)
            stage.client("ecs").update_service(
                cluster="bulwark-test", service="backend", desiredCount=0
            )
            stage.clock.sleep(600)
            _, err = ops(EXEC_LINE, 1)
            assert "backend has no running task" in err
