"""A client that requests a URL again and again and counts the answers.

with HttpClient(url) as client:    # in a thread
    ...                            # the stack is operated on
client.get_observation()

With a clock that is advanced by hand, `step_clients(clock, client)` sends a request every few
simulated seconds instead: the result then does not depend on the speed of the machine.
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

from sandbox.clients.observation import ClientObservation
from sandbox.clock import ManualClock, get_sandbox_clock
from sandbox.pausing_clock import hold_clock

REQUEST_PAUSE_SECONDS: Final = 0.02  # real seconds between two requests
CLIENT_TIMEOUT_SECONDS: Final = 30.0  # real seconds until a request counts as not answered
STEP_SECONDS: Final = 5.0  # simulated seconds
FIRST_SERVER_ERROR_STATUS: Final = 500  # statuses from here on are the server's errors


class SteppedClient(Protocol):
    """A client that can be stepped."""

    def send_request(self) -> object:
        """Once."""


class HttpClient:
    """Requests a URL; counts answers, errors (5xx or no answer), and the longest gap.

    `answer_counts` counts answers by status (0: none) and by the image that answered, if any.
    """

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        pause: float = REQUEST_PAUSE_SECONDS,
    ) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._path = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
        self._headers, self._pause = dict(headers or {}), pause
        self.answer_counts: Counter[tuple[int, str]] = Counter()
        self._last_answer_time, self._longest_gap = get_sandbox_clock().now(), 0.0
        self._lock, self._stop_event = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._send_requests, name="asker", daemon=True)

    def send_request(self) -> int:
        """Sends one request; returns its status, 0 for no answer."""
        with hold_clock():
            status, image = self._fetch_answer()
        with self._lock:
            self.answer_counts[status, image] += 1
            if _is_success(status):
                self._update_gap()
        return status

    def get_observation(self) -> ClientObservation:
        """Sums up all requests so far. An open gap counts until now."""
        with self._lock:
            sent = self.answer_counts.total()
            answered = sum(
                count for (status, _), count in self.answer_counts.items() if _is_success(status)
            )
            open_gap = (get_sandbox_clock().now() - self._last_answer_time).total_seconds()
            return ClientObservation(
                "asker", sent, answered, sent - answered, max(self._longest_gap, open_gap)
            )

    def _update_gap(self) -> None:
        now = get_sandbox_clock().now()
        self._longest_gap = max(self._longest_gap, (now - self._last_answer_time).total_seconds())
        self._last_answer_time = now

    def _fetch_answer(self) -> tuple[int, str]:
        connection = http.client.HTTPConnection(
            self._host, self._port, timeout=CLIENT_TIMEOUT_SECONDS
        )
        try:
            connection.request("GET", self._path, headers={**self._headers, "Connection": "close"})
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException):
            return 0, ""
        finally:
            connection.close()
        return response.status, _parse_image(body)

    def _send_requests(self) -> None:
        while not self._stop_event.is_set():
            self.send_request()
            self._stop_event.wait(self._pause)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop_event.set()
        self._thread.join(2 * CLIENT_TIMEOUT_SECONDS)
        self.send_request()  # an open gap ends here or is counted


@contextmanager
def step_clients(
    manual_clock: ManualClock, *clients: SteppedClient, step_seconds: float = STEP_SECONDS
) -> Iterator[None]:
    """Lets each client send a request every few simulated seconds of the manual clock."""
    original_advance = manual_clock.advance

    def advance_stepwise(seconds: float) -> None:
        remaining_seconds = seconds
        while remaining_seconds > 0:
            original_advance(min(step_seconds, remaining_seconds))
            remaining_seconds -= step_seconds
            for client in clients:
                client.send_request()

    with patch.object(manual_clock, "advance", advance_stepwise):
        for client in clients:
            client.send_request()
        yield


def _is_success(status: int) -> bool:
    return 0 < status < FIRST_SERVER_ERROR_STATUS


def _parse_image(body: bytes) -> str:
    """The image that a target reports; empty if the answer is not a target's."""
    try:
        body_json = json.loads(body)
    except ValueError:
        return ""
    return str(body_json.get("image", "")) if isinstance(body_json, dict) else ""
