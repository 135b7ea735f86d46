"""Python that a container or an instance of the sandbox runs, as a process of this machine.

The names and connections of its sockets are those of the sandbox: a server of the sandbox, or an
outcome that the network of the sandbox has for that host and port.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from sandbox.patches.ec2.connections import ConnectionOutcome

PROCESS_SECONDS: Final = 60  # of this machine, that a process may take
# `hosts` are names with a port of this machine; `outcomes` are what comes of a host and port.
PRELUDE: Final = """
import errno, json, os, socket, sys
hosts = json.loads(os.environ.pop("SANDBOX_HOSTS"))
outcomes = json.loads(os.environ.pop("SANDBOX_OUTCOMES"))
connect = socket.create_connection
names = {host: address for host, _, address, _ in outcomes}
answers = {(address, port): outcome for _, port, address, outcome in outcomes}
class Connected:
    def close(self):
        pass
def resolve_inside(host, *args, **kwargs):
    if names.get(host) is None:
        raise socket.gaierror(-2, "Name or service not known")
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (names[host], 0))]
def connect_inside(address, *args, **kwargs):
    if address[0] in hosts:
        return connect(("127.0.0.1", hosts[address[0]]), *args, **kwargs)
    outcome = answers.get(tuple(address))
    if outcome is None:
        raise socket.gaierror(-2, "Name or service not known")
    if outcome == "refused":
        raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
    if outcome != "connected":
        raise TimeoutError("timed out")
    return Connected()
socket.create_connection = connect_inside
if outcomes:
    socket.getaddrinfo = resolve_inside
exec(compile(sys.argv.pop(1), "<guest>", "exec"), {"__name__": "__main__"})
"""


def run_guest_python(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    *,
    hosts: Mapping[str, int] | None = None,
    outcomes: Sequence[ConnectionOutcome] = (),
    root_file: Path | None = None,
) -> tuple[int, list[str]]:
    """The exit code and the lines of `python3 -c`, whose script is the first argument."""
    certificates = {"SSL_CERT_FILE": str(root_file)} if root_file else {}
    process: Any = subprocess.run(
        [sys.executable, "-I", "-c", PRELUDE, *arguments],
        env={
            "PATH": os.environ.get("PATH", ""),
            "SANDBOX_HOSTS": json.dumps(dict(hosts or {})),
            "SANDBOX_OUTCOMES": json.dumps(list(outcomes)),
            **environment,
            **certificates,
        },
        capture_output=True,
        text=True,
        timeout=PROCESS_SECONDS,
        check=False,
    )
    return process.returncode, [*process.stdout.splitlines(), *process.stderr.splitlines()]
