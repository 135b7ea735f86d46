"""The endpoint of a DB instance: an address that stays, and leads to whatever bears the name.

It listens from the moment that the instance is made, and asks where to lead only when somebody
knocks. While the database does not serve, connections are dropped and new ones turned away.
"""

import socket
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final

from sandbox.postgres.installation import ServerError

SIZE: Final = 1 << 16
SOON, LATER = 0.01, 0.05  # seconds between two looks: with connections, and without
Leads = Callable[[], str]  # the path of the socket; raises ClosedError
State = Callable[[], object]  # whatever changes when connections are to drop; None: not serving
Pair = tuple[socket.socket, socket.socket]


class ClosedError(Exception):
    """Nobody answers now."""


class Door:
    """One listening address."""

    def __init__(self, address: tuple[str, int], leads: Leads, state: State) -> None:
        """Raises OSError where the address cannot be had."""
        self._leads, self._state = leads, state
        self._live: dict[Pair, object] = {}  # and the state that each came in with
        self._turn = threading.Lock()
        self._listening = socket.socket()
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._listening.bind(address)
            self._listening.listen(128)
        except OSError:
            self._listening.close()
            raise
        self.address: tuple[str, int] = self._listening.getsockname()
        self._open = True
        self._thread = threading.Thread(target=self._watch, name=f"door-{address[0]}", daemon=True)
        self._thread.start()

    def look(self) -> None:
        """Ends the connections that came in with another state than there is now."""
        with self._turn:
            if not self._live:
                return
            now = self._state() if self._open else None
            old = [pair for pair, state in self._live.items() if now is None or state != now]
            for pair in old:
                del self._live[pair]
        for pair in old:
            _close(pair)

    def close(self) -> None:
        """Ends it, and every connection."""
        self._open = False
        _close((self._listening,))
        self.look()
        if threading.current_thread() is not self._thread:
            self._thread.join(5)

    def _watch(self) -> None:
        while self._open:
            self._listening.settimeout(SOON if self._live else LATER)
            try:
                caller, _ = self._listening.accept()
            except TimeoutError:
                pass
            except OSError:
                return  # closed
            else:
                threading.Thread(target=self._let_in, args=(caller,), daemon=True).start()
            self.look()

    def _let_in(self, caller: socket.socket) -> None:
        server = socket.socket(socket.AF_UNIX)
        pair = (caller, server)
        try:
            state = self._state()
            server.connect(self._leads())
        except (OSError, ClosedError, ServerError) as error:
            if isinstance(error, ServerError):
                sys.stderr.write(f"sandbox: {error}\n")
            _close(pair)
            return
        caller.settimeout(None)
        with self._turn:
            self._live[pair] = state
        self.look()  # it may have changed meanwhile
        threading.Thread(target=self._pass_on, args=(server, caller, pair), daemon=True).start()
        self._pass_on(caller, server, pair)

    def _pass_on(self, one: socket.socket, other: socket.socket, pair: Pair) -> None:
        with suppress(OSError):
            while data := one.recv(SIZE):
                other.sendall(data)
        with self._turn:
            self._live.pop(pair, None)
        _close(pair)


def _close(ends: Iterable[socket.socket]) -> None:
    for end in ends:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()
