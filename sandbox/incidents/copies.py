"""Runs something in a copy of the process, which has all of it and leaves it as it is."""

import gc
import os
import pickle
import traceback
from collections.abc import Callable
from typing import TypeVar, cast

Result = TypeVar("Result")


class CopyFailedError(Exception):
    """What was run in a copy raised this."""


def run_in_copy(run: Callable[[], Result]) -> Result:
    """What `run` returns, from a copy of this process. Raises CopyFailedError with its traceback.

    The copy has this thread only: what others serve is served by the original, which waits.
    """
    read_end, write_end = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(read_end)
        _run_and_exit(run, write_end)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as file:
        output = file.read()
    os.waitpid(pid, 0)
    is_success, result = pickle.loads(output) if output else (False, "it left nothing")
    if not is_success:
        raise CopyFailedError(f"in a copy of the process:\n{result}")
    return cast(Result, result)


def _run_and_exit(run: Callable[[], object], pipe: int) -> None:
    gc.disable()  # looking through what the original has copies all of it
    try:
        try:
            output = pickle.dumps((True, run()))
        except BaseException:
            output = pickle.dumps((False, traceback.format_exc()))
        with os.fdopen(pipe, "wb") as file:
            file.write(output)
    finally:
        os._exit(0)
