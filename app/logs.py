"""Logs: one JSON object on a line of standard output, for everything that the process says."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, Final

# Where `extra` carries the members of a line.
FIELDS_ATTRIBUTE: Final = "json_fields"


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Builds the line: time, level, logger and message, then the fields of the record."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, FIELDS_ATTRIBUTE, {}),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def set_up_logs() -> None:
    """Sends every logger's records to standard output as JSON."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(logging.INFO)
    # The pool tells each connection that it gives and takes.
    logging.getLogger("psycopg.pool").setLevel(logging.WARNING)
    logging.getLogger("botocore").setLevel(logging.WARNING)


def build_extra(fields: dict[str, Any]) -> dict[str, Any]:
    """The `extra` of a logging call with members for its line."""
    return {FIELDS_ATTRIBUTE: fields}
