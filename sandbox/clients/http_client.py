"""A client that asks a URL again and again, and tells how it was answered.

with Asker(url) as asker:          # a thread of its own
    ...                            # the stack is operated on
asker.seen()

Where the clock stands still until it is advanced, `stepping(held, asker)` asks each few simulated
seconds instead of by the wall: what is seen then does not depend on how fast the machine is.
"""

import http.client
import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Final, Protocol, Self
from unittest.mock import patch
from urllib.parse import urlsplit

from sandbox.clients.observation import Seen
from sandbox.clock import Held, clock

PAUSE: Final = 0.02  # seconds of the wall between two requests
TIMEOUT: Final = 30.0  # seconds of the wall until a request counts as not answered
STEP: Final = 5.0  # simulated seconds
SERVER: Final = 500  # statuses from here on are the server's errors


class Client(Protocol):
    """Whoever goes on using the stack."""

    def ask(self) -> object:
        """Once."""


class Asker:
    """Asks a URL; counts answers, errors (5xx, or no answer) and the longest time without one.

    `kinds` counts answers by status (0: none) and by the image that gave it, where one did.
    """

    def __init__(
        self, url: str, *, headers: Mapping[str, str] | None = None, pause: float = PAUSE
    ) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._path = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
        self._headers, self._pause = dict(headers or {}), pause
        self.kinds: Counter[tuple[int, str]] = Counter()
        self._last, self._gap = clock().now(), 0.0
        self._lock, self._over = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._ask_on, name="asker", daemon=True)

    def ask(self) -> int:
        """One request; the status that came, 0 for none."""
        status, image = self._answer()
        with self._lock:
            self.kinds[status, image] += 1
            if _good(status):
                self._mind()
        return status

    def seen(self) -> Seen:
        """What came of all requests so far. A gap that goes on counts until now."""
        with self._lock:
            sent = self.kinds.total()
            answered = sum(n for (status, _), n in self.kinds.items() if _good(status))
            open_ = (clock().now() - self._last).total_seconds()
            return Seen("asker", sent, answered, sent - answered, max(self._gap, open_))

    def _mind(self) -> None:
        now = clock().now()
        self._gap = max(self._gap, (now - self._last).total_seconds())
        self._last = now

    def _answer(self) -> tuple[int, str]:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT)
        try:
            connection.request("GET", self._path, headers={**self._headers, "Connection": "close"})
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException):
            return 0, ""
        finally:
            connection.close()
        return answer.status, _image(body)

    def _ask_on(self) -> None:
        while not self._over.is_set():
            self.ask()
            self._over.wait(self._pause)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join(2 * TIMEOUT)
        self.ask()  # the gap that is open ends here, or is seen


@contextmanager
def stepping(held: Held, *askers: Client, step: float = STEP) -> Iterator[None]:
    """Lets each ask once in so many simulated seconds, however far the clock is advanced."""
    advance = held.advance

    def stepped(seconds: float) -> None:
        left = seconds
        while left > 0:
            advance(min(step, left))
            left -= step
            for asker in askers:
                asker.ask()

    with patch.object(held, "advance", stepped):
        for asker in askers:
            asker.ask()
        yield


def _good(status: int) -> bool:
    return 0 < status < SERVER


def _image(body: bytes) -> str:
    """The image that a target says it is; nothing where the answer is no target's."""
    try:
        said = json.loads(body)
    except ValueError:
        return ""
    return str(said.get("image", "")) if isinstance(said, dict) else ""
