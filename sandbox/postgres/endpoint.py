"""The endpoint of a DB instance: a fixed address that leads to the instance of that name.

It listens from the instance's creation, and looks up the server at each new connection. While the
database does not serve, connections are dropped and new ones are refused. It speaks TLS if asked.
"""

import select
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final

from sandbox.postgres.installation import PostgresError

RELAY_BUFFER_BYTES: Final = 1 << 16
# A client that wants TLS sends this first: PostgreSQL, "Message Formats", SSLRequest.
TLS_REQUEST: Final = (8).to_bytes(4, "big") + (80877103).to_bytes(4, "big")
TLS_ACCEPTED: Final = b"S"
FIRST_MESSAGE_SECONDS: Final = 60  # authentication_timeout of PostgreSQL
ContextGetter = Callable[[str], ssl.SSLContext]  # the TLS context of an endpoint at a host
BUSY_POLL_SECONDS, IDLE_POLL_SECONDS = (
    0.01,
    0.05,
)  # seconds between polls: with connections, and without
SocketPathGetter = Callable[[], str]  # the path of the socket; raises EndpointClosedError
ServingStateGetter = Callable[
    [], object
]  # a value that changes when connections must drop; None: not serving
SocketPair = tuple[socket.socket, socket.socket]


class EndpointClosedError(Exception):
    """The database does not serve now."""


class EndpointProxy:
    """One listening address."""

    def __init__(
        self,
        address: tuple[str, int],
        get_socket_path: SocketPathGetter,
        get_state: ServingStateGetter,
        get_context: ContextGetter | None = None,
    ) -> None:
        """Raises OSError if the address cannot be bound."""
        self._get_socket_path, self._get_state = get_socket_path, get_state
        self._connections: dict[SocketPair, object] = {}  # and their serving state
        self._lock = threading.Lock()
        self._listening_socket = socket.socket()
        self._listening_socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._listening_socket.bind(address)
            self._listening_socket.listen(128)
        except OSError:
            self._listening_socket.close()
            raise
        self.address: tuple[str, int] = self._listening_socket.getsockname()
        self._context = get_context(self.address[0]) if get_context else None
        self._is_open = True
        self._thread = threading.Thread(
            target=self._accept_connections, name=f"endpoint-{address[0]}", daemon=True
        )
        self._thread.start()

    def drop_stale_connections(self) -> None:
        """Closes the connections that were opened in another serving state."""
        with self._lock:
            if not self._connections:
                return
            current_state = self._get_state() if self._is_open else None
            stale_pairs = [
                pair
                for pair, state in self._connections.items()
                if current_state is None or state != current_state
            ]
            for pair in stale_pairs:
                del self._connections[pair]
        for pair in stale_pairs:
            _close_sockets(pair)

    def drop_connections(self) -> None:
        """Closes every connection."""
        with self._lock:
            pairs, self._connections = list(self._connections), {}
        for pair in pairs:
            _close_sockets(pair)

    def close(self) -> None:
        """Closes the endpoint and every connection."""
        self._is_open = False
        _close_sockets((self._listening_socket,))
        self.drop_stale_connections()
        if threading.current_thread() is not self._thread:
            self._thread.join(5)

    def _accept_connections(self) -> None:
        while self._is_open:
            try:
                self._listening_socket.settimeout(
                    BUSY_POLL_SECONDS if self._connections else IDLE_POLL_SECONDS
                )
                client_socket, _ = self._listening_socket.accept()
            except TimeoutError:
                pass
            except OSError:
                return  # closed
            else:
                threading.Thread(
                    target=self._connect_client, args=(client_socket,), daemon=True
                ).start()
            self.drop_stale_connections()

    def _connect_client(self, client_socket: socket.socket) -> None:
        server_socket = socket.socket(socket.AF_UNIX)
        pair = (client_socket, server_socket)
        try:
            server_socket.connect(self._get_socket_path())
            state = self._get_state()  # after the server was started, which may change it
        except (OSError, EndpointClosedError, PostgresError) as error:
            if isinstance(error, PostgresError):
                sys.stderr.write(f"sandbox: {error}\n")
            _close_sockets(pair)
            return
        try:
            client_socket, is_tls = self._accept_tls(client_socket)
        except OSError:  # it does not trust the certificate, or is gone
            _close_sockets(pair)
            return
        pair = (client_socket, server_socket)
        client_socket.settimeout(None)
        with self._lock:
            self._connections[pair] = state
        self.drop_stale_connections()  # it may have changed meanwhile
        if is_tls:
            self._relay_tls(client_socket, server_socket, pair)
            return
        threading.Thread(
            target=self._relay, args=(server_socket, client_socket, pair), daemon=True
        ).start()
        self._relay(client_socket, server_socket, pair)

    def _accept_tls(self, client_socket: socket.socket) -> tuple[socket.socket, bool]:
        """The socket to talk to the client with, and whether it speaks TLS. Raises OSError."""
        client_socket.settimeout(FIRST_MESSAGE_SECONDS)
        first_bytes = client_socket.recv(len(TLS_REQUEST), socket.MSG_PEEK | socket.MSG_WAITALL)
        if self._context is None or first_bytes != TLS_REQUEST:
            return client_socket, False
        client_socket.recv(len(TLS_REQUEST))
        client_socket.sendall(TLS_ACCEPTED)
        return self._context.wrap_socket(client_socket, server_side=True), True

    def _relay_tls(
        self, client_socket: socket.socket, server_socket: socket.socket, pair: SocketPair
    ) -> None:
        """Relays both ways in one thread: OpenSSL's connections are not for two at a time."""
        assert isinstance(client_socket, ssl.SSLSocket)
        destinations = {
            client_socket.fileno(): (client_socket, server_socket),
            server_socket.fileno(): (server_socket, client_socket),
        }
        poller = select.poll()  # not select, which knows no descriptor above 1023
        with suppress(OSError, ValueError):
            for descriptor in destinations:
                poller.register(descriptor, select.POLLIN)
            while True:
                for descriptor, _event in poller.poll():
                    source, destination = destinations[descriptor]
                    data = source.recv(RELAY_BUFFER_BYTES)
                    while source is client_socket and client_socket.pending():
                        data += client_socket.recv(RELAY_BUFFER_BYTES)
                    if not data:
                        raise OSError("closed")
                    destination.sendall(data)
        with self._lock:
            self._connections.pop(pair, None)
        _close_sockets(pair)

    def _relay(self, source: socket.socket, destination: socket.socket, pair: SocketPair) -> None:
        with suppress(OSError):
            while data := source.recv(RELAY_BUFFER_BYTES):
                destination.sendall(data)
        with self._lock:
            self._connections.pop(pair, None)
        _close_sockets(pair)


def _close_sockets(sockets: Iterable[socket.socket]) -> None:
    for open_socket in sockets:
        with suppress(OSError):
            open_socket.shutdown(socket.SHUT_RDWR)
        open_socket.close()
