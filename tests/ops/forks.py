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
        return cast(T, _load_output(self._output))


def run_in_fork(run: Callable[[], T]) -> T:
    """What `run` returns, from a process of its own."""
    return Fork(run).result()


def run_with_copies(run: Callable[[Callable[[], bool]], T]) -> list[T]:
    """What `run` returns in each copy of this process that it makes, and at last in this one.

    It makes one by calling its argument, which returns True in the copy and False in the original.
    The original waits there for the end of the copy; a copy makes no copies. Raises AssertionError
    with what a copy raised.
    """
    outputs: list[bytes] = []
    pipe_of_copy: int | None = None

    def copy_process() -> bool:
        nonlocal pipe_of_copy
        if pipe_of_copy is not None:
            return False
        read_end, write_end = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(read_end)
            pipe_of_copy = write_end
            return True
        os.close(write_end)
        with os.fdopen(read_end, "rb") as file:
            outputs.append(file.read())
        os.waitpid(pid, 0)
        return False

    try:
        result = run(copy_process)
    except BaseException:
        if pipe_of_copy is None:
            raise
        _end_child(pipe_of_copy, _ChildError(traceback.format_exc()))
    if pipe_of_copy is not None:
        _end_child(pipe_of_copy, result)
    return [*(cast(T, _load_output(output)) for output in outputs), result]


class _ChildError(str):
    """The traceback of a child."""

    __slots__ = ()


def _load_output(output: bytes) -> object:
    """What a child left. Raises AssertionError with what it raised, or if it left nothing."""
    outcome = pickle.loads(output) if output else _ChildError("it said nothing")
    if isinstance(outcome, _ChildError):
        raise AssertionError(f"in a fork:\n{outcome}")
    return cast(object, outcome)


def _run_child(pipe: int, run: Callable[[], object]) -> NoReturn:
    """A child from its beginning to its end."""
    try:
        outcome = run()
    except BaseException:
        outcome = _ChildError(traceback.format_exc())
    _end_child(pipe, outcome)


def _end_child(pipe: int, outcome: object) -> NoReturn:
    """The end of a child: nothing of the parent's is torn down, flushed or finished."""
    try:
        try:
            output = pickle.dumps(outcome)
        except Exception:
            output = pickle.dumps(_ChildError(traceback.format_exc()))
        with os.fdopen(pipe, "wb") as file:
            file.write(output)
    finally:
        os._exit(0)
