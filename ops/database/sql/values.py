"""PostgreSQL's values as JSON."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from pydantic import JsonValue

if TYPE_CHECKING:
    import psycopg

# Types that psycopg reads as text. pg_stat_activity shows the statements and names of databases
# with other encodings as the bytes that they are, so text need not be in ours.
TEXT_TYPES: Final = ("text", "varchar", "name", "bpchar", '"char"')


def read_text_leniently(connection: "psycopg.Connection[tuple[Any, ...]]") -> None:
    """Makes a connection read text that is not UTF-8 with U+FFFD for what cannot be read."""
    from psycopg.adapt import Loader

    class LenientTextLoader(Loader):
        def load(self, data: bytes | bytearray | memoryview) -> str:
            return bytes(data).decode(errors="replace")

    for type_name in TEXT_TYPES:
        connection.adapters.register_loader(type_name, LenientTextLoader)


def convert_row(columns: Sequence[str], row: Sequence[Any]) -> dict[str, JsonValue]:
    """Converts a row to JSON; values without a JSON type become text."""
    from decimal import Decimal

    def convert_value(value: Any) -> JsonValue:
        if isinstance(value, Decimal):
            return int(value) if value == value.to_integral_value() else float(value)
        if isinstance(value, list):
            return [convert_value(item) for item in value]
        return value if isinstance(value, str | int | float | bool | None) else str(value)

    return {name: convert_value(value) for name, value in zip(columns, row, strict=True)}
