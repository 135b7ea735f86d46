"""A command on instances of the fleet: once, on the right ones, with what they say."""

import json
from contextlib import suppress

import pytest

from ops.cli.app import main
from ops.core.errors import UsageError
from ops.fleet.model import get_fleet_state
from ops.fleet.run_command import (
    RunCommandOptions,
    build_run_command_plan,
    build_script,
    select_instances,
    validate_run_command_options,
)
from sandbox import faults
from sandbox.faults import LostAnswerFault
from tests.ops.command_line import OpsConsole
from tests.ops.fleet_stage import (
    list_instance_ids,
    list_sent_commands,
    put_fleet,
)
from tests.ops.stage import KilledError, KillFuse, open_stage


def make_commands_fail(ops: OpsConsole, instance: str) -> None:
    tags = [{"Key": "sandbox:commands", "Value": "fail"}]
    ops.stage.client("ec2").create_tags(Resources=[instance], Tags=tags)


def run_words(ops: OpsConsole, *words: str, code: int = 0) -> tuple[str, str]:
    """A line whose words have spaces."""
    assert ops.capture is not None
    ops.capture.readouterr()
    front, remote_words = list(words), list[str]()
    if "--" in front:
        cut = front.index("--")
        front, remote_words = front[:cut], front[cut:]
    exit_code = main(["fleet", "run", *front, "--outputs", str(ops.file), *remote_words])
    captured = ops.capture.readouterr()
    assert exit_code == code, captured.err
    return captured.out, captured.err


def test_the_output_of_every_instance_is_shown(ops: OpsConsole) -> None:
    out, _ = run_words(ops, "--all", "--yes", "--", "echo", "hello there")
    assert "command: echo 'hello there'" in out
    assert "an undo does not revert what the command did" in out
    for instance in list_instance_ids(ops.stage):
        assert f"{instance}: Success, exit code 0\n  hello there\n" in out
    assert list_sent_commands(ops.stage) == [("Success", 2)]


def test_a_single_argument_is_a_script_and_json_has_the_results(ops: OpsConsole) -> None:
    one = min(list_instance_ids(ops.stage))
    script_ = "echo first\nsleep 90\necho last"
    assert ops.capture is not None
    ops.capture.readouterr()
    line = ["fleet", "run", "--instance", one, "--yes", "--output", "json"]
    assert main([*line, "--outputs", str(ops.file), "--", script_]) == 0
    found = json.loads(ops.capture.readouterr().out)
    assert found["kind"] == "fleet-run"
    (row,) = found["items"]
    assert (row["instance"], row["status"], row["code"]) == (one, "Success", 0)
    assert row["output"] == "first\nlast\n"
    assert list_sent_commands(ops.stage) == [("Success", 1)]


def test_a_failed_command_exits_1_and_names_the_instance(ops: OpsConsole) -> None:
    first, other = sorted(list_instance_ids(ops.stage))
    make_commands_fail(ops, first)
    out, err = ops("fleet run --all --max-concurrency 1 --yes uptime", 1)
    assert f"{first}: Failed, exit code 1" in out
    assert f"{other}: Terminated" in out, "no more are sent it after an error"
    assert f"the command failed on 2 of 2 instances: {first}, {other}" in err
    assert "ops runs show fleet-run-" in err
    (state,) = (r["state"] for r in ops.run_for_json("runs list")["items"])
    assert state == "done", "the command has come to its end everywhere: there is nothing to resume"
    out, _ = ops("fleet run --all --max-concurrency 1 --max-errors 1 --yes uptime", 1)
    assert f"{other}: Success" in out


def test_a_command_that_takes_too_long_is_ended(ops: OpsConsole) -> None:
    out, _ = run_words(
        ops, "--all", "--execution-timeout", "60", "--yes", "--", "sleep 900", code=1
    )
    assert out.count(": TimedOut, exit code 137") == 2


