"""A stack that is up in a served sandbox: what `ops sandbox` gives, and what the demo runs on.

with up("prod") as it:
    subprocess.run(["ops", "health"], env=it.environment)

Behind its endpoint are the in-memory AWS, its databases as real PostgreSQL servers, and its load
balancer as an HTTP server.
"""

import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from pydantic import JsonValue

from ops.core.clock import VARIABLE, Pace
from sandbox import clock
from sandbox import load_balancer as balancer
from sandbox import postgres as databases
from sandbox.deploy import Deployment, Progress, deploy, in_memory_aws, region_of
from sandbox.server import keys, listen, serving

FACTOR: Final = 60.0
# Of a person's own environment: what would lead past the sandbox.
_OTHERS: Final = ("AWS_", "BULWARK_", "PG")


@dataclass(frozen=True)
class Up:
    """A stack that is up: where AWS and the stack's load balancer answer, and what to set."""

    stack: str
    url: str
    site: str | None
    outputs: Path
    deployment: Deployment
    settings: Mapping[str, str]
    factor: float

    @property
    def environment(self) -> dict[str, str]:
        """The whole environment of a process that works on it."""
        own = {k: v for k, v in os.environ.items() if not k.startswith(_OTHERS)}
        return {**own, **self.settings}


@contextmanager
def up(
    stack: str,
    overrides: Mapping[str, JsonValue] | None = None,
    *,
    factor: float = FACTOR,
    at: socket.socket | None = None,
    progress: Progress | None = None,
) -> Iterator[Up]:
    """Deploys a stack and serves it until the end of the block; errors as deploy's.

    `factor` is how many simulated seconds pass in a second, from the moment that all is up: until
    then nothing takes time. `at` is a listening socket, a free port where none is given.
    """
    with ExitStack() as around:
        region = region_of(stack, overrides)
        around.enter_context(in_memory_aws(region))
        around.enter_context(databases.real())
        around.enter_context(balancer.answering())
        folder = Path(around.enter_context(TemporaryDirectory(prefix="bulwark-")))
        deployment = deploy(stack, overrides, progress=progress)
        running = clock.Running(factor)
        around.callback(clock.use, clock.use(running))
        url = around.enter_context(serving(at or around.enter_context(listen(0))))
        outputs = folder / "outputs.json"
        outputs.write_text(json.dumps(deployment.exports, indent=2), encoding="utf-8")
        site = _site(deployment)
        settings = {
            **keys(url, region),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "BULWARK_STACK": stack,
            "BULWARK_OUTPUTS": str(outputs),
            VARIABLE: str(Pace(running.began.timestamp(), factor)),
            "PGSSLMODE": "prefer",
            **({"BULWARK_SANDBOX_SITE": site} if site else {}),
        }
        yield Up(stack, url, site, outputs, deployment, settings, factor)


def _site(deployment: Deployment) -> str | None:
    """Where the load balancer's listener for users answers; None where there is none."""
    part = deployment.exports.get("loadBalancer")
    if part is None:
        return None
    return balancer.url(str(part["arn"]), 443 if str(part["url"]).startswith("https:") else 80)
