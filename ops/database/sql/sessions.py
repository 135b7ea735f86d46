"""Sessions of the database that are ended, or whose query is cancelled, each proved to be gone.

A process id is given again: a session is told by its id and by when it began, and what is ended is
only what was looked at.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from ops.core.errors import UsageError
from ops.core.plan import Plan, Sql, Step, Wait
from ops.core.stack_plan import build_stack_plan
from ops.database.sql.connection import DatabaseClient
from ops.outputs import Outputs

SESSION_SELECT: Final = """
    SELECT a.pid, a.backend_start::text AS began, a.query_start::text AS asked, a.state,
           a.state_change::text AS since, a.usename AS "user", a.application_name AS application,
           a.backend_type AS kind, coalesce(r.rolsuper, false) AS super, a.query,
           a.pid = pg_backend_pid() AS own,
           extract(epoch FROM clock_timestamp() - a.state_change) AS idle
      FROM pg_stat_activity a LEFT JOIN pg_roles r ON r.oid = a.usesysid"""
SESSION_BY_PID_STATEMENT: Final = f"{SESSION_SELECT} WHERE a.pid = %(pid)s"
IDLE_SESSIONS_STATEMENT: Final = f"""{SESSION_SELECT}
     WHERE a.backend_type = 'client backend' AND a.application_name <> 'bulwark-ops'
       AND a.state LIKE 'idle%%' AND NOT coalesce(r.rolsuper, false)
     ORDER BY a.state_change"""
PROTECTED_USER: Final = "rdsadmin"
CANCEL_STATEMENT: Final = """
    SELECT count(*) FILTER (WHERE pg_cancel_backend(pid)) AS told FROM pg_stat_activity
     WHERE pid = %(pid)s AND backend_start = %(began)s::timestamptz
       AND query_start = %(asked)s::timestamptz AND state = 'active'"""
CANCEL_CHECK_STATEMENT: Final = """
    SELECT count(*) AS left FROM pg_stat_activity
     WHERE pid = %(pid)s AND backend_start = %(began)s::timestamptz
       AND query_start = %(asked)s::timestamptz AND state = 'active'"""
TERMINATE_STATEMENT: Final = """
    SELECT count(*) FILTER (WHERE pg_terminate_backend(a.pid)) AS told
      FROM pg_stat_activity a
      JOIN unnest(%(pids)s::int[], %(began)s::timestamptz[]) AS meant (pid, began)
        ON a.pid = meant.pid AND a.backend_start = meant.began"""
TERMINATE_CHECK_STATEMENT: Final = """
    SELECT count(*) AS left
      FROM pg_stat_activity a
      JOIN unnest(%(pids)s::int[], %(began)s::timestamptz[]) AS meant (pid, began)
        ON a.pid = meant.pid AND a.backend_start = meant.began"""
REMAINING_SESSIONS_STATEMENT: Final = """
    SELECT a.pid FROM pg_stat_activity a
      JOIN unnest(%(pids)s::int[], %(began)s::timestamptz[]) AS meant (pid, began)
        ON a.pid = meant.pid AND a.backend_start = meant.began"""
# Of sessions that were idle: one that has begun to work meanwhile is left alone.
STILL_IDLE_CONDITION: Final = " AND a.state LIKE 'idle%%' AND a.state_change = meant.since"
SELECTED_SESSIONS_SOURCE: Final = (
    "unnest(%(pids)s::int[], %(began)s::timestamptz[]) AS meant (pid, began)"
)
SELECTED_IDLE_SESSIONS_SOURCE: Final = (
    "unnest(%(pids)s::int[], %(began)s::timestamptz[], %(since)s::timestamptz[]) "
    "AS meant (pid, began, since)"
)


@dataclass(frozen=True)
class DatabaseSession:
    """One session, as it was seen. `idle` is seconds since its state changed."""

    pid: int
    began: str
    asked: str | None
    state: str | None
    since: str | None
    user: str | None
    application: str
    kind: str
    super: bool
    query: str
    own: bool
    idle: float

    def describe(self) -> str:
        """For a person. Not what it asks: a query may hold what no journal should."""
        application_text = f" by {self.application}" if self.application else ""
        return f"{self.pid} of {self.user}{application_text}, {self.state}"


def get_endable_session(
    client: DatabaseClient, identifier: str | None, pid: int
) -> DatabaseSession:
    """The session of a process id. Raises UsageError where it is none that may be ended."""
    sessions = [
        _parse_session(row)
        for row in client.fetch_rows(SESSION_BY_PID_STATEMENT, {"pid": pid}, identifier)
    ]
    if not sessions:
        raise UsageError(f"PID is {pid}, which is no session", "ops db activity")
    session = sessions[0]
    if session.own:
        raise UsageError(f"PID is {pid}, which is this very session")
    if session.kind != "client backend" or session.super or session.user == PROTECTED_USER:
        description = session.kind if session.kind != "client backend" else f"of {session.user}"
        raise UsageError(
            f"PID is {pid}, which is {description}, must be a client's", "ops db activity"
        )
    return session


def list_idle_sessions(
    client: DatabaseClient,
    identifier: str | None,
    older_than: float,
    *,
    in_transaction: bool = False,
    user: str | None = None,
    application: str | None = None,
) -> list[DatabaseSession]:
    """Sessions that have been idle for so many seconds, the longest first.

    With `within` only those that are idle within a transaction.
    """
    return [
        session
        for session in (
            _parse_session(row)
            for row in client.fetch_rows(IDLE_SESSIONS_STATEMENT, {}, identifier)
        )
        if session.idle >= older_than
        and (not in_transaction or str(session.state).startswith("idle in transaction"))
        and user in (None, session.user)
        and application in (None, session.application)
    ]


def list_remaining_pids(
    client: DatabaseClient, identifier: str | None, sessions: Sequence[DatabaseSession]
) -> set[int]:
    """Which of these sessions are there still."""
    params = {
        "pids": [session.pid for session in sessions],
        "began": [session.began for session in sessions],
    }
    rows: list[Any] = client.fetch_rows(REMAINING_SESSIONS_STATEMENT, params, identifier)
    return {row["pid"] for row in rows}


TERMINATION_NOTES: Final = (
    "what is not committed is rolled back; a pool opens new sessions as it needs them",
)


def build_kill_session_plan(
    outputs: Outputs, session: DatabaseSession, identifier: str | None, run: str, *, terminate: bool
) -> Plan:
    """The query of a session is cancelled, or the session ended with `terminate`."""
    if not terminate and session.state != "active":
        raise UsageError(
            f"PID is {session.pid}, which is {session.state} and has no query to cancel",
            f"ops db kill {session.pid} --terminate",
        )
    if terminate:
        return build_stack_plan(
            outputs,
            run,
            "db kill",
            _termination([session], identifier),
            notes=TERMINATION_NOTES,
            arguments=f"{session.pid} --terminate",
        )
    params = {"pid": session.pid, "began": session.began, "asked": session.asked}
    step = Step(
        name="cancel",
        description=f"cancel the query of {session.describe()}",
        action=Sql(statement=CANCEL_STATEMENT, params=params, identifier=identifier),
        goal=Wait(
            read=Sql(statement=CANCEL_CHECK_STATEMENT, params=params, identifier=identifier),
            met={"rows[0].left": 0},
            every=1,
            within=60,
            typical=1,
            source="an assumption: a query looks for it at each step of its work",
        ),
    )
    notes = ("its transaction is rolled back, its session stays",)
    return build_stack_plan(outputs, run, "db kill", step, notes=notes, arguments=str(session.pid))


def build_kill_idle_sessions_plan(
    outputs: Outputs, sessions: Sequence[DatabaseSession], identifier: str | None, run: str
) -> Plan:
    """Ends sessions that are idle still; one that has begun to work is left alone."""
    step = _termination(sessions, identifier, idle=True)
    return build_stack_plan(outputs, run, "db kill-idle", step, notes=TERMINATION_NOTES)


def _termination(
    sessions: Sequence[DatabaseSession], identifier: str | None, *, idle: bool = False
) -> Step:
    params: dict[str, Any] = {
        "pids": [each.pid for each in sessions],
        "began": [each.began for each in sessions],
    }
    do, goal = TERMINATE_STATEMENT, TERMINATE_CHECK_STATEMENT
    if idle:
        params["since"] = [each.since for each in sessions]
        do, goal = (
            text.replace(SELECTED_SESSIONS_SOURCE, SELECTED_IDLE_SESSIONS_SOURCE)
            + STILL_IDLE_CONDITION
            for text in (do, goal)
        )
    return Step(
        name="terminate",
        description="end the session " + "; ".join(each.describe() for each in sessions),
        action=Sql(statement=do, params=params, identifier=identifier),
        goal=Wait(
            read=Sql(statement=goal, params=params, identifier=identifier),
            met={"rows[0].left": 0},
            every=1,
            within=60,
            typical=1,
            source="an assumption: a session looks for it at each step of its work",
        ),
    )


def _parse_session(row: Any) -> DatabaseSession:
    return DatabaseSession(**{**row, "idle": float(row["idle"] or 0), "query": row["query"] or ""})
