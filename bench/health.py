"""A cold `ops health` on a served sandbox, against its own floor: `python -m bench.health`.

The floor is a process that does only what cannot be left out: import botocore, make the clients
of the reads, and send the slowest of the reads.
"""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from unittest.mock import patch

from bench.floor import BenchmarkResult
from bench.served import BENCHMARK_REGION, ServedSandbox, open_served_sandbox
from ops.core.aws import Aws
from ops.core.check_runner import run_checks, send_read
from ops.core.checks import CheckFacts, ReadAnswer, ReadRequest
from ops.health.registry import HEALTH_CHECKS
from ops.health.report import check_health
from ops.outputs import Outputs, parse_outputs
from sandbox.program import PROJECT_ROOT

HEALTH_BENCHMARK_RUNS = 5
_FLOOR_SOURCE = """
import json, sys
import botocore.session
from botocore.config import Config
clients, chain = json.loads(sys.argv[1])
session = botocore.session.Session()
config = Config(retries={"mode": "standard", "total_max_attempts": 10})
clients_by_name = {
    (service, region): session.create_client(service, region_name=region, config=config)
    for service, region in clients
}
for service, region, operation, params in chain:
    client = clients_by_name[service, region]
    if client.can_paginate(operation):
        list(client.get_paginator(operation).paginate(**params))
    else:
        getattr(client, operation)(**params)
"""


def run_benchmark() -> BenchmarkResult:
    """Goal: 1.3 times the floor."""
    with (
        open_served_sandbox() as sandbox,
        patch.dict("os.environ", sandbox.environment, clear=True),
    ):
        outputs = parse_outputs(json.loads(sandbox.outputs.read_text()))
        aws = Aws(BENCHMARK_REGION)
        findings = check_health(
            outputs, aws, datetime.now(UTC)
        )  # the server has then loaded all it has
        slowest_reads = list_slowest_reads(outputs, aws)
        clients = sorted(aws._clients)
        floor_command = [
            sys.executable,
            "-c",
            _FLOOR_SOURCE,
            json.dumps(
                [clients, [_build_call_arguments(slow_read) for slow_read in slowest_reads]]
            ),
        ]
        health_command = [sys.executable, "-m", "ops", "health"]
        total_seconds, floor_seconds = [], []
        for _ in range(
            HEALTH_BENCHMARK_RUNS
        ):  # by turns, so that a busy machine is as busy for both
            total_seconds.append(_measure_seconds(health_command, sandbox))
            floor_seconds.append(_measure_seconds(floor_command, sandbox))
    name = f"ops health, cold: {len(findings)} findings, {len(clients)} clients"
    return BenchmarkResult(name, min(total_seconds), min(floor_seconds), "1.3x", "floor")


def list_slowest_reads(outputs: Outputs, aws: Aws) -> list[ReadRequest]:
    """The reads of the check that takes longest with clients that are there already."""
    slowest_check: tuple[float, list[ReadRequest]] = (0, [])
    facts = CheckFacts(outputs, datetime.now(UTC))
    for check in HEALTH_CHECKS:
        if not check.is_applicable(outputs):
            continue
        sent_reads: list[ReadRequest] = []

        def send_and_record(
            read: ReadRequest, sent_reads: list[ReadRequest] = sent_reads
        ) -> ReadAnswer:
            sent_reads.append(read)
            return send_read(aws, read, BENCHMARK_REGION)

        start = time.perf_counter()
        run_checks([check], facts, send_and_record)
        slowest_check = max(
            slowest_check, (time.perf_counter() - start, sent_reads[-1:]), key=lambda pair: pair[0]
        )
    return slowest_check[1]


def _build_call_arguments(read: ReadRequest) -> tuple[str, str, str, object]:
    service, operation = read.api.split(".")
    return service, read.region or BENCHMARK_REGION, operation, json.loads(read.params)


def _measure_seconds(command: Sequence[str], sandbox: ServedSandbox) -> float:
    start = time.perf_counter()
    process = subprocess.run(
        command,
        cwd=PROJECT_ROOT,
        env=sandbox.environment,
        capture_output=True,
        check=False,
        text=True,
    )
    if process.returncode not in (0, 3) or "Traceback" in process.stderr:
        raise RuntimeError(process.stderr)
    return time.perf_counter() - start


if __name__ == "__main__":
    print(run_benchmark())
