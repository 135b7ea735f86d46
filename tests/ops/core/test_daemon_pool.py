"""A pool of daemon threads: all calls, their errors, and a program that ends without them."""

import subprocess
import sys
import threading

import pytest

from ops.core.daemon_pool import DaemonPool


def test_answers_come_in_the_order_of_the_calls() -> None:
    with DaemonPool(4) as pool:
        assert list(pool.map(lambda number: number * 2, range(50))) == list(range(0, 100, 2))


def test_at_most_so_many_calls_are_made_at_once_and_all_of_them_can_be() -> None:
    together = threading.Barrier(4)  # passed only if four calls are at work at the same time
    names = set()

    def call(_: int) -> None:
        together.wait(timeout=60)
        names.add(threading.current_thread().name)

    with DaemonPool(4) as pool:
        list(pool.map(call, range(12)))
    assert len(names) == 4


def test_an_error_is_raised_to_who_asks_and_ends_no_thread() -> None:
    def fail() -> None:
        raise ValueError("no")

    with DaemonPool(1) as pool:
        failed, well = pool.submit(fail), pool.submit(lambda: 1)
        with pytest.raises(ValueError, match="no"):
            failed.result()
        assert well.result() == 1
    with pytest.raises(RuntimeError, match="shut down"):
        pool.submit(fail)


def test_calls_that_were_not_begun_can_be_cancelled() -> None:
    is_begun, may_end = threading.Event(), threading.Event()

    def block() -> None:
        is_begun.set()
        may_end.wait(timeout=60)

    pool = DaemonPool(1)
    first, second = pool.submit(block), pool.submit(block)
    is_begun.wait(timeout=60)
    pool.shutdown(wait=False, cancel_futures=True)
    may_end.set()
    first.result()
    assert second.cancelled()


def test_a_call_that_hangs_does_not_hold_up_the_end_of_the_program() -> None:
    program = (
        "import threading\n"
        "from ops.core.daemon_pool import DaemonPool\n"
        "def read():\n"
        "    with DaemonPool(2) as inner:\n"
        "        return list(inner.map(lambda _: threading.Event().wait(), range(2)))\n"
        "pool = DaemonPool(2)\n"
        "pool.submit(read)\n"
        "pool.shutdown(wait=False)\n"
        "print('over')\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True
    )
    assert result.stdout == "over\n"
