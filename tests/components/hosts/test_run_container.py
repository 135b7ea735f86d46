"""The script that runs an instance's container, with an AWS CLI and a docker that only record."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

RUN_SCRIPT = Path(__file__).parents[3] / "components" / "hosts" / "run_container.py"
SECRET_ARN = "arn:aws:secretsmanager:eu-north-1:123456789012:secret:db-a1b2c3"
PARAMETER_ARN = "arn:aws:ssm:eu-north-1:123456789012:parameter/flag"
PUBLIC_IMAGE = "public.ecr.aws/nginx/nginx-unprivileged:stable"
PRIVATE_IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/bulwark/prod/fleet:7"
# Records its arguments, what it reads and its environment; answers from a table by its arguments.
FAKE_PROGRAM = """#!{python}
import json, os, pathlib, sys
home, name, args = pathlib.Path({home!r}), {name!r}, sys.argv[1:]
known = json.loads((home / "answers.json").read_text())
stdin = "" if sys.stdin.isatty() or "--password-stdin" not in args else sys.stdin.read()
with (home / "calls.jsonl").open("a") as log:
    seen = {{k: v for k, v in os.environ.items() if k.startswith(("DB_", "APP_", "FLAG"))}}
    log.write(json.dumps([[name, *args], stdin, seen]) + "\\n")
for words, status, answer in known:
    if set(words) <= set([name, *args]):
        print(answer)
        sys.exit(status)
