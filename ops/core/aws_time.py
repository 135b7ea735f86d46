"""How far this machine's clock is from AWS's, by the Date of AWS's own answers.

Locks, journals and run ids of several machines are compared, and with AWS's times: a laptop that is
ten minutes ahead would take a lock that is alive for over, and what AWS has just done for missing.
AWS answers to clocks that are wrong by less than five minutes (S3: 15), a Date included ("Elements
of an AWS API request signature"; S3 error RequestTimeTooSkewed), so that it can be known.
"""

import threading
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final

DATE_RESOLUTION_SECONDS: Final = 1.0  # of a Date header, which is cut to whole seconds (RFC 9110)


class AwsTimeOffset:
    """Seconds to add to this machine's clock, as far as answers say.

    It is 0 while each answer could have been given at this machine's time, and never farther from
    it than the answers need: an answer that takes long says little.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._sending = threading.local()

    def on_send(self, **_: object) -> None:
        """Notes when this thread's request is sent. It answers nothing, so that it goes on."""
        self._sending.time = time.time()

    def on_answer(self, response_dict: Mapping[str, Any], **_: object) -> None:
        """Learns from the Date of an answer of AWS; one without says nothing."""
        sent_at: float | None = getattr(self._sending, "time", None)
        if sent_at is not None:
            self.learn(str((response_dict.get("headers") or {}).get("date", "")), sent_at)

    def learn(self, date: str, sent_at: float) -> None:
        """Learns from a Date header that came now, to a request that was sent at a local time."""
        try:
            answered_at = parsedate_to_datetime(date).timestamp()
        except ValueError:
            return
        lowest = answered_at - time.time()
        highest = answered_at + DATE_RESOLUTION_SECONDS - sent_at
        if lowest <= 0 <= highest:
            self.seconds = 0.0
        else:
            self.seconds = min(max(self.seconds, lowest), highest)

    def forget(self) -> None:
        """This machine's clock counts again."""
        self.seconds = 0.0


AWS_TIME_OFFSET: Final = AwsTimeOffset()  # a process has one clock
