"""The HTTP server of the in-memory AWS: a thread for each connection, which stays open.

A connection ends only if its client ends it: one that the server closes for being idle may be
taken for the next request at that moment, whose answer is then lost.
"""

import io
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Iterable
from http.server import ThreadingHTTPServer
from typing import Any, Final, TypeAlias

from moto.moto_server.werkzeug_app import MotoRequestHandler

from sandbox.http_requests import KeepAliveHandler, MalformedBodyError, read_request_body

WsgiApplication: TypeAlias = Callable[[dict[str, Any], Any], Iterable[bytes]]
BODILESS_STATUSES: Final = (204, 304)
# Headers that are the connection's, not the application's.
_CONNECTION_HEADERS: Final = ("connection", "keep-alive", "transfer-encoding", "content-length")


class SerializedApplication:
    """Lets one request at a time through: moto's state is not thread-safe."""

    def __init__(self, application: WsgiApplication) -> None:
        self._application, self._lock = application, threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        with self._lock:
            content = self._application(environ, start_response)
            try:
                return [b"".join(content)]
            finally:
                if hasattr(content, "close"):
                    content.close()


class AwsRequestHandler(KeepAliveHandler, MotoRequestHandler):
    """One connection: reads each request whole, asks the application, sends the answer whole."""

    server: "AwsServer"  # type: ignore[assignment]

    def run_wsgi(self) -> None:
        """Answers one request."""
        try:
            body = read_request_body(self)
        except MalformedBodyError as error:
            self.close_connection = True
            self._send_answer("400 Bad Request", [], f"{error}\n".encode())
            return
        environ = {
            **self.make_environ(),
            "wsgi.input": io.BytesIO(body),
            "wsgi.input_terminated": True,
        }
        if body or environ.get("CONTENT_LENGTH"):
            environ["CONTENT_LENGTH"] = str(len(body))
        status_and_headers: tuple[str, list[tuple[str, str]]] | None = None

        def start_response(
            status: str, headers: list[tuple[str, str]], _exc_info: Any = None
        ) -> None:
            nonlocal status_and_headers
            status_and_headers = status, headers

        try:
            content = b"".join(self.server.application(environ, start_response))
            if status_and_headers is None:
                raise RuntimeError("the application did not start a response")
        except Exception:
            sys.stderr.write(f"sandbox: {self.requestline}\n{traceback.format_exc()}")
            status_and_headers = "500 Internal Server Error", []
            content = b"the sandbox failed; it printed why\n"
        self._send_answer(*status_and_headers, content)

    def _send_answer(self, status: str, headers: list[tuple[str, str]], content: bytes) -> None:
        code_text, _, reason = status.partition(" ")
        code, is_head = int(code_text), self.command == "HEAD"
        self.send_response(code, reason or None)
        for name, value in headers:
            if name.lower() not in _CONNECTION_HEADERS:
                self.send_header(name, value)
        if code not in BODILESS_STATUSES:
            length = str(len(content))
            if is_head:  # the length of what a GET would answer
                length = next((v for n, v in headers if n.lower() == "content-length"), length)
            self.send_header("Content-Length", length)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if not is_head and code not in BODILESS_STATUSES:
            self.wfile.write(content)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Logs only the requests that the sandbox could not answer."""
        if str(code).startswith("5"):
            super().log_request(code, size)


class AwsServer(ThreadingHTTPServer):
    """Serves an application at a socket that listens already; the caller closes that socket."""

    daemon_threads = True
    block_on_close = False
    # Read by werkzeug's handler.
    ssl_context = None
    multithread, multiprocess = True, False
    _server_version = "sandbox"

    def __init__(self, listening_socket: socket.socket, application: WsgiApplication) -> None:
        super().__init__(
            listening_socket.getsockname()[:2], AwsRequestHandler, bind_and_activate=False
        )
        self.socket.close()  # TCPServer's own
        self.socket = listening_socket.dup()
        self.application = application
        self._connections: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serves a connection in a thread."""
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Ends a connection."""
        self._connections.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """Closes the socket and cuts off the connections that are open."""
        super().server_close()
        for connection in list(self._connections):
            self.shutdown_request(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Prints what a connection failed with; nothing if its client went away."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            sys.stderr.write(f"sandbox: {client_address}\n{traceback.format_exc()}")