sys.exit("no answer to " + " ".join([name, *args]))
"""


@dataclass
class FakeMachine:
    """A directory with the fake programs, and what they were called with."""

    home: Path

    def run_script(self, image: str, *answers: tuple[list[str], int, str], **config: Any) -> str:
        """What the script printed, after it has become `docker run`."""
        container_config = {
            "region": "eu-north-1",
            "imageParameter": "/bulwark/prod/fleet/image",
            "logGroup": "/bulwark/prod/fleet",
            "port": 8080,
            "user": "1000:1000",
            "command": [],
            "tmpMb": 64,
            "environment": {},
            "secrets": {},
            **config,
        }
        (self.home / "container.json").write_text(json.dumps(container_config))
        all_answers: list[tuple[list[str], int, str]] = [
            *answers,
            (["get-parameter"], 0, json.dumps({"Parameter": {"Value": image}})),
            (["image", "inspect"], 1, ""),
            (["pull"], 0, ""),
            (["docker", "run"], 0, "the container runs"),
        ]
        (self.home / "answers.json").write_text(json.dumps(all_answers))
        for name in ("aws", "docker"):
            program_file = self.home / name
            program_file.write_text(
                FAKE_PROGRAM.format(python=sys.executable, home=str(self.home), name=name)
            )
            program_file.chmod(0o755)
        process = subprocess.run(
            [sys.executable, str(RUN_SCRIPT), str(self.home / "container.json")],
            env={"PATH": f"{self.home}{os.pathsep}{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
        )
        self.status, self.errors = process.returncode, process.stderr
        return process.stdout

    @property
    def calls(self) -> list[tuple[list[str], str, dict[str, str]]]:
        """(command, what it read, its environment) of each call, in order."""
        lines = (self.home / "calls.jsonl").read_text().splitlines()
        return [(c[0], c[1], c[2]) for c in map(json.loads, lines)]


@pytest.fixture
def machine(tmp_path: Path) -> FakeMachine:
    return FakeMachine(tmp_path)


def _get_docker_run(machine: FakeMachine) -> tuple[list[str], dict[str, str]]:
    command, _, environment = machine.calls[-1]
    assert command[:2] == ["docker", "run"]
    return command, environment


def test_the_container_runs_the_image_of_the_ssm_parameter(machine: FakeMachine) -> None:
    script_output = machine.run_script(PUBLIC_IMAGE, command=["serve", "--fast"])
    command, _ = _get_docker_run(machine)
    assert command[-3:] == [PUBLIC_IMAGE, "serve", "--fast"]
    assert "/bulwark/prod/fleet/image" in machine.calls[0][0]
    assert script_output.splitlines() == ["", f"runs {PUBLIC_IMAGE}", "the container runs"]


def test_the_container_is_read_only_and_has_no_privileges(machine: FakeMachine) -> None:
    machine.run_script(PUBLIC_IMAGE)
    command, _ = _get_docker_run(machine)
    assert {
        "--read-only",
        "--init",
        "--user=1000:1000",
        "--cap-drop=ALL",
        "--security-opt=no-new-privileges",
        "--tmpfs=/tmp:rw,nosuid,nodev,mode=1777,size=64m",
        "--publish=8080:8080",
        "--log-driver=awslogs",
        "--log-opt=awslogs-group=/bulwark/prod/fleet",
        "--log-opt=mode=non-blocking",
    } <= set(command)


def test_secrets_reach_the_container_and_nothing_else(machine: FakeMachine) -> None:
    text = json.dumps({"host": "db.example", "port": 5433, "password": "s3cret"})
    script_output = machine.run_script(
        PUBLIC_IMAGE,
        (["get-secret-value", SECRET_ARN], 0, json.dumps({"SecretString": text})),
        (["get-parameters", PARAMETER_ARN], 0, json.dumps({"Parameters": [{"Value": "on"}]})),
        environment={"APP_MODE": "prod"},
        secrets={
            "DB_HOST": {"arn": SECRET_ARN, "key": "host"},
            "DB_PORT": {"arn": SECRET_ARN, "key": "port"},
            "DB_PASSWORD": {"arn": SECRET_ARN, "key": "password"},
            "FLAG": {"arn": PARAMETER_ARN, "key": None},
        },
    )
    command, environment = _get_docker_run(machine)
    assert environment == {
        "APP_MODE": "prod",
        "DB_HOST": "db.example",
        "DB_PORT": "5433",
        "DB_PASSWORD": "s3cret",
        "FLAG": "on",
    }
    environment_options = [word for word in command if word.startswith("--env")]
    names = ["APP_MODE", "DB_HOST", "DB_PASSWORD", "DB_PORT", "FLAG"]
    assert environment_options == [f"--env={name}" for name in names]
    words = [word for call, _, _ in machine.calls for word in call]
    assert not [word for word in [*words, script_output, machine.errors] if "s3cret" in word]
    secret_calls = [call for call, _, _ in machine.calls if "get-secret-value" in call]
    assert len(secret_calls) == 1
    files = [f for f in machine.home.iterdir() if f.suffix != ".jsonl" and f.name != "answers.json"]
    assert not [f for f in files if "s3cret" in f.read_text()]


def test_a_registry_token_is_never_a_command_line_argument(machine: FakeMachine) -> None:
    machine.run_script(
        PRIVATE_IMAGE,
        (["get-login-password"], 0, "t0ken"),
        (["docker", "login"], 0, "Login Succeeded"),
    )
    calls = machine.calls
    (login,) = [call for call in calls if "login" in call[0]]
    assert login[0][-1] == "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
    assert login[1].strip() == "t0ken"
    (token,) = [call for call, _, _ in calls if "get-login-password" in call]
    assert token[1:3] == ["--region", "eu-west-1"]
    assert not [word for call, _, _ in calls for word in call if "t0ken" in word]


def test_a_local_image_is_not_pulled_again(machine: FakeMachine) -> None:
    machine.run_script(PRIVATE_IMAGE, (["image", "inspect"], 0, "[]"))
    assert not [call for call, _, _ in machine.calls if "pull" in call or "login" in call]


def test_without_its_secret_the_container_does_not_start(machine: FakeMachine) -> None:
    machine.run_script(
        PUBLIC_IMAGE,
        (["get-secret-value"], 254, ""),
        secrets={"DB_HOST": {"arn": SECRET_ARN, "key": "host"}},
    )
    assert machine.status != 0
    assert "get-secret-value" in machine.errors
    assert not [call for call, _, _ in machine.calls if call[:2] == ["docker", "run"]]


def test_a_missing_ssm_parameter_is_named(machine: FakeMachine) -> None:
    machine.run_script(
        PUBLIC_IMAGE,
        (["get-parameters"], 0, json.dumps({"Parameters": []})),
        secrets={"FLAG": {"arn": PARAMETER_ARN, "key": None}},
    )
    assert machine.errors.strip() == f"there is no parameter {PARAMETER_ARN}"
