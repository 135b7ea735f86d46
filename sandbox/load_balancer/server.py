"""A listener at a local port."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from http.server import ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import urlsplit

from sandbox.http_requests import KeepAliveHandler, MalformedBodyError, read_request_body
from sandbox.load_balancer.responses import HttpResponse, build_own_response, build_response
from sandbox.load_balancer.rules import HttpRequest
from sandbox.load_balancer.state import (
    RoundRobin,
    find_listener,
    find_tls_state,
    route_request,
)
from sandbox.load_balancer.tls import TLS_RECORD, build_server_context

LISTENER_ADDRESS: Final = "127.0.0.1"
LOCAL_HOSTS: Final = ("127.0.0.1", "localhost")
IDLE_TIMEOUT_SECONDS: Final = (
    60  # seconds until an idle connection is closed. Source: ELB user guide, idle timeout
)
LocalPortFinder = Callable[[str, int], int | None]


class LocalListener:
    """Answers for one listener until it is closed."""

    def __init__(self, load_balancer_arn: str, port: int, find_local_port: LocalPortFinder) -> None:
        self.arn, self.port, self.find_local_port = load_balancer_arn, port, find_local_port
        self.round_robin, self.lock = RoundRobin(), threading.Lock()

        class Handler(_Handler):
            local = self

        self._server = _Server((LISTENER_ADDRESS, 0), Handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="load balancer", daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        """Its local port."""
        return f"http://{LISTENER_ADDRESS}:{self._server.server_port}"

    def close(self) -> None:
        """Closes it and cuts off its connections."""
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    RequestHandlerClass: "type[_Handler]"

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Serves one connection, by TLS if its first byte is that of a client's hello."""
        tls_state = None
        with suppress(OSError):
            request.settimeout(IDLE_TIMEOUT_SECONDS)
            if request.recv(1, socket.MSG_PEEK) == bytes([TLS_RECORD]):
                local = self.RequestHandlerClass.local
                tls_state = find_tls_state(local.arn, local.port)
            request.settimeout(None)
        if tls_state is None:
            super().finish_request(request, client_address)
            return
        # The client that trusts nothing of it, or speaks no version of it, is gone.
        with suppress(OSError):
            request.settimeout(IDLE_TIMEOUT_SECONDS)
            with build_server_context(tls_state).wrap_socket(request, server_side=True) as secured:
                super().finish_request(secured, client_address)


class _Handler(KeepAliveHandler):
    """One connection."""

    local: LocalListener
    timeout = IDLE_TIMEOUT_SECONDS

    def _handle_request(self) -> None:
        try:
            read_request_body(self, kept_bytes=0)
        except MalformedBodyError:
            self.send_error(HTTPStatus.BAD_REQUEST)
            return
        listener_state = find_listener(self.local.arn, self.local.port)
        if listener_state is None:  # the listener has been deleted
            self.close_connection = True
            return
        path, _, query = self.path.partition("?")
        host, _, _ = self.headers.get("Host", "").partition(":")
        request = HttpRequest(
            method=self.command,
            protocol=listener_state.protocol,
            host=host,
            port=listener_state.port,
            path=path,
            query=query,
            headers={name.lower(): value for name, value in self.headers.items()},
            source=str(self.client_address[0]),
        )
        with self.local.lock:
            decision = route_request(listener_state, request, self.local.round_robin)
        self._send_response(
            build_response(decision, request, self._build_forwarded_headers(request)),
            host,
            listener_state.ports,
        )

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _handle_request  # noqa: N815

    def _build_forwarded_headers(self, request: HttpRequest) -> dict[str, str]:
        """The headers that the load balancer adds. Source: ELB user guide, HTTP headers."""
        previous_addresses = self.headers.get("X-Forwarded-For")
        return {
            "X-Forwarded-For": f"{previous_addresses}, {request.source}"
            if previous_addresses
            else request.source,
            "X-Forwarded-Proto": request.protocol.lower(),
            "X-Forwarded-Port": str(request.port),
        }

    def _send_response(self, response: HttpResponse, host: str, ports: frozenset[int]) -> None:
        self.send_response_only(response.status)
        self.send_header("Date", self.date_time_string())
        self.send_header("Content-Type", response.type)
        self.send_header("Content-Length", str(len(response.body)))
        for name, value in response.headers.items():
            header_value = (
                self._localize_redirect(value, host, ports) if name == "Location" else value
            )
            self.send_header(name, header_value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body)

    def _localize_redirect(self, location: str, host: str, ports: frozenset[int]) -> str:
        """A redirect of a request to the local address leads to a local address."""
        target_url = urlsplit(location)
        if (
            host not in LOCAL_HOSTS
            or target_url.hostname not in LOCAL_HOSTS
            or target_url.port not in ports
        ):
            return location
        local_port = self.local.find_local_port(self.local.arn, target_url.port)
        return (
            target_url._replace(scheme="http", netloc=f"{host}:{local_port}").geturl()
            if local_port
            else location
        )

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answers a malformed request or an unknown method as a load balancer does."""
        self.close_connection = True
        self.command = getattr(self, "command", None) or "GET"
        self._send_response(build_own_response(HTTPStatus(code)), "", frozenset())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing: a load balancer's log is its access log."""
