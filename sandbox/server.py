"""The in-memory AWS over HTTP: moto's own server, patched, at a local address."""

import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

from werkzeug.serving import BaseWSGIServer

LOCAL_ADDRESS: Final = "127.0.0.1"
# Read by moto when it is imported: AWS's own policies, and no public images (1300 snapshots).
MOTO_ENVIRONMENT: Final = {
    "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
    "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",
}
MotoApplication: TypeAlias = Callable[[Any, Any], Any]


def open_listening_socket(port: int) -> socket.socket:
    """A listening socket. Raises OSError if the port is in use."""
    listening_socket = socket.socket()
    listening_socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening_socket.bind((LOCAL_ADDRESS, port))
    listening_socket.listen(128)
    return listening_socket


def get_socket_url(listening_socket: socket.socket) -> str:
    """The URL of a listening socket."""
    return f"http://{LOCAL_ADDRESS}:{listening_socket.getsockname()[1]}"


class SerializedApplication:
    """Lets one request at a time through: moto's state is not thread-safe."""

    def __init__(self, application: MotoApplication) -> None:
        self._application, self._lock = application, threading.Lock()

    def __call__(self, environ: Any, start_response: Any) -> Any:
        with self._lock:
            return self._application(environ, start_response)


def build_aws_server(listening_socket: socket.socket) -> BaseWSGIServer:
    """The server of the in-memory AWS at a listening socket; the caller runs `serve_forever`."""
    os.environ.update({key: os.environ.get(key, value) for key, value in MOTO_ENVIRONMENT.items()})
    from moto.moto_server.werkzeug_app import (
        DomainDispatcherApplication,
        MotoRequestHandler,
        create_backend_app,
    )
    from werkzeug.serving import make_server

    from sandbox.faults_served import add_faults
    from sandbox.patches import apply_patches

    class ServerErrorHandler(MotoRequestHandler):
        """Logs only the requests that the sandbox could not answer."""

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            if str(code).startswith("5"):
                super().log_request(code, size)

    apply_patches()
    return make_server(
        LOCAL_ADDRESS,
        listening_socket.getsockname()[1],
        SerializedApplication(add_faults(DomainDispatcherApplication(create_backend_app))),
        threaded=True,
        request_handler=ServerErrorHandler,
        fd=listening_socket.fileno(),
    )


@contextmanager
def serve_in_thread(listening_socket: socket.socket) -> Iterator[str]:
    """Serves in a thread until the end of the block; gives the URL."""
    aws_server = build_aws_server(listening_socket)
    thread = threading.Thread(target=aws_server.serve_forever, name="sandbox", daemon=True)
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
