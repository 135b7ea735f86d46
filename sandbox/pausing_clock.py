"""A clock that passes fast only while everybody waits: results do not depend on the machine's load.

While a process that works on the sandbox computes, it passes as fast as real time. Such a process
shares a lock on the clock's file, which holds the time, and gives it up while it sleeps
(ops/core/clock.py); a client in a thread of the sandbox holds the clock during a request.
"""

import fcntl
import os
import struct
import threading
import time
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from ops.core.clock import SHARED_CLOCK_PREFIX
from sandbox.clock import get_sandbox_clock

TICK_SECONDS: Final = 0.004
# Real seconds that one tick counts for at most: a tick that comes late is the machine's load.
MAX_TICK_SECONDS: Final = 0.02


class PausingClock:
    """Runs `factor` times as fast as real time while nobody holds it, in a thread of its own."""

    def __init__(self, factor: float, file: Path) -> None:
        if factor < 1:
            raise ValueError(f"factor is {factor}, must be at least 1")
        self.factor, self.file = factor, file
        self._start_time, self._simulated_seconds = datetime.now(UTC), 0.0
        self._holders, self._lock = 0, threading.Lock()
        self._simulated_samples, self._wall_samples = [0.0], [time.time()]
        self._file_descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        self._write_time()
        self._stop_event = threading.Event()
        self._thread = threading.Thread(target=self._run, name="clock", daemon=True)
        self._thread.start()

    def now(self) -> datetime:
        return self._start_time + timedelta(seconds=self._simulated_seconds)

    def get_completion_time(self, seconds: float) -> datetime:
        return self.now() + timedelta(seconds=seconds)

    def to_wall_seconds(self, moment: datetime) -> float:
        simulated_seconds = (moment - self._start_time).total_seconds()
        if simulated_seconds <= 0:
            return self._wall_samples[0] + simulated_seconds
        with self._lock:
            index = bisect_right(self._simulated_samples, simulated_seconds)
            if index == len(self._simulated_samples):
                return self._wall_samples[-1]
            (begin, end), (wall_begin, wall_end) = (
                samples[index - 1 : index + 1]
                for samples in (self._simulated_samples, self._wall_samples)
            )
        share = (simulated_seconds - begin) / (end - begin)
        return wall_begin + share * (wall_end - wall_begin)

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Until the end of the block it passes as fast as real time."""
        with self._lock:
            self._holders += 1
        try:
            yield
        finally:
            with self._lock:
                self._holders -= 1

    @contextmanager
    def lend_to_process(self) -> Iterator[tuple[str, int]]:
        """The BULWARK_CLOCK of a process and the descriptor to pass on, which holds the clock."""
        descriptor = os.open(self.file, os.O_RDONLY)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        try:
            yield f"{SHARED_CLOCK_PREFIX}{self.file}:{descriptor}", descriptor
        finally:
            os.close(descriptor)  # the process has a copy, with which the lock ends

    def close(self) -> None:
        """Stops it."""
        self._stop_event.set()
        self._thread.join(5)
        os.close(self._file_descriptor)

    def _run(self) -> None:
        last_seconds = time.monotonic()
        while not self._stop_event.wait(TICK_SECONDS):
            seconds = time.monotonic()
            elapsed_seconds = min(seconds - last_seconds, MAX_TICK_SECONDS)
            last_seconds = seconds
            with self._lock:
                rate = 1.0 if self._holders or self._is_held_by_process() else self.factor
                self._simulated_seconds += elapsed_seconds * rate
                self._simulated_samples.append(self._simulated_seconds)
                self._wall_samples.append(time.time())
            self._write_time()

    def _is_held_by_process(self) -> bool:
        try:
            fcntl.flock(self._file_descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        fcntl.flock(self._file_descriptor, fcntl.LOCK_UN)
        return False

    def _write_time(self) -> None:
        with suppress(OSError):
            os.pwrite(self._file_descriptor, struct.pack("<d", self.now().timestamp()), 0)


@contextmanager
def hold_clock() -> Iterator[None]:
    """Holds the sandbox's clock until the end of the block, if it is one that can be held."""
    current_clock = get_sandbox_clock()
    if isinstance(current_clock, PausingClock):
        with current_clock.hold():
            yield
    else:
        yield
