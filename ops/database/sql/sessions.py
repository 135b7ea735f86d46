"""Ends sessions or cancels their queries, and confirms that they are gone.

PostgreSQL reuses process ids, so a session is identified by its id and start time; only sessions
that were shown are ended. Times are ISO 8601 texts in UTC, which PostgreSQL reads the same under
every DateStyle and TimeZone (manual, "Date/Time Input").
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from ops.core.counts import format_count
from ops.core.errors import OpsError, UsageError
from ops.core.plan import Plan, Sql, Step, Wait
from ops.core.stack_plan import NO_COST, build_stack_plan
from ops.database.sql.connection import DatabaseClient
from ops.outputs import Outputs

_EXACT_TIME: Final = """to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
SESSION_SELECT: Final = f"""
    SELECT a.pid, {_EXACT_TIME.format("a.backend_start")} AS began,
           {_EXACT_TIME.format("a.query_start")} AS asked, a.state,
           {_EXACT_TIME.format("a.state_change")} AS since,
           a.usename AS "user", a.application_name AS application,
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
REMAINING_SESSIONS_STATEMENT: Final = f"{SESSION_SELECT} WHERE a.pid = ANY (%(pids)s::int[])"
# Skips sessions that have become active since they were listed.
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
    """One session. `idle` is seconds since its state changed."""

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
        """Describes the session without its query, which may contain confidential data."""
        application_text = f" by {self.application}" if self.application else ""
        return f"{self.pid} of {self.user}{application_text}, {self.state}"


def get_endable_session(
    client: DatabaseClient, identifier: str | None, pid: int
) -> DatabaseSession:
    """Returns the session with this process id. Raises UsageError unless it is a client's."""
    sessions = [
        _parse_session(row)
        for row in client.fetch_rows(SESSION_BY_PID_STATEMENT, {"pid": pid}, identifier)
    ]
    if not sessions:
        raise UsageError(f"PID {pid} is not a session", "ops db activity")
    session = sessions[0]
    if session.own:
        raise UsageError(f"PID {pid} is the session of this command itself")
    if session.kind != "client backend" or session.super or session.user == PROTECTED_USER:
        description = session.kind if session.kind != "client backend" else f"of {session.user}"
        raise UsageError(
            f"PID must be the session of a client, but {pid} is {description}", "ops db activity"
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
    """Lists sessions that have been idle for at least so many seconds, the longest first.

    With `in_transaction`, only those with an open transaction.
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
    """Returns the process ids of those sessions that still exist.

    Compares what PostgreSQL reports now with what was shown, so a start time that the statement of
    the plan could not match does not count as an ended session.
    """
    params = {"pids": [session.pid for session in sessions]}
    rows: list[Any] = client.fetch_rows(REMAINING_SESSIONS_STATEMENT, params, identifier)
    shown = {(session.pid, session.began) for session in sessions}
    return {row["pid"] for row in rows if (row["pid"], row["began"]) in shown}


def require_ended(
    client: DatabaseClient, identifier: str | None, session: DatabaseSession, *, terminate: bool
) -> None:
    """Raises OpsError if the session, or without `terminate` its query, still exists."""
    rows: list[Any] = client.fetch_rows(SESSION_BY_PID_STATEMENT, {"pid": session.pid}, identifier)
    for current_session in map(_parse_session, rows):
        if current_session.began != session.began:
            continue
        if terminate:
            raise OpsError(f"the session {session.describe()} still exists", "ops db activity")
        if current_session.state == "active" and current_session.asked == session.asked:
            raise OpsError(f"the query of {session.describe()} still runs", "ops db activity")


TERMINATION_NOTES: Final = ("connection pools reconnect when they need to",)
TERMINATION_LOSSES: Final = ("what open transactions have not committed: they are rolled back",)


def build_kill_session_plan(
    outputs: Outputs, session: DatabaseSession, identifier: str | None, run: str, *, terminate: bool
) -> Plan:
    """Builds the plan that cancels a session's query, or with `terminate` ends the session.

    Raises UsageError if there is no query to cancel.
    """
    if not terminate and session.state != "active":
        raise UsageError(
            f"PID {session.pid} is {session.state} and has no query to cancel",
            f"ops db kill {session.pid} --terminate",
        )
    if terminate:
        return build_stack_plan(
            outputs,
            run,
            "db kill",
            _build_termination_step([session], identifier),
            changes=[f"session {session.pid}: {session.state} -> ended"],
            losses=TERMINATION_LOSSES,
            cost=NO_COST,
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
            source="an assumption: a query checks for it at each step",
        ),
    )
    return build_stack_plan(
        outputs,
        run,
        "db kill",
        step,
        changes=[f"query of session {session.pid}: running -> cancelled; the session stays open"],
        losses=["what its transaction has not committed: it is rolled back"],
        cost=NO_COST,
        arguments=str(session.pid),
    )


def build_kill_idle_sessions_plan(
    outputs: Outputs, sessions: Sequence[DatabaseSession], identifier: str | None, run: str
) -> Plan:
    """Builds the plan that ends idle sessions; skips those that have become active."""
    step = _build_termination_step(sessions, identifier, idle=True)
    return build_stack_plan(
        outputs,
        run,
        "db kill-idle",
        step,
        changes=[f"{format_count(len(sessions), 'idle session')}: open -> ended"],
        losses=TERMINATION_LOSSES,
        cost=NO_COST,
        notes=TERMINATION_NOTES,
    )


def _build_termination_step(
    sessions: Sequence[DatabaseSession], identifier: str | None, *, idle: bool = False
) -> Step:
    params: dict[str, Any] = {
        "pids": [session.pid for session in sessions],
        "began": [session.began for session in sessions],
    }
    statement, check_statement = TERMINATE_STATEMENT, TERMINATE_CHECK_STATEMENT
    if idle:
        params["since"] = [session.since for session in sessions]
        statement, check_statement = (
            text.replace(SELECTED_SESSIONS_SOURCE, SELECTED_IDLE_SESSIONS_SOURCE)
            + STILL_IDLE_CONDITION
            for text in (statement, check_statement)
        )
    return Step(
        name="terminate",
        description="end the session " + "; ".join(session.describe() for session in sessions),
        action=Sql(statement=statement, params=params, identifier=identifier),
        goal=Wait(
            read=Sql(statement=check_statement, params=params, identifier=identifier),
            met={"rows[0].left": 0},
            every=1,
            within=60,
            typical=1,
            source="an assumption: a session checks for it at each step",
        ),
    )


def _parse_session(row: Any) -> DatabaseSession:
    return DatabaseSession(**{**row, "idle": float(row["idle"] or 0), "query": row["query"] or ""})