def test_an_answer_that_is_lost_runs_it_once(ops: OpsConsole) -> None:
    with faults.inject_faults(LostAnswerFault(("ssm.send_command",))):
        ops("fleet run --all --yes uptime")
    assert list_sent_commands(ops.stage) == [("Success", 2)]


def test_a_killed_run_does_not_send_its_command_again() -> None:
    for point in range(5, 13):  # from the intent until it is written down that it was sent
        with open_stage() as stage:
            put_fleet(stage, 1)
            now, fuse = get_fleet_state(stage.aws, stage.outputs), KillFuse(point)
            plan = build_run_command_plan(
                stage.outputs,
                now,
                select_instances(now, ()),
                "sleep 120",
                "run-1",
                stage.clock.held_clock.now(),
                options=RunCommandOptions(),
            )
            with suppress(KilledError):
                stage.build_engine(fuse).start(plan)
            fuse.touches_left = 10**9
            again = stage.build_engine(fuse)
            assert (again.resume() if fuse.lines else again.start(plan)) == "done"
            assert list_sent_commands(stage) == [("Success", 1)], f"killed at touch {point}"


def test_the_plan_is_agreed_to_by_its_hash(ops: OpsConsole) -> None:
    found = ops.run_for_json("fleet run --all --dry-run uptime")
    assert list_sent_commands(ops.stage) == []
    _, err = ops(f"fleet run --all --yes --expect {found['hash']} reboot", 2)
    assert "--expect is" in err
    ops.stage.clock.sleep(600)
    ops(f"fleet run --all --yes --expect {found['hash']} uptime")
    assert list_sent_commands(ops.stage) == [("Success", 2)]


WRONG_LINES = (
    ("uptime", "give exactly one of --instance and --all; neither is given"),
    (
        "--all --instance i-0123456789abcdef0 uptime",
        "give exactly one of --instance and --all; both are given",
    ),
    ("--instance i-0123456789abcdef0 uptime", "but the fleet has no such instance in service"),
    ("--instance web uptime", "--instance must be an instance id, not 'web'"),
    (
        f"{'--instance i-0123456789abcdef0 ' * 51} uptime",
        "--instance may be given 50 times, not 51",
    ),
    (
        "--all --max-errors 5.5 uptime",
        "--max-errors must be a number from 0, or 0% to 100%, not '5.5'",
    ),
    (
        "--all --max-concurrency 0 uptime",
        "--max-concurrency must be a number from 1, or 1% to 100%, not '0'",
    ),
    ("--all --execution-timeout 0 uptime", "--execution-timeout"),
    ("--all", "COMMAND"),
)


def test_wrong_instances_or_limits_are_refused(ops: OpsConsole) -> None:
    for line, words in WRONG_LINES:
        _, err = ops(f"fleet run --yes {line}", 2)
        assert words in err
    assert list_sent_commands(ops.stage) == []


def test_an_empty_command_is_refused() -> None:
    with pytest.raises(UsageError, match="not ''"):
        build_script([""])
    assert build_script(["df -h | tail -1"]) == "df -h | tail -1"
    assert build_script(["echo", "a b"]) == "echo 'a b'"
    assert validate_run_command_options(RunCommandOptions("100%", "0%")) == RunCommandOptions(
        "100%", "0%"
    )


def test_more_than_fifty_instances_are_targeted_by_their_group() -> None:
    with open_stage() as stage:
        put_fleet(stage, 1)
        now = get_fleet_state(stage.aws, stage.outputs)
        many = [f"i-{number:017x}" for number in range(51)]
        plan = build_run_command_plan(
            stage.outputs,
            now,
            many,
            "uptime",
            "run-1",
            stage.clock.held_clock.now(),
            options=RunCommandOptions(),
        )
        params = plan.steps[0].action.params  # type: ignore[union-attr]
        assert "InstanceIds" not in params
        assert params["Targets"] == [
            {"Key": "tag:aws:autoscaling:groupName", "Values": ["bulwark-test-fleet"]}
        ]
