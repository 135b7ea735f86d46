"""`ops service run`, and `ops service deploy --before`."""

import json
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from ops.core.engine import InDoubtError, StillRunningError
from ops.core.errors import OpsError, UsageError
from ops.core.plan import Plan
from ops.core.run import WallClock
from ops.services.command_task import parse_before_command, require_command
from tests.ops.command_line import OpsConsole
from tests.ops.procedures.service_run import RUN, plan_service_run
from tests.ops.service_stage import (
    BACKEND_IMAGE,
    describe_service,
    list_run_tasks,
    open_service_console,
    put_services,
)
from tests.ops.stage import KilledError, KillFuse, Stage, open_stage

LOG_GROUP = "/bulwark/test/services/backend"
BACKEND = "service run backend"


@pytest.fixture
def ops(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Any:
    with open_service_console(capsys, tmp_path) as console:
        put_log(console)
        with patch("ops.core.clock.now", console.stage.clock.held_clock.now):
            yield console


def put_log(console: OpsConsole) -> None:
    """The backend's containers write to its log group."""
    services = console.stage.outputs.services
    assert services is not None
    ecs = console.stage.client("ecs")
    group = services.services["backend"].log_group
    console.stage.client("logs").create_log_group(logGroupName=group)
    options = {
        "awslogs-group": group,
        "awslogs-region": "eu-north-1",
        "awslogs-stream-prefix": "task",
    }
    container = {
        "name": "backend",
        "image": f"{BACKEND_IMAGE}:v2",
        "memory": 256,
        "environment": [{"name": "MODE", "value": "web"}],
        "logConfiguration": {"logDriver": "awslogs", "options": options},
    }
    revision = ecs.register_task_definition(
        family="bulwark-test-backend", containerDefinitions=[container]
    )["taskDefinition"]["taskDefinitionArn"]
    ecs.update_service(cluster="bulwark-test", service="backend", taskDefinition=revision)
    console.stage.clock.sleep(3600)


def run_words(words: list[str], file: Path) -> int:
    """The exit code of a line whose words may hold spaces."""
    from ops.cli.app import main

    return main(["service", "run", "backend", "--yes", "--outputs", str(file), "--", *words])


def test_a_command_runs_once_and_its_lines_are_shown(
    ops: OpsConsole, capsys: pytest.CaptureFixture[str]
) -> None:
    script = "import os; print('mode is', os.environ['MODE'])"
    assert run_words(["python", "-c", script], ops.file) == 0
    shown = capsys.readouterr().out
    assert shown.count("mode is web") == 1
    (task,) = list_run_tasks(ops.stage)
    assert f"task: {task['taskArn'].rsplit('/', 1)[-1]}" in shown
    assert task["taskDefinitionArn"] == describe_service(ops.stage)["taskDefinition"]


def test_the_exit_code_of_the_command_never_looks_like_success(
    ops: OpsConsole, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_words(["python", "-c", "raise SystemExit(3)"], ops.file) == 1
    captured = capsys.readouterr()
    assert "the command ended with exit code 3" in captured.err
    assert "what it changed stays" in captured.err
    assert "was undone" not in captured.err.split("ops:")[-1]
    run = list_run_tasks(ops.stage)[0]["startedBy"]
    assert ops.run_for_json("runs list")["items"][0]["state"] != "done", run


def test_json_has_the_exit_code_also_of_a_failure(ops: OpsConsole) -> None:
    assert ops.run_for_json(f"{BACKEND} true --yes")["exitCode"] == 0
    assert ops.run_for_json(f"{BACKEND} false --yes", 1)["exitCode"] == 1


def test_a_program_that_is_not_in_the_image_is_said(ops: OpsConsole) -> None:
    _, said = ops(f"{BACKEND} no-such-program --yes", 1)
    assert 'could not run the command: CannotStartContainerError: exec: "no-such-program"' in said


def test_the_task_has_what_the_service_has(ops: OpsConsole) -> None:
    plan = ops.run_for_json(f"{BACKEND} true --dry-run --output json")
    steps = {step["name"]: step for step in plan["plan"]["steps"]}
    params = steps["run"]["action"]["params"]
    assert params["overrides"] == {"containerOverrides": [{"name": "backend", "command": ["true"]}]}
    assert params["startedBy"] == params["clientToken"] == plan["plan"]["run"]
    assert not list_run_tasks(ops.stage)


def test_the_capacity_and_network_are_the_services() -> None:
    network = {"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"]}}
    with open_stage() as stage:
        put_services(stage)
        from dataclasses import replace

        from ops.services.command_task import build_command_steps
        from ops.services.model import get_service

        service = get_service(stage.aws, stage.outputs, "backend")
        strategy = [{"capacityProvider": "FARGATE", "base": 1, "weight": 40}]
        description = {
            **service.description,
            "capacityProviderStrategy": strategy,
            "networkConfiguration": network,
            "platformVersion": "1.4.0",
            "enableECSManagedTags": True,
        }
        service = replace(service, description=description)
        start, _ = build_command_steps(service, ["true"], RUN, definition=service.revision)
    params: Any = start.action.model_dump()["params"]
    assert params["capacityProviderStrategy"] == strategy
    assert "launchType" not in params
    assert params["networkConfiguration"] == network
    assert params["platformVersion"] == "1.4.0"
    assert params["enableECSManagedTags"] is True


