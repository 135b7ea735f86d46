"""The endpoint of a DB instance: an address that stays, and leads to whatever bears the name.

It listens from the moment that the instance is made, and asks where to lead only when somebody
knocks. While the database does not serve, connections are dropped and new ones turned away.
"""

import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from sandbox.databases.installation import ServerError

SIZE: Final = 1 << 16
SOON, LATER = 0.01, 0.05  # seconds between two looks: with connections, and without
Leads = Callable[[], str]  # the path of the socket; raises ClosedError
State = Callable[[], object]  # whatever changes when connections are to drop; None: not serving


class ClosedError(Exception):
    """Nobody answers now."""


class Door:
    """One listening address."""

    def __init__(self, address: tuple[str, int], leads: Leads, state: State) -> None:
        """Raises OSError where the address cannot be had."""
        self._leads, self._state = leads, state
        self._live: set[socket.socket] = set()
        self._turn = threading.Lock()
        self._listening = socket.socket()
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._listening.bind(address)
            self._listening.listen(128)
        except OSError:
            self._listening.close()
            raise
        self._open = True
        self._thread = threading.Thread(target=self._watch, name=f"door-{address[0]}", daemon=True)
        self._thread.start()

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        found: tuple[str, int] = self._listening.getsockname()
        return found

    def drop(self) -> None:
        """Ends every connection."""
        with self._turn:
            live, self._live = self._live, set()
        for one in live:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def close(self) -> None:
        """Ends it, and every connection."""
        self._open = False
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.drop()
        if threading.current_thread() is not self._thread:
            self._thread.join(5)

    def _watch(self) -> None:
        state = self._state()
        while self._open:
            self._listening.settimeout(SOON if self._live else LATER)
            caller = None
            try:
                caller, _ = self._listening.accept()
            except TimeoutError:
                pass
            except OSError:
                return  # closed
            if (now := self._state()) != state:
                state = now
                self.drop()
            if caller is not None:
                threading.Thread(target=self._let_in, args=(caller,), daemon=True).start()

    def _let_in(self, caller: socket.socket) -> None:
        server = socket.socket(socket.AF_UNIX)
        try:
            server.connect(self._leads())
        except (OSError, ClosedError, ServerError) as error:
            if isinstance(error, ServerError):
                sys.stderr.write(f"sandbox: {error}\n")
            caller.close()
            server.close()
            return
        caller.settimeout(None)
        with self._turn:
            self._live |= {caller, server}
        threading.Thread(target=self._pass_on, args=(server, caller), daemon=True).start()
        self._pass_on(caller, server)

    def _pass_on(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(SIZE):
                other.sendall(data)
        with self._turn:
            self._live -= {one, other}
        for end in (one, other):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
