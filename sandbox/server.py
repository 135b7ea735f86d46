"""The in-memory AWS over HTTP: moto's own server, mended, at a local address."""

import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

from werkzeug.serving import BaseWSGIServer

ADDRESS: Final = "127.0.0.1"
# Read by moto when it is imported: AWS's own policies, and no public images (1300 snapshots).
MOTO: Final = {"MOTO_IAM_LOAD_MANAGED_POLICIES": "true", "MOTO_EC2_LOAD_DEFAULT_AMIS": "false"}
Application: TypeAlias = Callable[[Any, Any], Any]


def listen(port: int) -> socket.socket:
    """A listening socket. Raises OSError where the port is in use."""
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind((ADDRESS, port))
    server.listen(128)
    return server


def url_of(at: socket.socket) -> str:
    """Where a listening socket is."""
    return f"http://{ADDRESS}:{at.getsockname()[1]}"


class OneByOne:
    """Lets one request at a time through: moto's state is not made for several threads."""

    def __init__(self, application: Application) -> None:
        self._application, self._turn = application, threading.Lock()

    def __call__(self, environ: Any, start_response: Any) -> Any:
        with self._turn:
            return self._application(environ, start_response)


def server(at: socket.socket) -> BaseWSGIServer:
    """The server of the in-memory AWS at a listening socket; `serve_forever` is its caller's."""
    os.environ.update({key: os.environ.get(key, value) for key, value in MOTO.items()})
    from moto.moto_server.werkzeug_app import (
        DomainDispatcherApplication,
        MotoRequestHandler,
        create_backend_app,
    )
    from werkzeug.serving import make_server

    from sandbox import patches as mends
    from sandbox.faults_served import faulty

    class Quiet(MotoRequestHandler):
        """Tells of the requests that the sandbox could not answer, not of each."""

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            if str(code).startswith("5"):
                super().log_request(code, size)

    mends.apply()
    return make_server(
        ADDRESS,
        at.getsockname()[1],
        OneByOne(faulty(DomainDispatcherApplication(create_backend_app))),
        threaded=True,
        request_handler=Quiet,
        fd=at.fileno(),
    )


@contextmanager
def serving(at: socket.socket) -> Iterator[str]:
    """Serves in a thread until the end of the block; gives the URL."""
    made = server(at)
    thread = threading.Thread(target=made.serve_forever, name="sandbox", daemon=True)
    thread.start()
    try:
        yield url_of(at)
    finally:
        made.shutdown()
        thread.join(10)
        made.server_close()


def keys(url: str, region: str) -> dict[str, str]:
    """What any client of AWS needs in its environment to work on a served sandbox."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_REGION": region,
        "AWS_ACCESS_KEY_ID": "sandbox",
        "AWS_SECRET_ACCESS_KEY": "sandbox",
    }


def told(text: str) -> None:
    """A line on standard output, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
