"""The served sandbox: what it prints, what it refuses, how it ends, that clients can work on it."""

import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator

import boto3
import pytest
from botocore.exceptions import ClientError

from sandbox import clock, serve, server
from sandbox.aws_server import SerializedApplication
from sandbox.faults_served import FAULTS_PATH
from sandbox.program import PROJECT_ROOT

SERVE_COMMAND = (sys.executable, "-m", "sandbox.serve")


class SandboxProcess:
    """A sandbox in a process of its own. `printed` is what it printed until it served."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [*SERVE_COMMAND, "--port", "0", "--clock-factor", "600"],
            cwd=PROJECT_ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.output = ""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output += line
            if line.startswith("#"):
                break
        url_match = re.search(r"AWS_ENDPOINT_URL=(\S+)", self.output)
        assert url_match, self.output
        self.url = url_match[1]

    def end_process(self, signal_number: int) -> int:
        self.process.send_signal(signal_number)
        return self.process.wait(timeout=20)


@pytest.fixture(scope="module")
def sandbox_process() -> Iterator[SandboxProcess]:
    started_process = SandboxProcess()
    yield started_process
    if started_process.process.poll() is None:
        started_process.end_process(signal.SIGKILL)


def test_the_served_sandbox_prints_the_lines_to_paste(sandbox_process: SandboxProcess) -> None:
    for word in (
        *("AWS_ENDPOINT_URL=http://127.0.0.1:", "AWS_REGION=eu-north-1", "AWS_ACCESS_KEY_ID="),
        *("AWS_SECRET_ACCESS_KEY=", "PULUMI_CONFIG_PASSPHRASE=", "pulumi login file://"),
        *("pulumi stack select --create sandbox", "pulumi up", "export BULWARK_CLOCK="),
    ):
        assert word in sandbox_process.output


def test_a_client_creates_a_database_that_takes_time(sandbox_process: SandboxProcess) -> None:
    session = boto3.Session("sandbox", "sandbox")
    rds = session.client("rds", "eu-north-1", endpoint_url=sandbox_process.url)
    response = rds.create_db_instance(
        DBInstanceIdentifier="main",
        DBInstanceClass="db.t4g.small",
        Engine="postgres",
        MasterUsername="someone",
        MasterUserPassword="Aa1-Aa1-Aa1",
        AllocatedStorage=20,
        BackupRetentionPeriod=7,
    )["DBInstance"]
    assert response["DBInstanceStatus"] == "creating"
    begun = time.monotonic()
    while time.monotonic() - begun < 20:
        instance = rds.describe_db_instances()["DBInstances"][0]
        if instance["DBInstanceStatus"] == "available":
            break
        time.sleep(0.1)
    assert instance["DBInstanceStatus"] == "available"
    endpoint = instance["Endpoint"]
    with socket.create_connection((endpoint["Address"], endpoint["Port"]), 10):
        pass  # a server answers where the database is said to be
    assert time.monotonic() - begun > 0.3  # eight simulated minutes at 600 to 1 are 0.8 s


def test_regions_share_no_resources(sandbox_process: SandboxProcess) -> None:
    session = boto3.Session("sandbox", "sandbox")
    rds = session.client("rds", "eu-west-1", endpoint_url=sandbox_process.url)
    assert rds.describe_db_instances()["DBInstances"] == []


def test_a_path_that_ends_with_a_slash_is_answered(sandbox_process: SandboxProcess) -> None:
    session = boto3.Session("sandbox", "sandbox")
    backup = session.client("backup", "eu-north-1", endpoint_url=sandbox_process.url)
    backup.create_backup_vault(BackupVaultName="vault")
    response = backup.list_recovery_points_by_backup_vault(BackupVaultName="vault")
    assert response["RecoveryPoints"] == []


def test_calls_can_be_made_to_fail(sandbox_process: SandboxProcess) -> None:
    rds = boto3.Session("sandbox", "sandbox").client(
        "rds", "eu-north-1", endpoint_url=sandbox_process.url
    )

    def faults(method: str, body: object = None) -> None:
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"{sandbox_process.url}{FAULTS_PATH}", data, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 200

    faults("POST", [{"fault": "denied", "apis": ["rds.describe_db_snapshots"]}])
    try:
        rds.describe_db_instances()
        with pytest.raises(ClientError, match="AccessDenied"):
            rds.describe_db_snapshots()
    finally:
        faults("DELETE")
    rds.describe_db_snapshots()


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.exhaustive)]
)
def test_a_signal_ends_the_served_sandbox_with_exit_code_0(number: int) -> None:
    assert SandboxProcess().end_process(number) == 0


def test_a_port_in_use_is_one_clear_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind((server.LOCAL_ADDRESS, 0))
        taken.listen()
        port = taken.getsockname()[1]
        before = clock.get_sandbox_clock()
        assert serve.main(["--port", str(port)]) == 2
        assert clock.get_sandbox_clock() is before
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert f"--port {port} cannot be used" in error
    assert "--port 0 takes a free one" in error


def test_the_default_port_is_not_localstacks() -> None:
    assert serve.parse_serve_options([]).port not in range(4510, 4600)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--port", "70000"], "is 70000, must be 0 to 65535"),
        (["--port", "x"], "is x, must be 0 to 65535"),
        (["--clock-factor", "0"], "is 0, must be a number above 0"),
        (["--clock-factor", "fast"], "is fast, must be a number above 0"),
        (["--clock-factor", "nan"], "is nan, must be a number above 0"),
        (["now"], "unrecognized arguments: now"),
        (["--stack", "prod", "--"], "there is no command behind --"),
        (["--", "true"], "--stack is not set, must be the stack for the command to work on"),
    ],
)
def test_a_bad_option_says_what_it_may_be(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        serve.parse_serve_options(arguments)
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert message in error


def test_requests_come_in_one_by_one() -> None:
    inside: list[int] = []
    most = [0]

    def application(_environ: object, _start: object) -> list[bytes]:
        inside.append(1)
        most[0] = max(most[0], len(inside))
        time.sleep(0.01)
        inside.pop()
        return []

    gate = SerializedApplication(application)
    threads = [threading.Thread(target=gate, args=({}, None)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]
