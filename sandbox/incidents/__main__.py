"""Brings an incident about by hand: `python -m sandbox.incidents NAME [-- COMMAND ...]`.

The stack is deployed, the incident happens, and the moment of the diagnosis is served: by what is
printed, `ops` and the AWS CLI work on it from another shell. A command is run on it instead.
Without a name the incidents are listed.
"""

import argparse
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

from sandbox.incidents.model import Incident, IncidentFileError, list_all_incidents
from sandbox.incidents.serving import serve_incident
from sandbox.server import print_line


def build_environment() -> dict[str, str]:
    """The environment with this Python's own programs, `ops` among them, before all others."""
    programs = str(Path(sys.executable).parent)
    return {**os.environ, "PATH": os.pathsep.join((programs, os.environ.get("PATH", os.defpath)))}


def run_on_incident(incident: Incident, command: list[str]) -> int:
    """Serves an incident until Ctrl-C, or while a command runs; the command's exit code."""
    with serve_incident(incident) as variables:
        if command:
            return subprocess.run(command, env={**build_environment(), **variables}).returncode
        for name, value in variables.items():
            print_line(f"export {name}={value}")
        print_line(f"# {incident.title} Ctrl-C ends it.")
        threading.Event().wait()
    return 0


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
    if options.command and not shutil.which(options.command[0], path=build_environment()["PATH"]):
        parser.error(f"COMMAND must begin with a program, not {options.command[0]!r}")
    try:
        return run_on_incident(incidents[options.name], options.command)
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
