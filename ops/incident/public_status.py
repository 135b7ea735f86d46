"""The status that people outside may read: sentences typed for them, and nothing else.

The page is built from a fixed list of fields, none of which is written by AWS or by another
command; a sentence that names something of the stack is refused. It is a file, because a page that
the stack serves is down with it (docs/decisions/0019-incidents.md).
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from ops.cli.context import require_file_kind
from ops.core.errors import UsageError
from ops.core.page_templates import render_page
from ops.core.times import format_utc
from ops.incident.model import Incident, PublicState
from ops.outputs import Outputs

MAX_PUBLIC_CHARACTERS: Final = 500
PUBLIC_STATUS_SCHEMA: Final = 1
# How long a resolved incident stays on the page.
SHOWN_AFTER_CLOSE: Final = timedelta(days=1)
# What is internal by its form, and what it is called in the error.
INTERNAL_FORMS: Final = (
    (re.compile(r"\barn:\S+", re.IGNORECASE), "an ARN"),
    (re.compile(r"(?<!\d)\d{12}(?!\d)"), "an account number"),
    (re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])"), "an IP address"),
    (re.compile(r"\b[0-9a-f]{1,4}(?::[0-9a-f]{0,4}){3,7}", re.IGNORECASE), "an IP address"),
    (re.compile(r"\b[a-z]{1,8}-[0-9a-f]{8,17}\b", re.IGNORECASE), "the id of a resource"),
    (
        re.compile(r"\S+\.(?:amazonaws\.com|internal|local)\b\S*", re.IGNORECASE),
        "an internal address",
    ),
    (re.compile(r"\S+@\S+"), "a person's address"),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b"), "an access key"),
)


@dataclass(frozen=True)
class PublicUpdate:
    """One sentence: the word of its state, and when it was told."""

    state: PublicState
    text: str
    time: datetime


@dataclass(frozen=True)
class PublicIncident:
    """The sentences of one incident, the newest first. It has no name, no severity, no people."""

    updates: tuple[PublicUpdate, ...]
    is_over: bool


def require_public_text(option: str, text: str, outputs: Outputs) -> str:
    """The text on one line. Raises UsageError if people outside must not read it."""
    line = text.strip()
    if not line or not line.isprintable() or len(line) > MAX_PUBLIC_CHARACTERS:
        raise UsageError(
            f"{option} must be one line of 1 to {MAX_PUBLIC_CHARACTERS} characters, not {text!r}"
        )
    for word, kind in _list_internal_words(line, outputs):
        raise UsageError(
            f"{option} must hold nothing internal, since people outside read it: {word!r} is {kind}"
        )
    return line


def list_public_incidents(incidents: Sequence[Incident], now: datetime) -> list[PublicIncident]:
    """What the page shows: incidents of which something was told, the newest first.

    A closed one stays for a day.
    """
    shown = [
        incident
        for incident in incidents
        if incident.public_entries
        and (
            not incident.is_closed
            or incident.closed_at is None
            or now - incident.closed_at <= SHOWN_AFTER_CLOSE
        )
    ]
    return [
        PublicIncident(
            tuple(
                PublicUpdate(entry.state or "investigating", entry.public or "", entry.time)
                for entry in reversed(incident.public_entries)
            ),
            is_over=incident.is_closed or incident.public_entries[-1].state == "resolved",
        )
        for incident in sorted(shown, key=lambda incident: incident.opened_at, reverse=True)
    ]


def build_public_json(incidents: Sequence[PublicIncident], now: datetime) -> dict[str, object]:
    """The page as data, for a page that others draw."""
    return {
        "schema": PUBLIC_STATUS_SCHEMA,
        "kind": "public-status",
        "state": "operational" if all(incident.is_over for incident in incidents) else "incident",
        "written": format_utc(now.timestamp()),
        "incidents": [
            {
                "state": incident.updates[0].state,
                "updates": [
                    {
                        "state": update.state,
                        "text": update.text,
                        "time": format_utc(update.time.timestamp()),
                    }
                    for update in incident.updates
                ],
            }
            for incident in incidents
        ],
    }


def render_public_status(path: Path, incidents: Sequence[PublicIncident], now: datetime) -> str:
    """The file by the end of its name: HTML, or JSON. Raises UsageError for another."""
    if path.suffix == ".json":
        return json.dumps(build_public_json(incidents, now), indent=2) + "\n"
    require_status_file(path)
    is_operational = all(incident.is_over for incident in incidents)
    return render_page(
        "public_status.html.j2", incidents=incidents, is_operational=is_operational, now=now
    )


def require_status_file(path: Path) -> None:
    """Raises UsageError unless the file's name says what it is to be, and its folder is there."""
    require_file_kind("--to", path, (".html", ".json"))


def _list_internal_words(line: str, outputs: Outputs) -> Iterator[tuple[str, str]]:
    stack = outputs.stack
    prefix = re.escape(f"{stack.project}-{stack.stack}")
    for match in re.finditer(rf"\b{prefix}\b[\w-]*", line, re.IGNORECASE):
        yield match[0], "a name of the stack"
    for pattern, kind in INTERNAL_FORMS:
        for match in pattern.finditer(line):
            yield match[0], kind
