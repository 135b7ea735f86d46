"""A stack that is served: other processes work on it, and what is behind it is real."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from sandbox.program import PROJECT_ROOT

OPS_COMMAND = (sys.executable, "-m", "ops")


def run_ops(*words: str) -> "subprocess.CompletedProcess[str]":
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "BULWARK_"))}
    return subprocess.run(
        [*OPS_COMMAND, *words],
        cwd=PROJECT_ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.exhaustive
def test_a_command_is_run_on_prod_and_its_exit_code_is_the_sandboxs() -> None:
    done = run_ops("sandbox", "--", *OPS_COMMAND, "health")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "bulwark-prod-database" in done.stdout
    assert "failing" not in done.stdout


@pytest.mark.exhaustive
def test_the_database_is_asked_and_the_site_answers() -> None:
    script = (
        "import os, subprocess, sys, urllib.request\n"
        "site = os.environ['BULWARK_SANDBOX_SITE']\n"
        "print('status', urllib.request.urlopen(site + '/api/x').status)\n"
        "sys.exit(subprocess.run([sys.executable, '-m', 'ops', 'db', 'size']).returncode)\n"
    )
    done = run_ops("sandbox", "--clock-factor", "600", "--", sys.executable, "-c", script)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "status 200" in done.stdout
    assert "WAL" in done.stdout


@pytest.mark.exhaustive
def test_without_a_command_it_says_what_to_set_and_ends_by_a_signal() -> None:
    process = subprocess.Popen(
        [*OPS_COMMAND, "sandbox", "--port", "0"],
        cwd=PROJECT_ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    output = ""
    for line in process.stdout:
        output += line
        if line.startswith("#"):
            break
    process.terminate()
    assert process.wait(30) == 0
    for name in ("AWS_ENDPOINT_URL", "BULWARK_OUTPUTS", "BULWARK_CLOCK", "BULWARK_SANDBOX_SITE"):
        assert f"export {name}=" in output


@pytest.mark.parametrize(
    ("words", "says"),
    [
        pytest.param(("sandbox", "--port", "70000"), "--port", marks=pytest.mark.exhaustive),
        pytest.param(("sandbox", "--clock-factor", "0"), "--clock", marks=pytest.mark.exhaustive),
        (("sandbox", "--port", "0", "--stack", "nowhere"), "there is no stack nowhere"),
    ],
)
def test_bad_input_is_refused(words: tuple[str, ...], says: str) -> None:
    done = run_ops(*words)
    assert done.returncode == 2, done.stderr
    assert says in done.stderr


def test_a_command_that_there_is_not_is_said_and_ends_as_in_a_shell() -> None:
    from sandbox.running_stack import RunningStack
    from sandbox.serve import COMMAND_NOT_FOUND_CODE, run_command

    up: RunningStack = SimpleNamespace(environment=dict(os.environ))  # type: ignore[assignment]
    assert run_command(up, ["no-such-command-here"]) == COMMAND_NOT_FOUND_CODE
    assert run_command(up, [sys.executable, "-c", "import sys; sys.exit(3)"]) == 3
