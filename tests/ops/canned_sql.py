"""A pretended PostgreSQL of one session and one table: for what commands call of AWS around it.

What statements do is tested on real servers (test_sql.py).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import psycopg

SESSION = {
    "pid": 42,
    "began": "2026-11-21 12:00:00+00",
    "asked": "2026-11-21 12:00:01+00",
    "state": "active",
    "since": "2026-11-21 12:00:01+00",
    "user": "shop",
    "application": "web",
    "kind": "client backend",
    "super": False,
    "query": "SELECT 1",
    "own": False,
    "idle": 7200,
}
TABLE = {
    "oid": 1,
    "schema": "public",
    "name": "orders",
    "dead": 5000,
    "live": 10,
    "vacuums": 0,
    "file": 1,
    "size": 1 << 20,
    "xid_age": 1.0,
    "ours": True,
}
LOCKED = {**TABLE, "oid": 2, "name": "locked"}  # somebody has it


@dataclass
class Canned:
    """A connection. What was ended is gone, what was vacuumed is counted."""

    closed: bool = False
    done: set[str] = field(default_factory=set)

    def execute(self, statement: bytes, _: object = None) -> Any:
        text = statement.decode()
        rows = next((answer(self) for part, answer in ANSWERS if part in text), [])
        columns = list(rows[0]) if rows else []
        return SimpleNamespace(
            description=[SimpleNamespace(name=name) for name in columns] if rows else None,
            nextset=lambda: False,
            fetchall=lambda: [tuple(row.values()) for row in rows],
        )

    def refuse(self) -> list[dict[str, Any]]:
        raise psycopg.errors.LockNotAvailable("canceling statement due to lock timeout")

    def did(self, what: str) -> list[dict[str, Any]]:
        self.done.add(what)
        return [{"told": 1}]


# What a part of a statement is answered with, the first that is found.
ANSWERS: list[tuple[str, Callable[[Canned], list[dict[str, Any]]]]] = [
    ("pg_cancel_backend", lambda it: it.did("end")),
    ("pg_terminate_backend", lambda it: it.did("end")),
    (" AS left", lambda it: [{"left": 0 if "end" in it.done else 1}]),
    ("a.backend_start::text AS began", lambda it: [] if "end" in it.done else [SESSION]),
    ('VACUUM "public"."locked"', lambda it: it.refuse()),
    ("VACUUM", lambda it: it.did("vacuum")),
    (" AS vacuumed", lambda it: [{"vacuumed": "vacuum" in it.done, "running": False}]),
    ("pg_stat_user_tables s JOIN pg_class", lambda _: [TABLE, LOCKED]),
    ("bulwark.contents", lambda _: [{"table": "public.orders", "shape": "x", "rows": 1}]),
    ("SELECT 1 AS answers", lambda _: [{"answers": 1}]),
    ("pg_database_size", lambda _: [{"database": "app", "size": 1, "wal": 1}]),
]


def connect(**_: Any) -> Canned:
    """Stands in for psycopg's."""
    return Canned()
