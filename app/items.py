"""Items: what a client may send, and how they are read and written."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from app.connection import Connection

MAX_NAME_LENGTH: Final = 200
MAX_QUANTITY: Final = 2**31 - 1  # integer
MAX_ITEM_ID: Final = 2**63 - 1  # bigint
DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 100
ITEM_KEYS: Final = ("name", "quantity")
COLUMNS: Final = "id, name, quantity, created_at"


class InputError(Exception):
    """What a client sent is wrong; the message is one sentence that says how."""


@dataclass(frozen=True)
class NewItem:
    """An item as a client sends it."""

    name: str
    quantity: int


@dataclass(frozen=True)
class Page:
    """Which items a list shall hold: those with a greater id than `after`, `limit` at most."""

    after: int
    limit: int


def parse_item(body: bytes) -> NewItem:
    """The item of a request's body. Raises InputError."""
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        raise InputError("The body must be JSON.") from None
    if not isinstance(fields, dict):
        raise InputError('The body must be an object like {"name": "bolt", "quantity": 4}.')
    if unknown := sorted(fields.keys() - set(ITEM_KEYS)):
        raise InputError(f"The item has {', '.join(ITEM_KEYS)}, not {unknown[0][:50]!a}.")
    name, quantity = fields.get("name"), fields.get("quantity", 1)
    # What is not printable is what PostgreSQL refuses (NUL, half of a pair) and more.
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        raise InputError("name must be a text with at least one printable character.")
    if len(name) > MAX_NAME_LENGTH:
        raise InputError(f"name must have at most {MAX_NAME_LENGTH} characters, not {len(name)}.")
    if type(quantity) is not int or not 0 <= quantity <= MAX_QUANTITY:
        raise InputError(f"quantity must be a whole number from 0 to {MAX_QUANTITY}.")
    return NewItem(name.strip(), quantity)


def parse_page(query: Mapping[str, str]) -> Page:
    """The page that a query asks for. Raises InputError."""
    if unknown := sorted(query.keys() - {"after", "limit"}):
        raise InputError(f"The query takes after and limit, not {unknown[0][:50]!a}.")
    return Page(
        after=_parse_number("after", query.get("after", "0"), 0, MAX_ITEM_ID),
        limit=_parse_number("limit", query.get("limit", str(DEFAULT_LIMIT)), 1, MAX_LIMIT),
    )


def parse_item_id(text: str) -> int:
    """The id in a path. Raises InputError."""
    return _parse_number("The id", text, 1, MAX_ITEM_ID)


def _parse_number(name: str, text: str, least: int, greatest: int) -> int:
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(greatest))
    if not is_number or not least <= int(text) <= greatest:
        raise InputError(f"{name} must be a whole number from {least} to {greatest}.")
    return int(text)


async def list_items(connection: Connection, page: Page) -> list[dict[str, Any]]:
    """The items of a page, by their ids."""
    cursor = await connection.execute(
        f"SELECT {COLUMNS} FROM items WHERE id > %s ORDER BY id LIMIT %s", (page.after, page.limit)
    )
    return [_build_document(row) for row in await cursor.fetchall()]


async def find_item(connection: Connection, item_id: int) -> dict[str, Any] | None:
    """The item with an id; None if there is none."""
    cursor = await connection.execute(f"SELECT {COLUMNS} FROM items WHERE id = %s", (item_id,))
    row = await cursor.fetchone()
    return _build_document(row) if row else None


async def insert_item(connection: Connection, item: NewItem) -> dict[str, Any]:
    """Writes an item, and returns it with its id."""
    cursor = await connection.execute(
        f"INSERT INTO items (name, quantity) VALUES (%s, %s) RETURNING {COLUMNS}",
        (item.name, item.quantity),
    )
    row = await cursor.fetchone()
    assert row is not None  # an INSERT that did not fail returns its row
    return _build_document(row)


def _build_document(row: tuple[Any, ...]) -> dict[str, Any]:
    item_id, name, quantity, created_at = row
    return {
        "id": item_id,
        "name": name,
        "quantity": quantity,
        "created_at": created_at.isoformat(),
    }
