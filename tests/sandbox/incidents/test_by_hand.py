"""`python -m sandbox.incidents`: incidents listed, served, and asked of by a command."""

import os
import subprocess
import sys

import pytest

from sandbox.incidents.__main__ import main
from sandbox.incidents.describe import describe_happenings
from sandbox.program import PROJECT_ROOT


def test_without_a_name_incidents_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.split()[:2] == ["database", "lock-on-orders"] for line in lines)


def test_an_unknown_name_is_an_error_with_those_that_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["lock-on-order"])
    assert ended.value.code == 2
    message = capsys.readouterr().err
    assert "NAME must be one of " in message
    assert "lock-on-orders" in message
    assert "not 'lock-on-order'" in message


def test_what_may_happen_is_described_for_who_writes_an_incident() -> None:
    text = describe_happenings()
    assert "deploy-service(service, tag=None" in text
    assert "metrics of database: CPUUtilization, DBLoad" in text


def test_what_is_no_program_is_refused_before_anything(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as exit_of_main:
        main(["lock-on-orders", "--", "no-such-program"])
    assert exit_of_main.value.code == 2
    assert "COMMAND must begin with a program, not 'no-such-program'" in capsys.readouterr().err


@pytest.mark.exhaustive
def test_a_command_works_on_an_incident() -> None:
    process = subprocess.run(
        [sys.executable, "-m", "sandbox.incidents", "dev-image-crashes", "--", "ops", "diagnose"],
        cwd=PROJECT_ROOT,
        env={**os.environ, "PATH": os.defpath},  # as in a shell where nothing is activated
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 3, process.stderr
    assert "Traceback" not in process.stderr
    assert "ops service tasks --service backend --stopped" in process.stderr
