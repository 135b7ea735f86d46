"""Brings an incident about by hand: `python -m sandbox.incidents NAME [-- COMMAND ...]`.

The stack is deployed, the incident happens, and the moment of the diagnosis is served: by what is
printed, `ops` and the AWS CLI work on it from another shell. A command is run on it instead.
Without a name the incidents are listed.
"""

import argparse
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sandbox.faults import set_faults
from sandbox.incidents.model import (
    DEVELOPMENT_FOLDER,
    HELD_OUT_FOLDER,
    Incident,
    IncidentFileError,
    list_incidents,
)
from sandbox.incidents.staging import open_world, stage_incident
from sandbox.incidents.world import World
from sandbox.server import (
    get_client_environment,
    open_listening_socket,
    print_line,
    serve_in_thread,
)

CLOCK_STEP_SECONDS = 0.2


def list_all_incidents() -> dict[str, Incident]:
    """Every incident by its name."""
    folders = (DEVELOPMENT_FOLDER, HELD_OUT_FOLDER)
    return {incident.name: incident for folder in folders for incident in list_incidents(folder)}


def serve_incident(incident: Incident, command: list[str]) -> int:
    """Serves an incident until Ctrl-C, or while a command runs; the command's exit code."""
    with open_world(incident.stack) as world, world.exit_stack:
        stage_incident(world, incident)
        set_faults(*world.faults)
        url = world.exit_stack.enter_context(serve_in_thread(open_listening_socket(0)))
        with world.use_environment(), _let_time_pass(world):
            variables = {
                **get_client_environment(url, world.region),
                **{
                    name: value
                    for name, value in os.environ.items()
                    if name.startswith("BULWARK_") or name == "PGSSLROOTCERT"
                },
                "AWS_EC2_METADATA_DISABLED": "true",
            }
            if command:
                return subprocess.run(command, env={**os.environ, **variables}).returncode
            for name, value in variables.items():
                print_line(f"export {name}={value}")
            print_line(f"# {incident.title} Ctrl-C ends it.")
            threading.Event().wait()
    return 0


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


def main(arguments: list[str]) -> int:
    """Exit code 2 for an unknown name."""
    parser = argparse.ArgumentParser(prog="sandbox.incidents", description=__doc__.splitlines()[0])
    parser.add_argument("name", nargs="?", help="an incident; without it they are listed")
    parser.add_argument("command", nargs="*", help="what to run on it, behind --")
    options = parser.parse_args(arguments)
    try:
        incidents = list_all_incidents()
    except IncidentFileError as error:
        parser.error(str(error))
    if options.name is None:
        for incident in incidents.values():
            print_line(f"{incident.kind:14} {incident.name:32} {incident.title}")
        return 0
    if options.name not in incidents:
        parser.error(f"NAME must be one of {', '.join(incidents)}, not {options.name!r}")
    try:
        return serve_incident(incidents[options.name], options.command)
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
