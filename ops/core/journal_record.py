"""The lines of a run's journal, as data."""

from typing import Literal

from pydantic import JsonValue

from ops.core.frozen_model import FrozenModel

Event = Literal["plan", "intent", "sent", "done", "failed", "undo", "ended", "note"]


class Record(FrozenModel):
    """One event of a run. `writer` tells two engines apart; `timestamp` is seconds since the epoch.

    `previous` is a hash of the line before, so that a line that was changed later is noticed.
    """

    event: Event
    step: str
    timestamp: float
    writer: str
    data: JsonValue = None
    previous: str = ""
