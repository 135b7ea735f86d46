"""Names of tables as PostgreSQL writes them: `orders`, `shop.orders`, `"Shop"."my.orders"`.

Commands print names quoted where PostgreSQL needs quotes; options take them quoted or not.
"""

import re
from typing import Final

from ops.core.errors import UsageError

# A part of a name: quoted with doubled quotes inside, or letters, digits, underscores and dollars.
# Source: PostgreSQL manual, "Identifiers and Key Words".
_PART_PATTERN: Final = re.compile(r'"((?:[^"]|"")+)"|([^\W\d][\w$]*)')
_PLAIN_PATTERN: Final = re.compile(r"[a-z_][a-z0-9_]*")


def parse_name_parts(text: str) -> tuple[str, ...] | None:
    """Splits a dotted name into parts, without their quotes; None if it is malformed.

    A part without quotes is taken as it is: it is not folded to lower case.
    """
    parts: list[str] = []
    position = 0
    while True:
        match = _PART_PATTERN.match(text, position)
        if match is None:
            return None
        parts.append(match[1].replace('""', '"') if match[1] is not None else match[2])
        position = match.end()
        if position == len(text):
            return tuple(parts)
        if text[position] != ".":
            return None
        position += 1


def parse_table_name(option: str, text: str) -> tuple[str | None, str]:
    """Parses TABLE or SCHEMA.TABLE; the schema is None if it is not named. Raises UsageError."""
    parts = parse_name_parts(text)
    if parts is None or len(parts) > 2:
        raise UsageError(
            f'{option} must be TABLE or SCHEMA.TABLE, with "quotes" or without, not {text!r}'
        )
    return (parts[0], parts[1]) if len(parts) == 2 else (None, parts[0])


def quote_name(*parts: str) -> str:
    """Writes a name as commands print it: quoted where quote_ident() quotes it.

    Words that PostgreSQL reserves are quoted there and not here; options take both.
    """
    return ".".join(
        part if _PLAIN_PATTERN.fullmatch(part) else quote_name_parts(part) for part in parts
    )


def quote_name_parts(*parts: str) -> str:
    """Quotes every part of a name for a statement."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)