def kill_at_each_point() -> Iterator[tuple[int, Stage, Callable[[], str]]]:
    """A run that was killed at a point, each in turn, and what carries it on."""
    for point in range(1, 100):
        with open_stage() as stage:
            put_services(stage)
            plan, fuse = plan_service_run(stage), KillFuse(point)
            try:
                stage.build_engine(fuse).start(plan)
            except KilledError:
                fuse.touches_left = 10**9
                yield point, stage, partial(carry_on, stage, plan, fuse)
            else:
                return
    raise AssertionError("the run never ended undisturbed")


def carry_on(stage: Stage, plan: Plan, fuse: KillFuse) -> str:
    engine = stage.build_engine(fuse)
    return engine.resume() if fuse.lines else engine.start(plan)


def test_a_killed_run_finds_its_task_and_starts_no_second() -> None:
    for point, stage, carry_run_on in kill_at_each_point():
        stage.clock.sleep(1800)
        assert carry_run_on() == "done"
        assert len(list_run_tasks(stage, RUN)) == 1, point


def test_a_run_in_doubt_for_too_long_is_never_sent_again() -> None:
    """ECS has forgotten by then what ran, so a second task could be the same command again."""
    outcomes: set[str] = set()
    for point, stage, carry_run_on in kill_at_each_point():
        stage.clock.sleep(25 * 3600)
        before = len(list_run_tasks(stage, RUN))
        try:
            outcomes.add(carry_run_on())
        except InDoubtError:
            outcomes.add("in doubt")
            assert len(list_run_tasks(stage, RUN)) == before
        except (OpsError, StillRunningError):  # ECS has forgotten how it ended
            outcomes.add("unknown")
        assert len(list_run_tasks(stage, RUN)) <= 1, point
    assert outcomes == {"done", "in doubt", "unknown"}


def interrupt_once(ops: OpsConsole) -> Any:
    """Ctrl-C at the first wait after the task has started."""

    def sleep(clock: WallClock, seconds: float) -> None:
        if list_run_tasks(ops.stage) and seconds and not interrupted:
            interrupted.append(True)
            raise KeyboardInterrupt
        ops.stage.clock.sleep(seconds)

    interrupted: list[bool] = []
    return patch.object(WallClock, "sleep", sleep)


def test_ctrl_c_asks_and_stops_the_task(ops: OpsConsole) -> None:
    with (
        interrupt_once(ops),
        patch.object(sys.stdin, "isatty", lambda: True),
        patch("typer.confirm", return_value=True) as confirm,
    ):
        _, said = ops(f"{BACKEND} sleep 600 --yes", 130)
    assert "stop it?" in confirm.call_args.args[0]
    assert "the task was stopped" in said
    (task,) = list_run_tasks(ops.stage)
    assert (task["stopCode"], task["stoppedReason"]) == ("UserInitiated", "stopped by ops")


