"""Simulated time: how fast it passes, and what is done when."""

from datetime import timedelta

import pytest

from sandbox import clock


def test_with_the_instant_clock_nothing_takes_time() -> None:
    assert not clock.is_in_future(clock.InstantClock().get_completion_time(3600))


def test_a_running_clock_goes_faster_than_the_wall() -> None:
    wall = [100.0]
    running = clock.RunningClock(60, read_wall_seconds=lambda: wall[0])
    began, until = running.now(), running.get_completion_time(90)
    wall[0] += 1
    assert running.now() - began == timedelta(minutes=1)
    assert running.now() < until
    wall[0] += 0.5
    assert running.now() >= until


def test_a_held_clock_moves_when_it_is_advanced(held_clock: clock.ManualClock) -> None:
    until = clock.get_sandbox_clock().get_completion_time(60)
    assert clock.is_in_future(until)
    held_clock.advance(60)
    assert not clock.is_in_future(until)


@pytest.mark.parametrize("factor", [0, -1])
def test_a_clock_that_would_not_move_is_refused(factor: float) -> None:
    with pytest.raises(ValueError, match="must be any number above 0"):
        clock.RunningClock(factor)


def test_the_clock_before_is_given_back() -> None:
    first = clock.get_sandbox_clock()
    assert clock.set_sandbox_clock(clock.ManualClock()) is first
    clock.set_sandbox_clock(first)
