"""A listener at a local port."""

import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final
from urllib.parse import urlsplit

from sandbox.load_balancer.responses import Answer, answer, own
from sandbox.load_balancer.rules import Request
from sandbox.load_balancer.state import Rounds, decide, listener

ADDRESS: Final = "127.0.0.1"
HERE: Final = ("127.0.0.1", "localhost")
IDLE: Final = 60  # seconds until an idle connection is closed. Source: ELB user guide, idle timeout
MOST: Final = 1 << 20  # bytes of a body that are read
Elsewhere = Callable[[str, int], int | None]


class Local:
    """Answers for one listener until it is closed. `elsewhere` finds the others' local ports."""

    def __init__(self, load_balancer_arn: str, port: int, elsewhere: Elsewhere) -> None:
        self.arn, self.port, self.elsewhere = load_balancer_arn, port, elsewhere
        self.rounds, self.turn = Rounds(), threading.Lock()

        class Handler(_Handler):
            local = self

        self._server = _Server((ADDRESS, 0), Handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="load balancer", daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{ADDRESS}:{self._server.server_port}"

    def close(self) -> None:
        """Ends it; who is connected is cut off."""
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    local: Local
    protocol_version = "HTTP/1.1"
    timeout = IDLE

    def _any(self) -> None:
        self._body()
        found = listener(self.local.arn, self.local.port)
        if found is None:  # nobody listens at this port any more
            self.close_connection = True
            return
        path, _, query = self.path.partition("?")
        host, _, _ = self.headers.get("Host", "").partition(":")
        request = Request(
            method=self.command,
            protocol=found.protocol,
            host=host,
            port=found.port,
            path=path,
            query=query,
            headers={name.lower(): value for name, value in self.headers.items()},
            source=str(self.client_address[0]),
        )
        with self.local.turn:
            decision = decide(found, request, self.local.rounds)
        self._send(answer(decision, request, self._forwarded(request)), host, found.ports)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _any  # noqa: N815

    def _forwarded(self, request: Request) -> dict[str, str]:
        """What the load balancer adds. Source: ELB user guide, HTTP headers."""
        before = self.headers.get("X-Forwarded-For")
        return {
            "X-Forwarded-For": f"{before}, {request.source}" if before else request.source,
            "X-Forwarded-Proto": request.protocol.lower(),
            "X-Forwarded-Port": str(request.port),
        }

    def _body(self) -> None:
        try:
            left = int(self.headers.get("Content-Length") or 0)
        except ValueError:
            left = 0
            self.close_connection = True
        if left > MOST:
            self.close_connection = True
        elif left > 0:
            self.rfile.read(left)

    def _send(self, made: Answer, host: str, ports: frozenset[int]) -> None:
        self.send_response_only(made.status)
        self.send_header("Date", self.date_time_string())
        self.send_header("Content-Type", made.type)
        self.send_header("Content-Length", str(len(made.body)))
        for name, value in made.headers.items():
            here = self._here(value, host, ports) if name == "Location" else value
            self.send_header(name, here)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(made.body)

    def _here(self, location: str, host: str, ports: frozenset[int]) -> str:
        """A redirect of whoever came by the local address leads to a local address."""
        to = urlsplit(location)
        if host not in HERE or to.hostname not in HERE or to.port not in ports:
            return location
        there = self.local.elsewhere(self.local.arn, to.port)
        return to._replace(scheme="http", netloc=f"{host}:{there}").geturl() if there else location

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """A request that cannot be read, or of a method that is none: as a load balancer says."""
        self.close_connection = True
        self.command = getattr(self, "command", None) or "GET"
        self._send(own(HTTPStatus(code)), "", frozenset())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing: a load balancer's log is its access log."""
