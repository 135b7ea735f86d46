"""`make sandbox`: the in-memory AWS, served at a local address until Ctrl-C.

    python -m sandbox.serve [--port N] [--clock-factor N]

Empty at the start. Prints the lines to paste; with them the Pulumi CLI, the AWS CLI and `ops`
work on it. Exit status 2 for a bad option or a port that is in use.
"""

import argparse
import os
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType
from typing import Any, NoReturn

from sandbox import clock

ADDRESS = "127.0.0.1"
# Read by moto when it is imported: AWS's own policies, and no public images (1300 snapshots).
MOTO = {"MOTO_IAM_LOAD_MANAGED_POLICIES": "true", "MOTO_EC2_LOAD_DEFAULT_AMIS": "false"}


class _Options(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, instead of the usage and a line."""
        self.exit(2, f"{self.prog}: {message}\n")


def options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options; exits with status 2 and a line that says why where they are wrong."""
    parser = _Options(prog="sandbox", description="An in-memory AWS, served.")
    parser.add_argument(
        "--port", type=_port, default=4566, help="port to listen at; 0 takes a free one"
    )
    parser.add_argument(
        "--clock-factor", type=_factor, default=60.0, help="simulated seconds in a second"
    )
    return parser.parse_args(arguments)


def _port(text: str) -> int:
    if not (text.isdigit() and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"is {text}, may be 0 to 65535")
    return int(text)


def _factor(text: str) -> float:
    try:
        factor = float(text)
    except ValueError:
        factor = 0
    if not 0 < factor <= 100_000:
        raise argparse.ArgumentTypeError(f"is {text}, may be a number above 0, up to 100000")
    return factor


def listen(port: int) -> socket.socket:
    """A listening socket. Raises OSError where the port is in use."""
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind((ADDRESS, port))
    server.listen(128)
    return server


def lines(url: str, region: str = "eu-north-1") -> str:
    """What to paste into a shell."""
    return f"""\
export AWS_ENDPOINT_URL={url} AWS_REGION={region}
export AWS_ACCESS_KEY_ID=sandbox AWS_SECRET_ACCESS_KEY=sandbox
export PULUMI_CONFIG_PASSPHRASE=sandbox
mkdir -p .sandbox && pulumi login file://$PWD/.sandbox
pulumi stack select --create sandbox
pulumi up"""


class _OneByOne:
    """Lets one request at a time through: moto's state is not made for several threads."""

    def __init__(self, application: Any) -> None:
        self._application, self._turn = application, threading.Lock()

    def __call__(self, environ: Any, start_response: Any) -> Any:
        with self._turn:
            return self._application(environ, start_response)


def serve(at: socket.socket) -> None:
    """Serves the sandbox at a listening socket, until KeyboardInterrupt."""
    os.environ.update({key: os.environ.get(key, value) for key, value in MOTO.items()})
    from moto.moto_server.werkzeug_app import (
        DomainDispatcherApplication,
        MotoRequestHandler,
        create_backend_app,
    )
    from werkzeug.serving import make_server

    from sandbox import mends

    class Quiet(MotoRequestHandler):
        """Tells of the requests that the sandbox could not answer, not of each."""

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            if str(code).startswith("5"):
                super().log_request(code, size)

    mends.apply()
    port = at.getsockname()[1]
    server = make_server(
        ADDRESS,
        port,
        _OneByOne(DomainDispatcherApplication(create_backend_app)),
        threaded=True,
        request_handler=Quiet,
        fd=at.fileno(),
    )
    told = "# serving; Ctrl-C ends it, and everything in it"
    sys.stdout.write(f"{lines(f'http://{ADDRESS}:{port}')}\n{told}\n")
    sys.stdout.flush()
    try:
        server.serve_forever()
    finally:
        server.server_close()


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> int:
    given = options(arguments)
    try:
        at = listen(given.port)
    except OSError as error:
        sys.stderr.write(f"sandbox: port {given.port} cannot be used: {error.strerror}\n")
        return 2
    clock.use(clock.Running(given.clock_factor))
    signal.signal(signal.SIGTERM, _stop)
    with at, suppress(KeyboardInterrupt):
        serve(at)
    return 0


if __name__ == "__main__":
    sys.exit(main())
