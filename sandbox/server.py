"""The in-memory AWS over HTTP: moto's application, patched, at a local address."""

import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sandbox.aws_server import AwsServer

LOCAL_ADDRESS: Final = "127.0.0.1"
LISTEN_BACKLOG: Final = 1024  # connections that wait until they are accepted
# Read by moto when it is imported: AWS's own policies, and no public images (1300 snapshots).
MOTO_ENVIRONMENT: Final = {
    "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
    "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",
}


def open_listening_socket(port: int) -> socket.socket:
    """A listening socket. Raises OSError if the port is in use."""
    listening_socket = socket.socket()
    listening_socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening_socket.bind((LOCAL_ADDRESS, port))
    listening_socket.listen(LISTEN_BACKLOG)
    return listening_socket


def get_socket_url(listening_socket: socket.socket) -> str:
    """The URL of a listening socket."""
    return f"http://{LOCAL_ADDRESS}:{listening_socket.getsockname()[1]}"


def build_aws_server(listening_socket: socket.socket) -> "AwsServer":
    """The server of the in-memory AWS at a listening socket; the caller runs `serve_forever`."""
    os.environ.update({key: os.environ.get(key, value) for key, value in MOTO_ENVIRONMENT.items()})
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    from sandbox.aws_server import AwsServer, SerializedApplication
    from sandbox.faults_served import add_faults
    from sandbox.patches import apply_patches
    from sandbox.patches.aws_health import add_health_refusal
    from sandbox.served_api import add_own_addresses

    apply_patches()
    application = add_health_refusal(DomainDispatcherApplication(create_backend_app))
    return AwsServer(
        listening_socket, SerializedApplication(add_own_addresses(add_faults(application)))
    )


@contextmanager
def serve_in_thread(listening_socket: socket.socket) -> Iterator[str]:
    """Serves in a thread until the end of the block; gives the URL."""
    aws_server = build_aws_server(listening_socket)
    thread = threading.Thread(
        target=aws_server.serve_forever, args=(0.05,), name="sandbox", daemon=True
    )
    thread.start()
    try:
        yield get_socket_url(listening_socket)
    finally:
        aws_server.shutdown()
        thread.join(10)
        aws_server.server_close()


def get_client_environment(url: str, region: str) -> dict[str, str]:
    """The environment variables with which any AWS client works on a served sandbox."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_REGION": region,
        "AWS_ACCESS_KEY_ID": "sandbox",
        "AWS_SECRET_ACCESS_KEY": "sandbox",
    }


def print_line(text: str) -> None:
    """Prints a line, unbuffered."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
