"""Runs something in a process of its own: that has all of this one, and leaves it as it is."""

import os
import pickle
import traceback
from collections.abc import Callable
from typing import Generic, NoReturn, TypeVar, cast

T = TypeVar("T")


class Fork(Generic[T]):
    """A child at work, and what it says at its end."""

    def __init__(self, run: Callable[[], T]) -> None:
        read_end, write_end = os.pipe()
        self._pid, self._pipe, self._output = os.fork(), read_end, b""
        if not self._pid:
            os.close(read_end)
            _run_child(write_end, run)
        os.close(write_end)

    def wait(self) -> None:
        """Until it has ended."""
        if self._pid:
            with os.fdopen(self._pipe, "rb") as file:
                self._output = file.read()
            os.waitpid(self._pid, 0)
            self._pid = 0

    def result(self) -> T:
        """What it returned. Raises AssertionError with what it raised."""
        self.wait()
        outcome = pickle.loads(self._output) if self._output else _ChildError("it said nothing")
        if isinstance(outcome, _ChildError):
            raise AssertionError(f"in a fork:\n{outcome}")
        return cast(T, outcome)


def run_in_fork(run: Callable[[], T]) -> T:
    """What `run` returns, from a process of its own."""
    return Fork(run).result()


class _ChildError(str):
    """The traceback of a child."""

    __slots__ = ()


def _run_child(pipe: int, run: Callable[[], object]) -> NoReturn:
    """The end of a child: nothing of the parent's is torn down, flushed or finished."""
    try:
        try:
            output = pickle.dumps(run())
        except BaseException:
            output = pickle.dumps(_ChildError(traceback.format_exc()))
        with os.fdopen(pipe, "wb") as file:
            file.write(output)
    finally:
        os._exit(0)
