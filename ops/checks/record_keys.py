"""The names of the objects that keep results of checklists: which list was run, and when."""

import re
from datetime import UTC, datetime
from typing import Final

CHECKS_PREFIX: Final = "checks/"
_TIME_FORMAT: Final = "%Y%m%dT%H%M%S%fZ"  # sorts by time
_KEY_PATTERN: Final = re.compile(rf"{CHECKS_PREFIX}[a-z-]+/(\d{{8}}T\d{{12}}Z)\.json")


def build_records_prefix(checklist: str) -> str:
    """What the names of all records of a checklist begin with."""
    return f"{CHECKS_PREFIX}{checklist}/"


def build_record_key(checklist: str, time: datetime) -> str:
    """The name of the record of a run."""
    return f"{build_records_prefix(checklist)}{time.astimezone(UTC):{_TIME_FORMAT}}.json"


def parse_record_time(key: str) -> datetime | None:
    """When the run of a record was; None if it is no name of one."""
    match = _KEY_PATTERN.fullmatch(key)
    if match is None:
        return None
    try:
        return datetime.strptime(match[1], _TIME_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return None
