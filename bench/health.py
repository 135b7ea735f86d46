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

from bench.floor import Measured
from bench.served import REGION, Served, served
from ops.core.aws import Aws
from ops.core.check_runner import run, send
from ops.core.checks import Answer, Facts, Read
from ops.health.registry import CHECKS, health
from ops.outputs import Outputs, parse_outputs
from sandbox.program import PROJECT_ROOT

RUNS = 5
_FLOOR = """
import json, sys
import botocore.session
from botocore.config import Config
clients, chain = json.loads(sys.argv[1])
session = botocore.session.Session()
config = Config(retries={"mode": "standard", "total_max_attempts": 10})
made = {
    (service, region): session.create_client(service, region_name=region, config=config)
    for service, region in clients
}
for service, region, operation, params in chain:
    client = made[service, region]
    if client.can_paginate(operation):
        list(client.get_paginator(operation).paginate(**params))
    else:
        getattr(client, operation)(**params)
"""


def bench() -> Measured:
    """Goal: 1.3 times the floor."""
    with served() as at, patch.dict("os.environ", at.environment, clear=True):
        outputs = parse_outputs(json.loads(at.outputs.read_text()))
        aws = Aws(REGION)
        findings = health(outputs, aws, datetime.now(UTC))  # the server has then loaded all it has
        chain = slowest(outputs, aws)
        clients = sorted(aws._clients)
        floor = [sys.executable, "-c", _FLOOR, json.dumps([clients, [_call(r) for r in chain]])]
        ours = [sys.executable, "-m", "ops", "health"]
        totals, floors = [], []
        for _ in range(RUNS):  # by turns, so that a busy machine is as busy for both
            totals.append(_seconds(ours, at))
            floors.append(_seconds(floor, at))
    name = f"ops health, cold: {len(findings)} findings, {len(clients)} clients"
    return Measured(name, min(totals), min(floors), "1.3x", "floor")


def slowest(outputs: Outputs, aws: Aws) -> list[Read]:
    """The reads of the check that takes longest with clients that are there already."""
    best: tuple[float, list[Read]] = (0, [])
    facts = Facts(outputs, datetime.now(UTC))
    for check in CHECKS:
        if not check.applies(outputs):
            continue
        sent: list[Read] = []

        def sending(one: Read, sent: list[Read] = sent) -> Answer:
            sent.append(one)
            return send(aws, one, REGION)

        began = time.perf_counter()
        run([check], facts, sending)
        best = max(best, (time.perf_counter() - began, sent[-1:]), key=lambda pair: pair[0])
    return best[1]


def _call(one: Read) -> tuple[str, str, str, object]:
    service, operation = one.api.split(".")
    return service, one.region or REGION, operation, json.loads(one.params)


def _seconds(command: Sequence[str], at: Served) -> float:
    began = time.perf_counter()
    done = subprocess.run(
        command, cwd=PROJECT_ROOT, env=at.environment, capture_output=True, check=False, text=True
    )
    if done.returncode not in (0, 3) or "Traceback" in done.stderr:
        raise RuntimeError(done.stderr)
    return time.perf_counter() - began


if __name__ == "__main__":
    print(bench())
