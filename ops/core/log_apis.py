"""The calls of CloudWatch Logs that several rooms read by."""

from typing import Final

LOG_EVENTS_API: Final = "logs.filter_log_events"
