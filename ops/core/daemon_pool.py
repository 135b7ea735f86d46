"""A pool of threads that hold nothing up: neither who gave them work, nor the end of the program.

Python joins the threads of ThreadPoolExecutor when it ends (concurrent.futures, "ThreadPoolExecutor
Objects": "all threads enqueued to ThreadPoolExecutor will be joined before the interpreter can
exit"), so that a read that hangs would hang the command. These are daemon threads.
"""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, ParamSpec, TypeVar

_Params = ParamSpec("_Params")
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class _Work:
    """A call, and what its answer is put into."""

    future: Future[Any]
    call: Callable[[], Any]

    def run(self) -> None:
        if not self.future.set_running_or_notify_cancel():
            return
        try:
            self.future.set_result(self.call())
        except BaseException as error:  # as ThreadPoolExecutor does: who asks raises it
            self.future.set_exception(error)


class DaemonPool(Executor):
    """Runs calls in at most `max_workers` daemon threads, in the order they are submitted.

    For reads only: a thread that is at work when the program ends is stopped where it is. As a
    context manager it waits for all of its calls; `shutdown(wait=False)` leaves them alone.
    """

    def __init__(self, max_workers: int) -> None:
        self._max_workers, self._threads = max_workers, list[threading.Thread]()
        self._queue: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._lock = threading.Lock()
        self._is_closed = False

    def submit(
        self, fn: Callable[_Params, _Result], /, *args: _Params.args, **kwargs: _Params.kwargs
    ) -> Future[_Result]:
        """Starts a call as soon as a thread is free. Raises RuntimeError after a shutdown."""
        future: Future[_Result] = Future()
        work = _Work(future, partial(fn, *args, **kwargs))
        with self._lock:
            if self._is_closed:
                raise RuntimeError("the pool is shut down")
            self._queue.put(work)
            if not self._idle.acquire(blocking=False) and len(self._threads) < self._max_workers:
                thread = threading.Thread(target=self._run, daemon=True)
                self._threads.append(thread)
                thread.start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Takes no more calls. Those that were submitted are carried out, unless cancelled."""
        with self._lock:
            self._is_closed = True
            if cancel_futures:
                self._cancel_waiting()
            for _ in self._threads:
                self._queue.put(None)
        if wait:
            for thread in self._threads:
                thread.join()

    def _run(self) -> None:
        while (work := self._get_work()) is not None:
            work.run()

    def _cancel_waiting(self) -> None:
        with suppress(queue.Empty):
            while (work := self._queue.get_nowait()) is not None:
                work.future.cancel()

    def _get_work(self) -> _Work | None:
        """The next call, waited for if there is none; a thread is idle only while it waits."""
        try:
            return self._queue.get_nowait()
        except queue.Empty:
            self._idle.release()
            return self._queue.get()
