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

from bench.served import REGION, Served, served
from ops.core.aws import Aws
from ops.core.check_runner import run, send
from ops.core.checks import Answer, Facts, Read
from ops.health.registry import CHECKS
from ops.outputs import Outputs, parse_outputs
from sandbox.program import PROJECT_ROOT

RUNS: Final = 3
GOAL: Final = 20.0
FOLDER: Final = PROJECT_ROOT / "build" / "awscli"
HEALTH: Final = (sys.executable, "-m", "ops", "health")
# Where the AWS CLI calls a service otherwise than boto3 does.
SPELLED: Final = {"s3": "s3api", "config": "configservice"}


class NotInstalledError(Exception):
    """There is no AWS CLI to compare with, and why."""


def bench() -> str:
    """Goal: twenty times quicker than the script."""
    try:
        aws = installed(FOLDER)
    except NotInstalledError as error:
        return f"ops health against the AWS CLI: skipped, {error}"
    with served() as at, patch.dict("os.environ", at.environment, clear=True):
        reads = recorded(parse_outputs(json.loads(at.outputs.read_text())))
        with TemporaryDirectory() as folder:
            file = Path(folder, "health.sh")
            file.write_text(script(aws, reads), encoding="utf-8")
            ours, theirs = [], []
            seconds(HEALTH, at)  # what it keeps for the user is then there
            for _ in range(RUNS):  # by turns, so that a busy machine is as busy for both
                ours.append(seconds(HEALTH, at))
                theirs.append(seconds(("sh", str(file)), at))
    return told(version(aws), len(reads), median(ours), median(theirs))


def told(version: str, calls: int, ours: float, theirs: float) -> str:
    """The line of this measurement, of medians in seconds."""
    return (
        f"ops health, cold: {theirs / ours:.1f} times quicker than {calls} calls of {version} "
        f"({ours:.2f} s, the script {theirs:.1f} s; medians of {RUNS}); goal {GOAL:.0f} times"
    )


def installed(folder: Path) -> Path:
    """The AWS CLI in a virtual environment of its own, made where it is not there yet.

    Raises NotInstalledError.
    """
    aws = folder / "bin" / "aws"
    if aws.exists():
        return aws
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
        done = subprocess.run(step, capture_output=True, text=True, check=False)
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines() or ["it said nothing"]
            raise NotInstalledError(f"the AWS CLI cannot be installed: {said[-1]}")
    return aws


def recorded(outputs: Outputs) -> list[Read]:
    """What the health checks read of a stack, each read once, as `ops health` sends them."""
    aws, sent = Aws(REGION), list[Read]()

    def sending(one: Read) -> Answer:
        sent.append(one)
        return send(aws, one, REGION)

    run([c for c in CHECKS if c.applies(outputs)], Facts(outputs, datetime.now(UTC)), sending)
    return sent


def script(aws: Path, reads: Iterable[Read]) -> str:
    """A shell script of these reads, one after another, which stops at the first that fails."""
    return "\n".join(["set -e", *(line(aws, one) for one in reads), ""])


def line(aws: Path, one: Read) -> str:
    """The call of a read. Where not all of a list is read, the script reads one page as well."""
    service, operation = one.api.split(".")
    words = [
        str(aws),
        SPELLED.get(service, service),
        operation.replace("_", "-"),
        "--region",
        one.region or REGION,
        "--output",
        "json",
        "--cli-input-json",
        one.params,
    ]
    if not one.items or one.newest or one.most:
        words.append("--no-paginate")
    may_be_absent = " 2>/dev/null || true" if one.absent else ""
    return f"{shlex.join(words)} >/dev/null{may_be_absent}"


def version(aws: Path) -> str:
    """Like aws-cli/1.44.1."""
    done = subprocess.run([aws, "--version"], capture_output=True, text=True, check=True)
    return (done.stdout or done.stderr).split()[0]


def seconds(command: Sequence[str], at: Served) -> float:
    """How long a command takes. Raises RuntimeError where it does not do its work."""
    began = time.perf_counter()
    done = subprocess.run(
        command, cwd=PROJECT_ROOT, env=at.environment, capture_output=True, check=False, text=True
    )
    took = time.perf_counter() - began
    # 3: `ops health` has something to tell.
    if done.returncode not in ((0, 3) if command == HEALTH else (0,)):
        raise RuntimeError(f"{shlex.join(command)} exited {done.returncode}: {done.stderr}")
    return took


if __name__ == "__main__":
    print(bench())
