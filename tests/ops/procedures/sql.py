"""`ops db kill`, `kill-idle` and `vacuum`, on a pretended PostgreSQL that gives ids again.

It knows the statements of ops/sql by heart, and does what a real one does with them, as
test_sql.py shows on a real one. A session that is gone is followed by another of the same id.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import JsonValue

from ops.core.plan import Plan, Sql
from ops.database.sql import sessions
from ops.database.sql import vacuum as vacuuming
from ops.database.sql.sessions import DatabaseSession
from ops.database.sql.vacuum import TableStatistics
from tests.ops import db_stage
from tests.ops.procedures import Procedure
from tests.ops.stage import PREFIX, Stage

Rows = list[dict[str, JsonValue]]
BEGAN, LATER = "2026-11-21 12:00:00+00", "2026-11-22 12:00:00+00"


@dataclass
class Pretended:
    """Sessions by id and beginning, each with what it does; tables with their counts."""

    sessions: dict[tuple[int, str], str] = field(
        default_factory=lambda: {(42, BEGAN): "active", (43, BEGAN): "idle", (44, BEGAN): "idle"}
    )
    vacuums: int = 0
    analyzes: int = 0
    file: int = 100

    def __call__(self, sql: Sql) -> Rows:
        """What a statement of ops/sql does and answers."""
        for statement, does in DOES.items():
            if sql.statement == statement:
                return does(self, sql.params)
        raise AssertionError(f"not known here: {sql.statement}")

    def cancel(self, params: Any) -> Rows:
        key = (params["pid"], params["began"])
        told = self.sessions.get(key) == "active"
        if told:
            self.sessions[key] = "idle"
        return [{"told": int(told)}]

    def cancelled(self, params: Any) -> Rows:
        left = self.sessions.get((params["pid"], params["began"])) == "active"
        return [{"left": int(left)}]

    def terminate(self, params: Any) -> Rows:
        meant = self._meant(params)
        for pid, began in meant:
            del self.sessions[pid, began]
            self.sessions[pid, LATER] = "active" if "since" not in params else "idle"
        return [{"told": len(meant)}]

    def terminated(self, params: Any) -> Rows:
        return [{"left": len(self._meant(params))}]

    def _meant(self, params: Any) -> list[tuple[int, str]]:
        named = set(zip(params["pids"], params["began"], strict=True))
        idle = "since" in params
        found = [key for key in self.sessions if key in named]
        return [key for key in found if not idle or self.sessions[key] == "idle"]

    def vacuum(self, _: Any) -> Rows:
        self.vacuums += 1
        self.analyzes += 1
        return []

    def rewrite(self, _: Any) -> Rows:
        self.file += 1
        return []

    def counted(self, params: Any) -> Rows:
        more = not params["analyze"] or self.analyzes > params["analyzes"]
        return [{"vacuumed": self.vacuums > params["before"] and more, "running": False}]

    def rewritten(self, params: Any) -> Rows:
        return [{"vacuumed": self.file != params["before"], "running": False}]


TABLE: Final = TableStatistics(1, "public", "orders", 5000, 10, 0, 100, 1 << 20, 1.0, ours=True)
IDLE: Final = (sessions.SELECTED_SESSIONS_SOURCE, sessions.SELECTED_IDLE_SESSIONS_SOURCE)
DOES: Final[dict[str, Callable[[Pretended, Any], Rows]]] = {
    sessions.CANCEL_STATEMENT: Pretended.cancel,
    sessions.CANCEL_CHECK_STATEMENT: Pretended.cancelled,
    sessions.TERMINATE_STATEMENT: Pretended.terminate,
    sessions.TERMINATE_CHECK_STATEMENT: Pretended.terminated,
    sessions.TERMINATE_STATEMENT.replace(*IDLE)
    + sessions.STILL_IDLE_CONDITION: Pretended.terminate,
    sessions.TERMINATE_CHECK_STATEMENT.replace(*IDLE)
    + sessions.STILL_IDLE_CONDITION: Pretended.terminated,
    f"VACUUM (ANALYZE) {TABLE.quoted_name}": Pretended.vacuum,
    f"VACUUM (FULL) {TABLE.quoted_name}": Pretended.rewrite,
    vacuuming.VACUUM_CHECK_STATEMENT: Pretended.counted,
    vacuuming.FULL_VACUUM_CHECK_STATEMENT: Pretended.rewritten,
}


def session(pid: int, state: str) -> DatabaseSession:
    """A session as it was seen."""
    return DatabaseSession(
        pid,
        BEGAN,
        BEGAN,
        state,
        BEGAN,
        "shop",
        "web",
        "client backend",
        super=False,
        query="SELECT 1",
        own=False,
        idle=7200,
    )


def put(on: Stage) -> None:
    """The primary, its secret, and what stands behind it."""
    db_stage.put(on)
    word = '{"dbname": "app", "username": "bulwark_admin", "password": "x"}'
    made = on.client("secretsmanager").create_secret(Name=f"{PREFIX}-database-1", SecretString=word)
    part = on.outputs.database.model_copy(update={"secret_arn": made["ARN"]})
    on.outputs = on.outputs.model_copy(update={"database": part})
    vars(on)["pretended"] = Pretended()


def pretended(on: Stage) -> Pretended:
    """What stands behind the primary."""
    found: Pretended = vars(on)["pretended"]
    return found


def facts(on: Stage) -> object:
    """Who is there, and how often a table was vacuumed."""
    it = pretended(on)
    return sorted(it.sessions.items()), it.vacuums, it.file


def cancelling(on: Stage) -> Plan:
    return sessions.build_kill_session_plan(
        on.outputs, session(42, "active"), None, "kill-1", terminate=False
    )


def ending(on: Stage) -> Plan:
    return sessions.build_kill_session_plan(
        on.outputs, session(42, "active"), None, "kill-2", terminate=True
    )


def ending_idle(on: Stage) -> Plan:
    both = [session(43, "idle"), session(44, "idle")]
    return sessions.build_kill_idle_sessions_plan(on.outputs, both, None, "kill-idle-1")


def vacuum(on: Stage) -> Plan:
    return vacuuming.build_table_vacuum_plan(on.outputs, [TABLE], "vacuum-1", analyze=True)


def rewriting(on: Stage) -> Plan:
    return vacuuming.build_table_vacuum_plan(on.outputs, [TABLE], "vacuum-2", full=True)


PROCEDURES: Final = (
    Procedure("db kill", "42", put, cancelling, facts, sql=pretended),
    Procedure("db kill", "42 --terminate", put, ending, facts, sql=pretended),
    Procedure("db kill-idle", "--older-than 60", put, ending_idle, facts, sql=pretended),
    Procedure("db vacuum", "orders --analyze", put, vacuum, facts, sql=pretended),
    Procedure("db vacuum", "orders --full", put, rewriting, facts, sql=pretended),
)
