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
        reading, writing = os.pipe()
        self._pid, self._pipe, self._said = os.fork(), reading, b""
        if not self._pid:
            os.close(reading)
            _told(writing, run)
        os.close(writing)

    def wait(self) -> None:
        """Until it has ended."""
        if self._pid:
            with os.fdopen(self._pipe, "rb") as file:
                self._said = file.read()
            os.waitpid(self._pid, 0)
            self._pid = 0

    def result(self) -> T:
        """What it returned. Raises AssertionError with what it raised."""
        self.wait()
        found = pickle.loads(self._said) if self._said else _Raised("it said nothing")
        if isinstance(found, _Raised):
            raise AssertionError(f"in a fork:\n{found}")
        return cast(T, found)


def apart(run: Callable[[], T]) -> T:
    """What `run` returns, from a process of its own."""
    return Fork(run).result()


class _Raised(str):
    """The traceback of a child."""

    __slots__ = ()


def _told(pipe: int, run: Callable[[], object]) -> NoReturn:
    """The end of a child: nothing of the parent's is torn down, flushed or finished."""
    try:
        try:
            said = pickle.dumps(run())
        except BaseException:
            said = pickle.dumps(_Raised(traceback.format_exc()))
        with os.fdopen(pipe, "wb") as file:
            file.write(said)
    finally:
        os._exit(0)
