"""The time that operations go by."""

import time
from datetime import UTC, datetime

import pytest

from ops.core.clock import CLOCK_VARIABLE, ClockRate, get_clock_rate, now
from ops.core.errors import UsageError
from ops.core.run import WallClock


def test_without_a_clock_variable_the_time_is_the_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CLOCK_VARIABLE, raising=False)
    assert abs((now() - datetime.now(UTC)).total_seconds()) < 5
    assert get_clock_rate().to_wall_seconds(10) == 10


def test_a_sandboxs_clock_passes_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CLOCK_VARIABLE, str(ClockRate(time.time() - 100, 60)))
    ahead = (now() - datetime.now(UTC)).total_seconds()
    assert 5900 - 5 < ahead < 5900 + 600
    clock, began = WallClock(), time.monotonic()
    before = clock.now()
    clock.sleep(12)
    assert clock.now() - before >= 12
    assert 0.2 <= time.monotonic() - began < 12


@pytest.mark.parametrize("text", ["fast", "1*", "*2", "0*0", "1*-3", "1*inf", "nan*2", "1*2*3"])
def test_an_invalid_clock_variable_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(CLOCK_VARIABLE, text)
    with pytest.raises(UsageError, match=r"BULWARK_CLOCK is .*, must be BEGAN\*FACTOR") as refused:
        get_clock_rate()
    assert repr(text) in str(refused.value)
