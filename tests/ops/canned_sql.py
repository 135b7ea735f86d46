"""A pretended PostgreSQL of one session and one table: for what commands call of AWS around it.

What statements do is tested on real servers (test_sql.py).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import psycopg

SESSION_ROW = {
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
DATABASE_ROW: dict[str, object] = {
    "database": "app",
    "owner": "shop",
    "size": 1,
    "connections": 3,
    "connection_limit": None,
    "oldest_transaction": 1,
    "oldest_multixact": 1,
    "used_percent": 0.1,
    "freeze_max_age": 200_000_000,
    "encoding": "UTF8",
    "collation": "en_US.UTF-8",
    "state": None,
}
USER_ROW: dict[str, object] = {
    "name": "shop",
    "can_login": True,
    "is_superuser": False,
    "creates_roles": False,
    "creates_databases": False,
    "replicates": False,
    "bypasses_row_security": False,
    "is_rds_superuser": False,
    "is_iam": False,
    "member_of": [],
    "connection_limit": None,
    "valid_until": None,
    "is_expired": False,
    "sessions": 1,
    "hidden_sessions": 0,
    "busy_sessions": 0,
    "idle_seconds": 60.0,
}
EXTENSION_ROW: dict[str, object] = {
    "name": "pgstattuple",
    "newest": "1.5",
    "installed": None,
    "is_restricted": True,
    "is_master": True,
    "has_create": True,
    "is_loaded": False,
    "is_allowed": True,
    "missing": [],
    "has_update_path": False,
}
OUTDATED_EXTENSION_ROW: dict[str, object] = {
    **EXTENSION_ROW,
    "name": "pg_trgm",
    "installed": "1.4",
    "has_update_path": True,
}
TABLE_ROW = {
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
BLOAT_ROW: dict[str, object] = {
    "oid": 1,
    "toast_oid": None,
    "is_other_temp": False,
    "table": "public.orders",
    "page_bytes": 8192,
    "fill_percent": 100,
    "size": 0,
    "rows": 0.0,
    "alignments": [],
    "lengths": [],
    "null_fractions": [],
    "widths": [],
    "toast": 0,
    "toast_rows": None,
    "toast_live": None,
    "toast_dead": None,
    "dead_rows": 0,
    "live_rows": 0,
    "vacuumed": None,
    "analyzed": None,
    "xid_age_percent": 1.0,
}
INDEX_ROW: dict[str, object] = {
    "oid": 7,
    "schema": "public",
    "name": "orders_pkey",
    "table_oid": 1,
    "table_schema": "public",
    "table_name": "orders",
    "is_partitioned": False,
    "is_valid": True,
    "is_live": True,
    "is_unique": True,
    "is_exclusion": False,
    "has_constraint": True,
    "size": 1 << 20,
    "is_owned": True,
    "may_maintain": False,
}
LOCKED_TABLE_ROW = {**TABLE_ROW, "oid": 2, "name": "locked"}  # somebody has it


@dataclass
class CannedConnection:
    """A connection. What was ended is gone, what was vacuumed is counted."""

    closed: bool = False
    effects: set[str] = field(default_factory=set)
    adapters: Any = field(default_factory=lambda: SimpleNamespace(register_loader=lambda *_: None))

    def add_notice_handler(self, _: object) -> None:
        """Nothing warns here."""

    def execute(self, statement: bytes, _: object = None) -> Any:
        text = statement.decode()
        rows = next((answer(self) for part, answer in CANNED_ANSWERS if part in text), [])
        columns = list(rows[0]) if rows else []
        return SimpleNamespace(
            description=[SimpleNamespace(name=name) for name in columns] if rows else None,
            nextset=lambda: False,
            fetchall=lambda: [tuple(row.values()) for row in rows],
        )

    def close(self) -> None:
        self.closed = True

    def raise_lock_timeout(self) -> list[dict[str, Any]]:
        raise psycopg.errors.LockNotAvailable("canceling statement due to lock timeout")

    def record_effect(self, effect: str) -> list[dict[str, Any]]:
        self.effects.add(effect)
        return [{"told": 1}]


# What a part of a statement is answered with, the first that is found.
CANNED_ANSWERS: list[tuple[str, Callable[[CannedConnection], list[dict[str, Any]]]]] = [
    (" AS can_login", lambda _: [USER_ROW]),
    (" AS fill_percent", lambda _: [BLOAT_ROW]),
    (" AS schema, e.extversion", lambda _: []),  # no extension is created
    ("pg_cancel_backend", lambda connection: connection.record_effect("end")),
    ("pg_terminate_backend", lambda connection: connection.record_effect("end")),
    (" AS leftovers", lambda _: [{"leftovers": 0}]),
    (" AS left", lambda connection: [{"left": 0 if "end" in connection.effects else 1}]),
    (
        " AS began",
        lambda connection: [] if "end" in connection.effects else [SESSION_ROW],
    ),
    ('VACUUM "public"."locked"', lambda connection: connection.raise_lock_timeout()),
    ("VACUUM", lambda connection: connection.record_effect("vacuum")),
    (
        " AS vacuumed",
        lambda connection: [{"vacuumed": "vacuum" in connection.effects, "running": False}],
    ),
    (" AS is_exclusion", lambda _: [INDEX_ROW]),
    ("REINDEX INDEX", lambda connection: connection.record_effect("reindex")),
    (
        " AS rebuilt",
        lambda connection: [{"rebuilt": "reindex" in connection.effects, "running": False}],
    ),
    ("lock.holder AS locked_by", lambda _: [TABLE_ROW, LOCKED_TABLE_ROW]),
    ("bulwark.contents", lambda _: [{"table": "public.orders", "shape": "x", "rows": 1}]),
    (
        "pg_available_extensions",
        lambda _: [EXTENSION_ROW, OUTDATED_EXTENSION_ROW],
    ),
    ("CREATE EXTENSION", lambda connection: connection.record_effect("extension")),
    ("ALTER EXTENSION", lambda connection: connection.record_effect("extension")),
    (
        " AS version",
        lambda connection: [{"version": "1.5" if "extension" in connection.effects else None}],
    ),
    ("SELECT 1 AS answers", lambda _: [{"answers": 1}]),
    (
        "pg_postmaster_start_time",
        lambda _: [
            {"address": "10.0.0.9", "port": 5432, "started": "s", "standby": False, "age": 1.0}
        ],
    ),
    ("d.datconnlimit", lambda _: [DATABASE_ROW]),
    ("pg_database_size", lambda _: [{"database": "app", "size": 1, "wal": 1}]),
]


def connect_canned(**_: Any) -> CannedConnection:
    """Stands in for psycopg's."""
    return CannedConnection()
