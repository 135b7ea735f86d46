"""The endpoint of a DB instance: a fixed address that leads to the instance of that name.

It listens from the instance's creation, and looks up the server at each new connection. While the
database does not serve, connections are dropped and new ones are refused.
"""

import socket
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final

from sandbox.postgres.installation import PostgresError

RELAY_BUFFER_BYTES: Final = 1 << 16
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
            state = self._get_state()
            server_socket.connect(self._get_socket_path())
        except (OSError, EndpointClosedError, PostgresError) as error:
            if isinstance(error, PostgresError):
                sys.stderr.write(f"sandbox: {error}\n")
            _close_sockets(pair)
            return
        client_socket.settimeout(None)
        with self._lock:
            self._connections[pair] = state
        self.drop_stale_connections()  # it may have changed meanwhile
        threading.Thread(
            target=self._relay, args=(server_socket, client_socket, pair), daemon=True
        ).start()
        self._relay(client_socket, server_socket, pair)

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
