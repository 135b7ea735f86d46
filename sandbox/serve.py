"""`make sandbox`, `ops sandbox`: the in-memory AWS, served at a local address.

    python -m sandbox.serve [--stack NAME] [--port N] [--clock-factor N] [-- COMMAND ...]

Without a stack it is empty, and the Pulumi CLI may deploy one into it. With one, that stack is up
in it: its databases are PostgreSQL servers, its load balancer answers HTTP. It prints the lines to
paste, and serves until Ctrl-C; a command is run with them set instead, and ends it: its exit code
is then the sandbox's. Exit code 2 for a bad option, a stack that there is not, a port in use.
"""

import argparse
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from sandbox import clock
from sandbox.server import keys, listen, server, told, url_of

if TYPE_CHECKING:
    from sandbox.running_stack import Up

FACTOR = 60.0
PORT = 4566
ENDS = "# serving; Ctrl-C ends it, and everything in it"
NOT_FOUND = 127  # what a shell says of a command that there is not


class _Options(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, instead of the usage and a line."""
        self.exit(2, f"{self.prog}: {message}\n")


def options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options; exits with status 2 and a line that says why where they are wrong."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    own, _, command = _divided(given)
    parser = _Options(prog="sandbox", description="An in-memory AWS, served.")
    parser.add_argument("--stack", help="a stack to deploy into it: dev, staging, prod or sandbox")
    parser.add_argument(
        "--port", type=_port, help=f"port to listen at ({PORT}); 0 takes a free one"
    )
    parser.add_argument(
        "--clock-factor", type=_factor, default=FACTOR, help="simulated seconds in a second"
    )
    made = parser.parse_args(own)
    made.command = command
    if made.port is None:
        made.port = 0 if command else PORT
    if "--" in given and not command:
        parser.error("there is no command behind --")
    if command and made.stack is None:
        parser.error("--stack is not set, may be the stack for the command to work on")
    return made


def _divided(arguments: list[str]) -> tuple[list[str], str, list[str]]:
    """The options, `--`, the command."""
    if "--" not in arguments:
        return arguments, "", []
    at = arguments.index("--")
    return arguments[:at], "--", arguments[at + 1 :]


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


def lines(url: str, region: str = "eu-north-1") -> str:
    """What to paste into a shell to deploy into an empty sandbox."""
    exports = " ".join(f"{k}={v}" for k, v in keys(url, region).items())
    return f"""\
export {exports}
export PULUMI_CONFIG_PASSPHRASE=sandbox
mkdir -p .sandbox && pulumi login file://$PWD/.sandbox
pulumi stack select --create sandbox
pulumi up"""


def empty(at: socket.socket, factor: float) -> None:
    """Serves an empty sandbox until KeyboardInterrupt."""
    before = clock.use(clock.Running(factor))
    made = server(at)
    told(f"{lines(url_of(at))}\n{ENDS}")
    try:
        made.serve_forever()
    finally:
        made.server_close()
        clock.use(before)


def operated(it: "Up", command: Sequence[str]) -> int:
    """Runs a command on a stack that is up; its exit code, as a shell would give it."""
    try:
        process = subprocess.Popen(command, env=it.environment)
    except OSError as error:
        sys.stderr.write(f"sandbox: {command[0]} cannot be run: {error.strerror}\n")
        return NOT_FOUND
    while True:
        try:
            code = process.wait()
        except KeyboardInterrupt:  # the command has had it too: let it end as it will
            continue
        return code if code >= 0 else 128 - code


def with_stack(at: socket.socket, given: argparse.Namespace) -> int:
    """Serves a sandbox with a stack in it, until KeyboardInterrupt or the end of the command."""
    sys.stderr.write("sandbox: importing Pulumi and its AWS provider\n")
    from components.settings import SettingsError
    from sandbox.deploy import Made
    from sandbox.running_stack import up

    def tell(made: Made) -> None:
        if made.number % 50 == 0:
            sys.stderr.write(f"sandbox: {made.number} resources\n")

    with ExitStack() as around:
        try:
            it = around.enter_context(
                up(given.stack, factor=given.clock_factor, at=at, progress=tell)
            )
        except (SettingsError, FileNotFoundError) as error:
            sys.stderr.write(f"sandbox: {error}\n")
            return 2
        if given.command:
            return operated(it, given.command)
        for name, value in it.settings.items():
            told(f"export {name}={value}")
        told(ENDS)
        threading.Event().wait()
    return 0


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> int:
    given = options(arguments)
    try:
        at = listen(given.port)
    except OSError as error:
        sys.stderr.write(f"sandbox: port {given.port} cannot be used: {error.strerror}\n")
        return 2
    signal.signal(signal.SIGTERM, _stop)
    with at, suppress(KeyboardInterrupt):
        if given.stack is not None:
            return with_stack(at, given)
        empty(at, given.clock_factor)
    return 0


if __name__ == "__main__":
    sys.exit(main())
