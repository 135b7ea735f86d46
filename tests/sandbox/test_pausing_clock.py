"""The demo's clock: what takes long because the machine is loaded takes no simulated time."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.core.clock import CLOCK_VARIABLE, SHARED_CLOCK_PREFIX, get_clock_rate
from ops.core.errors import UsageError
from ops.core.run import WallClock
from sandbox import clock
from sandbox.pausing_clock import PausingClock, hold_clock
from sandbox.program import PROJECT_ROOT

FACTOR = 1000.0


@pytest.fixture
def pausing_clock(tmp_path: Path) -> Iterator[PausingClock]:
    running_clock = PausingClock(FACTOR, tmp_path / "clock")
    previous_clock = clock.set_sandbox_clock(running_clock)
    yield running_clock
    clock.set_sandbox_clock(previous_clock)
    running_clock.close()


def measure_passed_seconds(running_clock: PausingClock, wall_seconds: float) -> float:
    before = running_clock.now()
    time.sleep(wall_seconds)
    return (running_clock.now() - before).total_seconds()


def test_the_clock_runs_fast_while_no_process_holds_it(pausing_clock: PausingClock) -> None:
    assert measure_passed_seconds(pausing_clock, 0.5) > 20


def test_the_clock_runs_in_real_time_while_a_client_is_served(pausing_clock: PausingClock) -> None:
    with hold_clock():
        time.sleep(0.05)  # a tick may be under way
        assert measure_passed_seconds(pausing_clock, 0.5) < 2
    assert measure_passed_seconds(pausing_clock, 0.5) > 20


PROCESS_SOURCE = """
import sys, time
from ops.core.run import WallClock
clock = WallClock()
print("ready", flush=True); sys.stdin.readline()
before = clock.now(); end = time.monotonic() + 0.5
while time.monotonic() < end:
    pass
print(clock.now() - before, flush=True)
before, began = clock.now(), time.monotonic()
clock.sleep(300)
print(clock.now() - before, time.monotonic() - began, flush=True)
sys.stdin.readline()
"""


def test_a_process_holds_the_clock_while_it_computes_but_not_while_it_sleeps(
    pausing_clock: PausingClock,
) -> None:
    with pausing_clock.lend_to_process() as (value, descriptor):
        process = subprocess.Popen(
            [sys.executable, "-c", PROCESS_SOURCE],
            cwd=PROJECT_ROOT,
            env={**os.environ, CLOCK_VARIABLE: value},
            pass_fds=(descriptor,),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == "ready\n"
    process.stdin.write("\n")
    process.stdin.flush()
    assert float(process.stdout.readline()) < 2, "half a second of computing is half a second"
    slept, waited = (float(word) for word in process.stdout.readline().split())
    assert slept >= 300
    assert waited < 60
    assert measure_passed_seconds(pausing_clock, 0.3) < 2, "it holds it again"
    process.kill()
    process.wait(10)
    assert measure_passed_seconds(pausing_clock, 0.5) > 20, "a killed process holds nothing"


def test_times_are_found_in_real_time(pausing_clock: PausingClock) -> None:
    before_wall, before = time.time(), pausing_clock.now()
    time.sleep(0.1)
    after, after_wall = pausing_clock.now(), time.time()
    middle = before + (after - before) / 2
    assert before_wall - 0.1 <= pausing_clock.to_wall_seconds(before)
    assert (
        pausing_clock.to_wall_seconds(before)
        <= pausing_clock.to_wall_seconds(middle)
        <= pausing_clock.to_wall_seconds(after)
        <= after_wall + 0.1
    )


def test_a_process_without_the_lock_can_read_the_clock(
    pausing_clock: PausingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CLOCK_VARIABLE, f"{SHARED_CLOCK_PREFIX}{pausing_clock.file}:-1")
    wall_clock = WallClock()
    before = wall_clock.now()
    wall_clock.sleep(50)
    assert wall_clock.now() - before >= 50
    assert abs(wall_clock.now() - pausing_clock.now().timestamp()) < 50


def test_a_clock_that_is_gone_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CLOCK_VARIABLE, f"{SHARED_CLOCK_PREFIX}/no/such/clock:3")
    with pytest.raises(UsageError, match="which no sandbox serves any more"):
        get_clock_rate()
