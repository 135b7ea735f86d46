"""`python -m sandbox.incidents`: incidents listed, served, and asked of by a command."""

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


@pytest.mark.exhaustive
def test_a_command_works_on_an_incident() -> None:
    command = [sys.executable, "-m", "ops", "diagnose"]
    process = subprocess.run(
        [sys.executable, "-m", "sandbox.incidents", "dev-image-crashes", "--", *command],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 3, process.stderr
    assert "Traceback" not in process.stderr
    assert "ops service tasks --service backend --stopped" in process.stderr
