"""Names of tables as PostgreSQL writes them: `orders`, `shop.orders`, `"Shop"."my.orders"`.

Commands print names quoted where PostgreSQL needs quotes; options take them quoted or not.
"""

import re
from typing import Final

# A part of a name: quoted with doubled quotes inside, or letters, digits, underscores and dollars.
# Source: PostgreSQL manual, "Identifiers and Key Words".
_PART_PATTERN: Final = re.compile(r'"((?:[^"]|"")+)"|([^\W\d][\w$]*)')
_PLAIN_PATTERN: Final = re.compile(r"[a-z_][a-z0-9_]*")


def parse_name_parts(text: str, *, fold_case: bool = False) -> tuple[str, ...] | None:
    """Splits a dotted name into parts, without their quotes; None if it is malformed.

    A part without quotes is taken as it is, or in lower case with `fold_case`, as SQL reads it.
    """
    parts: list[str] = []
    position = 0
    while True:
        match = _PART_PATTERN.match(text, position)
        if match is None:
            return None
        if match[1] is not None:
            parts.append(match[1].replace('""', '"'))
        else:
            parts.append(match[2].lower() if fold_case else match[2])
        position = match.end()
        if position == len(text):
            return tuple(parts)
        if text[position] != ".":
            return None
        position += 1


def list_table_readings(text: str) -> list[tuple[str | None, str]]:
    """Lists what the name of a table may mean: as it is, then as SQL. Schema (None: any), table."""
    readings: list[tuple[str | None, str]] = [(None, text)]
    schema, dot, table_name = text.partition(".")
    if dot:
        readings.append((schema, table_name))
    parts = parse_name_parts(text, fold_case=True)
    if parts is not None and len(parts) <= 2:
        readings.append((parts[0] if len(parts) == 2 else None, parts[-1]))
    return readings


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


def quote_literal(text: str) -> str:
    """Quotes a text for a statement that a person is shown, as quote_literal() does."""
    quoted = "'" + text.replace("'", "''") + "'"
    return "E" + quoted.replace("\\", "\\\\") if "\\" in text else quoted
