"""A cold `ops health` against a shell script of AWS CLI calls: `python -m bench.cli`.

The script has one `aws` call for each read that the health checks send on that stack: they are
recorded, so that both look at the same. Both work on the same served sandbox, by turns.
"""

import json
import shlex
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final
from unittest.mock import patch

from bench.served import BENCHMARK_REGION, ServedSandbox, open_served_sandbox
from ops.core.aws import Aws
from ops.core.check_runner import run_checks, send_read
from ops.core.checks import CheckFacts, ReadAnswer, ReadRequest
from ops.health.registry import HEALTH_CHECKS
from ops.outputs import Outputs, parse_outputs
from sandbox.program import PROJECT_ROOT

CLI_BENCHMARK_RUNS: Final = 3
SPEEDUP_GOAL: Final = 20.0
CLI_FOLDER: Final = PROJECT_ROOT / "build" / "awscli"
HEALTH_COMMAND: Final = (sys.executable, "-m", "ops", "health")
# Where the AWS CLI calls a service otherwise than boto3 does.
CLI_SERVICE_NAMES: Final = {"s3": "s3api", "config": "configservice"}


class CliNotInstalledError(Exception):
    """There is no AWS CLI to compare with, and why."""


def run_benchmark() -> str:
    """Goal: twenty times quicker than the script."""
    try:
        cli_path = install_aws_cli(CLI_FOLDER)
    except CliNotInstalledError as error:
        return f"ops health against the AWS CLI: skipped, {error}"
    with (
        open_served_sandbox() as sandbox,
        patch.dict("os.environ", sandbox.environment, clear=True),
    ):
        reads = record_reads(parse_outputs(json.loads(sandbox.outputs.read_text())))
        with TemporaryDirectory() as folder:
            script_path = Path(folder, "health.sh")
            script_path.write_text(build_aws_cli_script(cli_path, reads), encoding="utf-8")
            ops_seconds, script_seconds = [], []
            measure_command_seconds(
                HEALTH_COMMAND, sandbox
            )  # what it keeps for the user is then there
            for _ in range(
                CLI_BENCHMARK_RUNS
            ):  # by turns, so that a busy machine is as busy for both
                ops_seconds.append(measure_command_seconds(HEALTH_COMMAND, sandbox))
                script_seconds.append(measure_command_seconds(("sh", str(script_path)), sandbox))
    return format_comparison(
        get_cli_version(cli_path), len(reads), median(ops_seconds), median(script_seconds)
    )


def format_comparison(version: str, calls: int, ops_seconds: float, script_seconds: float) -> str:
    """The line of this measurement, of medians in seconds."""
    return (
        f"ops health, cold: {script_seconds / ops_seconds:.1f} times quicker than {calls} "
        f"calls of {version} "
        f"({ops_seconds:.2f} s, the script {script_seconds:.1f} s; medians of "
        f"{CLI_BENCHMARK_RUNS}); goal {SPEEDUP_GOAL:.0f} times"
    )


def install_aws_cli(folder: Path) -> Path:
    """The AWS CLI in a virtual environment of its own, made where it is not there yet.

    Raises NotInstalledError.
    """
    cli_path = folder / "bin" / "aws"
    if cli_path.exists():
        return cli_path
    steps = (
        [sys.executable, "-m", "venv", "--clear", str(folder)],
        [
            str(folder / "bin" / "python"),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "awscli",
        ],
    )
    for step in steps:
        process = subprocess.run(step, capture_output=True, text=True, check=False)
        if process.returncode:
            output_lines = (process.stderr or process.stdout).strip().splitlines() or [
                "it said nothing"
            ]
            raise CliNotInstalledError(f"the AWS CLI cannot be installed: {output_lines[-1]}")
    return cli_path


def record_reads(outputs: Outputs) -> list[ReadRequest]:
    """What the health checks read of a stack, each read once, as `ops health` sends them."""
    aws, sent_reads = Aws(BENCHMARK_REGION), list[ReadRequest]()

    def send_and_record(read: ReadRequest) -> ReadAnswer:
        sent_reads.append(read)
        return send_read(aws, read, BENCHMARK_REGION)

    run_checks(
        [check for check in HEALTH_CHECKS if check.is_applicable(outputs)],
        CheckFacts(outputs, datetime.now(UTC)),
        send_and_record,
    )
    return sent_reads


def build_aws_cli_script(cli_path: Path, reads: Iterable[ReadRequest]) -> str:
    """A shell script of these reads, one after another, which stops at the first that fails."""
    return "\n".join(["set -e", *(build_script_line(cli_path, read) for read in reads), ""])


def build_script_line(cli_path: Path, read: ReadRequest) -> str:
    """The call of a read. Where not all of a list is read, the script reads one page as well."""
    service, operation = read.api.split(".")
    arguments = [
        str(cli_path),
        CLI_SERVICE_NAMES.get(service, service),
        operation.replace("_", "-"),
        "--region",
        read.region or BENCHMARK_REGION,
        "--output",
        "json",
        "--cli-input-json",
        read.params,
    ]
    if not read.items_key or read.newest_since or read.max_pages:
        arguments.append("--no-paginate")
    absent_suffix = " 2>/dev/null || true" if read.absent_codes else ""
    return f"{shlex.join(arguments)} >/dev/null{absent_suffix}"


def get_cli_version(cli_path: Path) -> str:
    """Like aws-cli/1.44.1."""
    process = subprocess.run([cli_path, "--version"], capture_output=True, text=True, check=True)
    return (process.stdout or process.stderr).split()[0]


def measure_command_seconds(command: Sequence[str], sandbox: ServedSandbox) -> float:
    """How long a command takes. Raises RuntimeError where it does not do its work."""
    start = time.perf_counter()
    process = subprocess.run(
        command,
        cwd=PROJECT_ROOT,
        env=sandbox.environment,
        capture_output=True,
        check=False,
        text=True,
    )
    elapsed = time.perf_counter() - start
    # 3: `ops health` has something to tell.
    if process.returncode not in ((0, 3) if command == HEALTH_COMMAND else (0,)):
        raise RuntimeError(f"{shlex.join(command)} exited {process.returncode}: {process.stderr}")
    return elapsed


if __name__ == "__main__":
    print(run_benchmark())
