"""An incident, served: `ops` and the AWS CLI work on it as other processes.

with serve_incident(incident) as variables:
    subprocess.run(["ops", "diagnose"], env={**os.environ, **variables})
"""

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from sandbox.faults import set_faults
from sandbox.incidents.model import Incident
from sandbox.incidents.staging import open_world, stage_incident
from sandbox.incidents.world import World
from sandbox.server import get_client_environment, open_listening_socket, serve_in_thread

CLOCK_STEP_SECONDS: Final = 0.2


@contextmanager
def serve_incident(incident: Incident) -> Iterator[Mapping[str, str]]:
    """Deploys the stack, brings the incident about, and serves the moment of the diagnosis.

    Yields the environment variables that lead there. The clock goes on from that moment.
    """
    with open_world(incident.stack) as world, world.exit_stack:
        stage_incident(world, incident)
        set_faults(*world.faults)
        url = world.exit_stack.enter_context(serve_in_thread(open_listening_socket(0)))
        with world.use_environment(), _let_time_pass(world):
            yield {
                **get_client_environment(url, world.region),
                **{
                    name: value
                    for name, value in os.environ.items()
                    if name.startswith("BULWARK_") or name == "PGSSLROOTCERT"
                },
                "AWS_EC2_METADATA_DISABLED": "true",
            }


@contextmanager
def _let_time_pass(world: World) -> Iterator[None]:
    """The world's clock goes on as fast as the machine's until the end of the block."""
    is_over = threading.Event()

    def run() -> None:
        while not is_over.wait(CLOCK_STEP_SECONDS):
            world.clock.advance(CLOCK_STEP_SECONDS)
            world.write_clock()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
