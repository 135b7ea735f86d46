"""What is typed for an incident, and what of it is refused."""

from typing import Annotated, Final, TypeAlias

import typer

from ops.core.errors import UsageError
from ops.incident.model import MAX_ENTRY_CHARACTERS
from ops.incident.store import parse_incident_name


def _parse_name_argument(value: str | None) -> str | None:
    return None if value is None else parse_incident_name(value)


def _parse_name_option(value: str | None) -> str | None:
    return None if value is None else parse_incident_name(value, "--incident")


IncidentArgument: TypeAlias = Annotated[
    str | None,
    typer.Argument(
        metavar="[INCIDENT]",
        help="its name; default: the open one, else the last",
        callback=_parse_name_argument,
    ),
]
IncidentOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--incident",
        metavar="NAME",
        help="its name; default: the open one",
        callback=_parse_name_option,
    ),
]
MAX_LINE_CHARACTERS: Final = 200


def parse_line(option: str, text: str) -> str:
    """A text on one line. Raises UsageError if it is empty, long or has control characters."""
    line = text.strip()
    if not line or len(line) > MAX_LINE_CHARACTERS or not line.isprintable():
        raise UsageError(
            f"{option} must be one line of 1 to {MAX_LINE_CHARACTERS} characters, not "
            f"{_shorten(text)!r}"
        )
    return line


def parse_text(option: str, text: str) -> str:
    """A text of any lines. Raises UsageError if it is empty, too long or has control characters."""
    stripped = text.strip()
    is_printable = all(line.isprintable() for line in stripped.replace("\t", " ").splitlines())
    if not stripped or len(stripped) > MAX_ENTRY_CHARACTERS or not is_printable:
        raise UsageError(
            f"{option} must be a text of 1 to {MAX_ENTRY_CHARACTERS} characters without control "
            f"characters, not {_shorten(text)!r}"
        )
    return stripped


def parse_commander(text: str | None) -> str | None:
    """Who leads; None if nobody was typed. Raises UsageError as parse_line."""
    return None if text is None else parse_line("--commander", text)


def _shorten(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:60]}..."
