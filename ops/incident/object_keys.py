"""The objects of incidents in the operations bucket, and what their names say."""

import re
from collections.abc import Iterable
from typing import Final

INCIDENTS_PREFIX: Final = "incidents/"
OPENED_PREFIX: Final = f"{INCIDENTS_PREFIX}opened/"
CLOSED_PREFIX: Final = f"{INCIDENTS_PREFIX}closed/"
ENTRIES_PREFIX: Final = f"{INCIDENTS_PREFIX}entries/"
INCIDENT_NAME_PATTERN: Final = re.compile(r"incident-\d{8}-\d{6}-[0-9a-f]{4}")


def get_opening_key(name: str) -> str:
    """The object that says how an incident was opened."""
    return f"{OPENED_PREFIX}{name}.json"


def get_closing_key(name: str) -> str:
    """The object that says how an incident was closed."""
    return f"{CLOSED_PREFIX}{name}.json"


def get_entry_key(name: str, entry: str) -> str:
    """The object of an entry; `entry` is unique, such as the run that writes it."""
    return f"{ENTRIES_PREFIX}{name}/{entry}.json"


def select_open_incident_names(keys: Iterable[str]) -> list[str]:
    """The incidents that were opened and not closed, by the keys of records, the oldest first."""
    all_keys = list(keys)
    closed_names = set(select_incident_names(all_keys, CLOSED_PREFIX))
    return [
        name for name in select_incident_names(all_keys, OPENED_PREFIX) if name not in closed_names
    ]


def select_incident_names(keys: Iterable[str], prefix: str) -> list[str]:
    """The incidents that have a record below a prefix, the oldest first."""
    names = (
        key.removeprefix(prefix).removesuffix(".json")
        for key in keys
        if key.startswith(prefix) and key.endswith(".json")
    )
    return sorted(name for name in names if INCIDENT_NAME_PATTERN.fullmatch(name))