def test_ctrl_c_without_a_terminal_leaves_the_task_and_a_resume_follows_it(
    ops: OpsConsole,
) -> None:
    with interrupt_once(ops):
        _, said = ops(f"{BACKEND} sleep 600 --yes", 130)
    assert "the task runs on" in said
    run = list_run_tasks(ops.stage)[0]["startedBy"]
    assert f"ops runs resume {run}" in said
    assert f"ops runs undo {run}" in said
    assert ops.run_for_json(f"runs resume {run} --yes")["state"] == "done"
    assert [task["stopCode"] for task in list_run_tasks(ops.stage)] == ["EssentialContainerExited"]


def test_a_resume_of_a_command_that_failed_says_so(ops: OpsConsole) -> None:
    with interrupt_once(ops):
        ops(f"{BACKEND} false --yes", 130)
    run = list_run_tasks(ops.stage)[0]["startedBy"]
    _, said = ops(f"runs resume {run} --yes", 1)
    assert "the command ended with exit code 1" in said
    assert "what it changed stays" in said


@pytest.mark.parametrize(
    ("words", "place"),
    [
        (["migrate", "--password", "hunter2"], "'--password'"),
        (["migrate", "--api-key=abc"], "'--api-key='"),
        (["psql", "postgres://admin:hunter2@db/app"], "'postgres://'"),
        (["env", "DB_PASSWORD=hunter2", "migrate"], "'DB_PASSWORD='"),
        (["aws", "AKIAIOSFODNN7EXAMPLE"], "word 2"),
        (["sh", "-c", "psql 'password=hunter2'"], "'password='"),
    ],
)
def test_a_secret_is_refused_and_not_shown(words: list[str], place: str) -> None:
    with pytest.raises(UsageError) as refusal:
        require_command(words)
    assert f"the value of {place} looks like one" in str(refusal.value)
    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize(
    "words",
    [
        ["sh", "-c", 'psql "password=$DB_PASSWORD"'],
        ["manage", "reset-password", "alice"],
        ["migrate", "--password", "$DB_PASSWORD"],
        ["migrate", "--sort-key", "name"],
    ],
)
def test_what_holds_no_secret_is_accepted(words: list[str]) -> None:
    require_command(words)


def test_a_command_must_be_one() -> None:
    for words in ([], [""], ["  "]):
        with pytest.raises(UsageError, match="COMMAND must be a command"):
            require_command(words)
    with pytest.raises(UsageError, match="must fit in 8192 characters of JSON"):
        require_command(["echo", "x" * 8200])
    for text in ("", "python '"):
        with pytest.raises(UsageError, match="--before must be a command"):
            parse_before_command(text)


def test_a_secret_on_the_line_calls_nothing(
    ops: OpsConsole, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_words(["migrate", "--token", "abc"], ops.file) == 2
    assert "COMMAND must hold no secret" in capsys.readouterr().err
    assert not list_run_tasks(ops.stage)


DEPLOY = f"service deploy {BACKEND_IMAGE}:v3 --service backend --yes"


def test_a_deployment_goes_on_after_its_command(ops: OpsConsole) -> None:
    ops(f"{DEPLOY} --before true")
    (task,) = list_run_tasks(ops.stage)
    revision = describe_service(ops.stage)["taskDefinition"]
    assert task["taskDefinitionArn"] == revision
    assert task["containers"][0]["image"].startswith(BACKEND_IMAGE)


def test_a_failed_command_deploys_nothing(ops: OpsConsole) -> None:
    revision = describe_service(ops.stage)["taskDefinition"]
    _, said = ops(f"{DEPLOY} --before false", 5)
    assert "the command ended with exit code 1" in said
    service = describe_service(ops.stage)
    assert (service["taskDefinition"], len(service["deployments"])) == (revision, 1)
    assert len(list_run_tasks(ops.stage)) == 1


def test_the_plan_says_what_the_command_means_for_the_old_image(ops: OpsConsole) -> None:
    plan = json.loads(ops(f"{DEPLOY} --before true --dry-run --output json")[0])
    assert plan["changes"][0] == "true: runs once with the new image"
    assert any(
        "tasks of the old image run while the command does" in n for n in plan["plan"]["notes"]
    )
