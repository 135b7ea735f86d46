"""`make sandbox`, `ops sandbox`: the in-memory AWS, served at a local address.

    python -m sandbox.serve [--stack NAME] [--port N] [--clock-factor N] [-- COMMAND ...]

Without a stack it is empty, and the Pulumi CLI may deploy one into it. With a stack, that stack is
deployed: its databases are PostgreSQL servers, its load balancer serves HTTP. It prints lines to
paste into a shell and serves until Ctrl-C. A command is run with these variables set instead, and
its exit code is the sandbox's. Exit code 2 for a bad option, an unknown stack, or a port in use.
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

from ops.core.clock import CLOCK_VARIABLE, ClockRate
from sandbox import clock
from sandbox.server import (
    build_aws_server,
    get_client_environment,
    get_socket_url,
    open_listening_socket,
    print_line,
)

if TYPE_CHECKING:
    from sandbox.running_stack import RunningStack

SERVE_CLOCK_FACTOR = 60.0
# Not LocalStack's 4566, and of a range that IANA has assigned to nobody (4805 to 4826).
# Source: https://www.iana.org/assignments/service-names-port-numbers
DEFAULT_PORT = 4816
SERVING_NOTICE = "# serving; Ctrl-C ends it, and everything in it"
COMMAND_NOT_FOUND_CODE = 127  # a shell's exit code for an unknown command


class _OptionParser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Prints one line, without the usage."""
        self.exit(2, f"{self.prog}: {message}\n")


def parse_serve_options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parses the options; exits with status 2 and one line with the reason if they are wrong."""
    all_arguments = list(sys.argv[1:] if arguments is None else arguments)
    option_arguments, _, command = _split_arguments(all_arguments)
    parser = _OptionParser(prog="sandbox", description="An in-memory AWS, served.")
    parser.add_argument("--stack", help="a stack to deploy into it: dev, staging, prod or sandbox")
    parser.add_argument(
        "--port", type=_parse_port, help=f"port to listen at ({DEFAULT_PORT}); 0 takes a free one"
    )
    parser.add_argument(
        "--clock-factor",
        type=_parse_factor,
        default=SERVE_CLOCK_FACTOR,
        help="simulated seconds in a second",
    )
    parsed_options = parser.parse_args(option_arguments)
    parsed_options.command = command
    if parsed_options.port is None:
        parsed_options.port = 0 if command else DEFAULT_PORT
    if "--" in all_arguments and not command:
        parser.error("there is no command behind --")
    if command and parsed_options.stack is None:
        parser.error("--stack is not set, must be the stack for the command to work on")
    return parsed_options


def _split_arguments(arguments: list[str]) -> tuple[list[str], str, list[str]]:
    """The options, `--`, the command."""
    if "--" not in arguments:
        return arguments, "", []
    index = arguments.index("--")
    return arguments[:index], "--", arguments[index + 1 :]


def _parse_port(text: str) -> int:
    if not (text.isdigit() and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"is {text}, must be 0 to 65535")
    return int(text)


def _parse_factor(text: str) -> float:
    try:
        factor = float(text)
    except ValueError:
        factor = 0
    if not 0 < factor <= 100_000:
        raise argparse.ArgumentTypeError(f"is {text}, must be a number above 0, up to 100000")
    return factor


def format_shell_lines(
    url: str, running_clock: clock.RunningClock, region: str = "eu-north-1"
) -> str:
    """The lines to paste into a shell to deploy into an empty sandbox, and to operate it."""
    variables = {
        **get_client_environment(url, region),
        "AWS_EC2_METADATA_DISABLED": "true",
        CLOCK_VARIABLE: str(ClockRate(running_clock.start_time.timestamp(), running_clock.factor)),
        "PGSSLMODE": "prefer",
        "PULUMI_CONFIG_PASSPHRASE": "sandbox",
    }
    exports = "\n".join(f"export {name}={value}" for name, value in variables.items())
    return f"""\
{exports}
mkdir -p .sandbox && pulumi login file://$PWD/.sandbox
pulumi stack select --create sandbox
pulumi up"""


def serve_empty_sandbox(listening_socket: socket.socket, factor: float) -> None:
    """Serves an empty sandbox until KeyboardInterrupt.

    What is deployed into it works as in one with a stack: load balancers serve HTTP, and databases
    are PostgreSQL servers if PostgreSQL is installed.
    """
    aws_server = build_aws_server(listening_socket)
    from sandbox import load_balancer, postgres
    from sandbox.postgres.installation import PostgresError, list_installations

    with ExitStack() as exit_stack:
        exit_stack.callback(aws_server.server_close)
        running_clock = clock.RunningClock(factor)
        exit_stack.callback(clock.set_sandbox_clock, clock.set_sandbox_clock(running_clock))
        exit_stack.enter_context(load_balancer.serve_load_balancers())
        try:
            list_installations()
        except PostgresError as error:
            sys.stderr.write(f"sandbox: {error}: nothing answers at a database's endpoint\n")
        else:
            exit_stack.enter_context(postgres.use_real_postgres())
        shell_lines = format_shell_lines(get_socket_url(listening_socket), running_clock)
        print_line(f"{shell_lines}\n{SERVING_NOTICE}")
        aws_server.serve_forever()


def run_command(running_stack: "RunningStack", command: Sequence[str]) -> int:
    """Runs a command on a running stack; returns its exit code as a shell would."""
    try:
        process = subprocess.Popen(command, env=running_stack.environment)
    except OSError as error:
        sys.stderr.write(f"sandbox: {command[0]} cannot be run: {error.strerror}\n")
        return COMMAND_NOT_FOUND_CODE
    while True:
        try:
            exit_code = process.wait()
        except KeyboardInterrupt:  # the command has got Ctrl-C too: wait for its end
            continue
        return exit_code if exit_code >= 0 else 128 - exit_code


def serve_with_stack(listening_socket: socket.socket, options: argparse.Namespace) -> int:
    """Serves a sandbox with a stack in it, until KeyboardInterrupt or the end of the command."""
    sys.stderr.write("sandbox: importing Pulumi and its AWS provider\n")
    from components.settings import SettingsError
    from sandbox.deploy import CreatedResource
    from sandbox.running_stack import serve_stack

    def show_progress(created: CreatedResource) -> None:
        if created.number % 50 == 0:
            sys.stderr.write(f"sandbox: {created.number} resources\n")

    with ExitStack() as exit_stack:
        try:
            running_stack = exit_stack.enter_context(
                serve_stack(
                    options.stack,
                    factor=options.clock_factor,
                    listening_socket=listening_socket,
                    progress=show_progress,
                )
            )
        except (SettingsError, FileNotFoundError) as error:
            sys.stderr.write(f"sandbox: {error}\n")
            return 2
        if options.command:
            return run_command(running_stack, options.command)
        for name, value in running_stack.settings.items():
            print_line(f"export {name}={value}")
        print_line(SERVING_NOTICE)
        threading.Event().wait()
    return 0


def _raise_interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> int:
    serve_options = parse_serve_options(arguments)
    try:
        listening_socket = open_listening_socket(serve_options.port)
    except OSError as error:
        sys.stderr.write(
            f"sandbox: --port {serve_options.port} cannot be used: {error.strerror}; "
            "--port 0 takes a free one\n"
        )
        return 2
    signal.signal(signal.SIGTERM, _raise_interrupt)
    with listening_socket, suppress(KeyboardInterrupt):
        if serve_options.stack is not None:
            return serve_with_stack(listening_socket, serve_options)
        serve_empty_sandbox(listening_socket, serve_options.clock_factor)
    return 0


if __name__ == "__main__":
    sys.exit(main())
