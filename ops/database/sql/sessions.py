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
from ops.database.sql.connection import Database
from ops.outputs import Outputs

SESSION: Final = """
    SELECT a.pid, a.backend_start::text AS began, a.query_start::text AS asked, a.state,
           a.state_change::text AS since, a.usename AS "user", a.application_name AS application,
           a.backend_type AS kind, coalesce(r.rolsuper, false) AS super, a.query,
           a.pid = pg_backend_pid() AS own,
           extract(epoch FROM clock_timestamp() - a.state_change) AS idle
      FROM pg_stat_activity a LEFT JOIN pg_roles r ON r.oid = a.usesysid"""
ONE: Final = f"{SESSION} WHERE a.pid = %(pid)s"
IDLE: Final = f"""{SESSION}
     WHERE a.backend_type = 'client backend' AND a.application_name <> 'bulwark-ops'
       AND a.state LIKE 'idle%%' AND NOT coalesce(r.rolsuper, false)
     ORDER BY a.state_change"""
PROTECTED: Final = "rdsadmin"
CANCEL: Final = """
    SELECT count(*) FILTER (WHERE pg_cancel_backend(pid)) AS told FROM pg_stat_activity
     WHERE pid = %(pid)s AND backend_start = %(began)s::timestamptz
       AND query_start = %(asked)s::timestamptz AND state = 'active'"""
CANCELLED: Final = """
    SELECT count(*) AS left FROM pg_stat_activity
     WHERE pid = %(pid)s AND backend_start = %(began)s::timestamptz
       AND query_start = %(asked)s::timestamptz AND state = 'active'"""
TERMINATE: Final = """
    SELECT count(*) FILTER (WHERE pg_terminate_backend(a.pid)) AS told
      FROM pg_stat_activity a
      JOIN unnest(%(pids)s::int[], %(began)s::timestamptz[]) AS meant (pid, began)
        ON a.pid = meant.pid AND a.backend_start = meant.began"""
TERMINATED: Final = """
    SELECT count(*) AS left
      FROM pg_stat_activity a
      JOIN unnest(%(pids)s::int[], %(began)s::timestamptz[]) AS meant (pid, began)
        ON a.pid = meant.pid AND a.backend_start = meant.began"""
LEFT: Final = """
    SELECT a.pid FROM pg_stat_activity a
      JOIN unnest(%(pids)s::int[], %(began)s::timestamptz[]) AS meant (pid, began)
        ON a.pid = meant.pid AND a.backend_start = meant.began"""
# Of sessions that were idle: one that has begun to work meanwhile is left alone.
STILL: Final = " AND a.state LIKE 'idle%%' AND a.state_change = meant.since"
MEANT: Final = "unnest(%(pids)s::int[], %(began)s::timestamptz[]) AS meant (pid, began)"
MEANT_IDLE: Final = (
    "unnest(%(pids)s::int[], %(began)s::timestamptz[], %(since)s::timestamptz[]) "
    "AS meant (pid, began, since)"
)


@dataclass(frozen=True)
class Session:
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

    def says(self) -> str:
        """For a person. Not what it asks: a query may hold what no journal should."""
        by = f" by {self.application}" if self.application else ""
        return f"{self.pid} of {self.user}{by}, {self.state}"


def one(on: Database, identifier: str | None, pid: int) -> Session:
    """The session of a process id. Raises UsageError where it is none that may be ended."""
    found = [_session(row) for row in on.rows(ONE, {"pid": pid}, identifier)]
    if not found:
        raise UsageError(f"PID is {pid}, which is no session", "ops db activity")
    session = found[0]
    if session.own:
        raise UsageError(f"PID is {pid}, which is this very session")
    if session.kind != "client backend" or session.super or session.user == PROTECTED:
        what = session.kind if session.kind != "client backend" else f"of {session.user}"
        raise UsageError(f"PID is {pid}, which is {what}, may be a client's", "ops db activity")
    return session


def idle(
    on: Database,
    identifier: str | None,
    older_than: float,
    *,
    within: bool = False,
    user: str | None = None,
    application: str | None = None,
) -> list[Session]:
    """Sessions that have been idle for so many seconds, the longest first.

    With `within` only those that are idle within a transaction.
    """
    return [
        session
        for session in (_session(row) for row in on.rows(IDLE, {}, identifier))
        if session.idle >= older_than
        and (not within or str(session.state).startswith("idle in transaction"))
        and user in (None, session.user)
        and application in (None, session.application)
    ]


def left(on: Database, identifier: str | None, meant: Sequence[Session]) -> set[int]:
    """Which of these sessions are there still."""
    params = {"pids": [each.pid for each in meant], "began": [each.began for each in meant]}
    rows: list[Any] = on.rows(LEFT, params, identifier)
    return {row["pid"] for row in rows}


TERMINATION_NOTES: Final = (
    "what is not committed is rolled back; a pool opens new sessions as it needs them",
)


def kill(
    outputs: Outputs, session: Session, identifier: str | None, run: str, *, terminate: bool
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
        says=f"cancel the query of {session.says()}",
        do=Sql(statement=CANCEL, params=params, identifier=identifier),
        goal=Wait(
            read=Sql(statement=CANCELLED, params=params, identifier=identifier),
            met={"rows[0].left": 0},
            every=1,
            within=60,
            typical=1,
            source="an assumption: a query looks for it at each step of its work",
        ),
    )
    notes = ("its transaction is rolled back, its session stays",)
    return build_stack_plan(outputs, run, "db kill", step, notes=notes, arguments=str(session.pid))


def kill_idle(
    outputs: Outputs, sessions: Sequence[Session], identifier: str | None, run: str
) -> Plan:
    """Ends sessions that are idle still; one that has begun to work is left alone."""
    step = _termination(sessions, identifier, idle=True)
    return build_stack_plan(outputs, run, "db kill-idle", step, notes=TERMINATION_NOTES)


def _termination(
    sessions: Sequence[Session], identifier: str | None, *, idle: bool = False
) -> Step:
    params: dict[str, Any] = {
        "pids": [each.pid for each in sessions],
        "began": [each.began for each in sessions],
    }
    do, goal = TERMINATE, TERMINATED
    if idle:
        params["since"] = [each.since for each in sessions]
        do, goal = (text.replace(MEANT, MEANT_IDLE) + STILL for text in (do, goal))
    return Step(
        name="terminate",
        says="end the session " + "; ".join(each.says() for each in sessions),
        do=Sql(statement=do, params=params, identifier=identifier),
        goal=Wait(
            read=Sql(statement=goal, params=params, identifier=identifier),
            met={"rows[0].left": 0},
            every=1,
            within=60,
            typical=1,
            source="an assumption: a session looks for it at each step of its work",
        ),
    )


def _session(row: Any) -> Session:
    return Session(**{**row, "idle": float(row["idle"] or 0), "query": row["query"] or ""})
