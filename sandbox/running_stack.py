"""A running stack in a served sandbox: for `ops sandbox` and the demo.

with serve_stack("prod") as stack:
    subprocess.run(["ops", "health"], env=stack.environment)

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

from ops.core.clock import CLOCK_VARIABLE, SHARED_CLOCK_PREFIX, ClockRate
from sandbox import clock
from sandbox import load_balancer as balancer
from sandbox import postgres as databases
from sandbox.deploy import (
    InMemoryDeployment,
    ProgressCallback,
    deploy_in_memory,
    get_stack_region,
    subscribe_somebody,
    use_in_memory_aws,
)
from sandbox.patches.rds.maintenance import announce_system_update
from sandbox.pausing_clock import PausingClock
from sandbox.server import get_client_environment, open_listening_socket, serve_in_thread

DEFAULT_CLOCK_FACTOR: Final = 60.0
# Variables of a person's own environment that would lead past the sandbox.
_FOREIGN_PREFIXES: Final = ("AWS_", "BULWARK_", "PG")


@dataclass(frozen=True)
class RunningStack:
    """A running stack: the URLs of AWS and of its load balancer, and its environment variables."""

    stack: str
    url: str
    site_url: str | None
    outputs_file: Path
    deployment: InMemoryDeployment
    settings: Mapping[str, str]
    factor: float

    @property
    def environment(self) -> dict[str, str]:
        """The whole environment for a process that works on it."""
        other_variables = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(_FOREIGN_PREFIXES)
        }
        return {**other_variables, **self.settings}


@contextmanager
def serve_stack(
    stack: str,
    overrides: Mapping[str, JsonValue] | None = None,
    *,
    factor: float = DEFAULT_CLOCK_FACTOR,
    listening_socket: socket.socket | None = None,
    progress: ProgressCallback | None = None,
    pausing: bool = False,
) -> Iterator[RunningStack]:
    """Deploys a stack and serves it until the end of the block. Raises like `deploy_in_memory`.

    The factor is the simulated seconds in a second once the stack is up; until then nothing takes
    time. Without a listening socket a free port is used. A `pausing` clock passes that fast
    only while everybody waits.
    """
    with ExitStack() as exit_stack:
        region = get_stack_region(stack, overrides)
        exit_stack.enter_context(use_in_memory_aws(region))
        postgres_servers = exit_stack.enter_context(databases.use_real_postgres())
        exit_stack.enter_context(balancer.serve_load_balancers())
        folder = Path(exit_stack.enter_context(TemporaryDirectory(prefix="bulwark-")))
        deployment = deploy_in_memory(stack, overrides, progress=progress)
        subscribe_somebody(deployment.exports)
        announce_system_update(str(deployment.exports["database"]["arn"]))
        running_clock: clock.RunningClock | PausingClock
        if pausing:
            running_clock = PausingClock(factor, folder / "clock")
            exit_stack.callback(running_clock.close)
            clock_value = f"{SHARED_CLOCK_PREFIX}{running_clock.file}:-1"
        else:
            running_clock = clock.RunningClock(factor)
            clock_value = str(ClockRate(running_clock.start_time.timestamp(), factor))
        exit_stack.callback(clock.set_sandbox_clock, clock.set_sandbox_clock(running_clock))
        url = exit_stack.enter_context(
            serve_in_thread(listening_socket or exit_stack.enter_context(open_listening_socket(0)))
        )
        outputs_file = folder / "outputs.json"
        outputs_file.write_text(json.dumps(deployment.exports, indent=2), encoding="utf-8")
        site_url = _find_site_url(deployment)
        settings = {
            **get_client_environment(url, region),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "BULWARK_STACK": stack,
            "BULWARK_OUTPUTS": str(outputs_file),
            CLOCK_VARIABLE: clock_value,
            "PGSSLROOTCERT": str(postgres_servers.authority.root_file),
            **({"BULWARK_SANDBOX_SITE": site_url} if site_url else {}),
        }
        yield RunningStack(stack, url, site_url, outputs_file, deployment, settings, factor)


def _find_site_url(deployment: InMemoryDeployment) -> str | None:
    """The URL of the load balancer's listener for users; None if there is none."""
    load_balancer_part = deployment.exports.get("loadBalancer")
    if load_balancer_part is None:
        return None
    return balancer.get_listener_url(
        str(load_balancer_part["arn"]),
        443 if str(load_balancer_part["url"]).startswith("https:") else 80,
    )
