"""What PostgreSQL itself says: who blocks whom, who does nothing, who has the connections.

The same way as `ops db`: the address of the instance, or a tunnel's (BULWARK_DATABASE). That a
server refuses a connection is an observation, too; that nothing answers from here is none, as the
database is in private subnets.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from components.facts.vcpus import find_rds_vcpus
from ops.core.errors import DeniedError, OpsError, UnreachableError
from ops.database.sql.connection import (
    DATABASE_ADDRESS_VARIABLE,
    DatabaseClient,
    is_database_reachable,
)
from ops.database.sql.connection_errors import CONNECT_COMMAND, FULL_MESSAGES
from ops.database.sql.locks import LockNode, fetch_lock_tree, get_command, get_state, list_nodes
from ops.database.sql.queries import CONNECTIONS_QUERY
from ops.database.sql.vacuum import TableStatistics, fetch_table_statistics
from ops.database.sql.vacuum_horizon import HorizonHolder, list_horizon_holders
from ops.diagnose.facts import Facts
from ops.diagnose.reader import DiagnosisRequest, FactCollector

_SOURCE: Final = "database_sql"
_PART: Final = "database"
_LOCKS_COMMAND: Final = "ops db locks"
_ACTIVITY_COMMAND: Final = "ops db activity"
_UNTRUSTED_MARK: Final = "could not be verified to be"  # explain_untrusted_server
# PostgreSQL's own measure of a wait that is worth a line: deadlock_timeout, a second by default
# (manual, "Error Reporting and Logging", log_lock_waits). Longer ones, or many, are no chance.
_BRIEF_WAIT_SECONDS: Final = 1.0
_LONG_WAIT_SECONDS: Final = 10.0
_MANY_WAITERS: Final = 3
# Applications pause within transactions for moments; for so long (seconds) something is amiss.
# Assumed.
IDLE_SECONDS: Final = 60.0
_LONG_STATEMENT_SECONDS: Final = 60.0
_HOLDER_SECONDS: Final = 3600.0
FULL_SHARE: Final = 0.9
_MANY_DEAD_ROWS: Final = 10_000
_DEAD_SHARE: Final = 0.5  # of live rows; autovacuum begins at 0.2
_OLD_XID_PERCENT: Final = 120.0  # of autovacuum_freeze_max_age, at which autovacuum begins
_SESSION_CONDITION: Final = "backend_type = 'client backend' AND application_name <> 'bulwark-ops'"
_IDLE_STATEMENT: Final = f"""
    SELECT pid, usename AS "user", application_name AS application,
           extract(epoch FROM clock_timestamp() - state_change)::float8 AS idle,
           extract(epoch FROM clock_timestamp() - xact_start)::float8 AS transaction
      FROM pg_stat_activity
     WHERE {_SESSION_CONDITION} AND state LIKE 'idle in transaction%%'
     ORDER BY state_change LIMIT 20"""
_CLIENTS_STATEMENT: Final = f"""
    SELECT usename AS "user", application_name AS application, count(*)::int AS sessions,
           count(*) FILTER (WHERE state = 'active' AND wait_event_type IS DISTINCT FROM 'Lock')::int
               AS active,
           count(*) FILTER (WHERE state = 'idle')::int AS idle,
           max(CASE WHEN state = 'active' AND wait_event_type IS DISTINCT FROM 'Lock'
                    THEN extract(epoch FROM clock_timestamp() - query_start) END)::float8 AS longest
      FROM pg_stat_activity WHERE {_SESSION_CONDITION}
     GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 20"""
_PENDING_STATEMENT: Final = "SELECT name FROM pg_settings WHERE pending_restart ORDER BY name"


def read_database_sql(request: DiagnosisRequest) -> Facts:
    """The facts of the primary's sessions, locks and tables now."""
    collector = FactCollector(_SOURCE)
    if not is_database_reachable(request.outputs):
        collector.note_reason(
            f"the database does not answer from here: a tunnel ({CONNECT_COMMAND}) and "
            f"{DATABASE_ADDRESS_VARIABLE} show its sessions and locks",
            _PART,
            is_failure=False,
        )
        return collector.build_facts()
    client = DatabaseClient(request.outputs, request.aws, read_only=True)
    try:
        connections: list[Any] = client.fetch_rows(CONNECTIONS_QUERY.statement)
    except OpsError as error:
        if not add_refusal(collector, error):
            raise
        return collector.build_facts()
    try:
        _read_sessions(collector, client, request, connections)
    finally:
        client.close()
    return collector.build_facts()


def _read_sessions(
    collector: FactCollector,
    client: DatabaseClient,
    request: DiagnosisRequest,
    connections: Sequence[Mapping[str, Any]],
) -> None:
    now = request.now
    with collector.note_gap("locks", _PART):
        add_blockers(collector, fetch_lock_tree(client, None), now)
    with collector.note_gap("sessions", _PART):
        idle: list[Any] = client.fetch_rows(_IDLE_STATEMENT)
        add_idle_transactions(collector, idle, now)
        clients: list[Any] = client.fetch_rows(_CLIENTS_STATEMENT)
        add_clients(collector, connections, clients, request.outputs.database.instance_class)
    with collector.note_gap("parameters", _PART):
        pending: list[Any] = client.fetch_rows(_PENDING_STATEMENT)
        if pending:
            names = ", ".join(str(row["name"]) for row in pending)
            text = f"these parameters wait for a restart: {names}"
            collector.add("sql.pending-restart", _PART, text, command="ops db parameters")
    with collector.note_gap("vacuum", _PART):
        add_vacuum(collector, fetch_table_statistics(client), list_horizon_holders(client), now)


def add_refusal(collector: FactCollector, error: OpsError) -> bool:
    """Adds why the server did not let ops in; False if that is no observation of the server."""
    text = str(error)
    if isinstance(error, DeniedError) and "rejected the password" in text:
        key, command = "password", "ops db rotate-password"
    elif any(message in text for message in FULL_MESSAGES):
        key, command = "full", "ops usage"
    elif _UNTRUSTED_MARK in text:
        key, command = "certificate", "ops health"
    elif isinstance(error, UnreachableError) and "refuses connections" in text:
        key, command = "server", "ops db status"
    else:
        return False
    collector.add(f"sql.refused.{key}", _PART, text, command=command)
    return True


def add_blockers(collector: FactCollector, roots: Sequence[LockNode], now: datetime) -> None:
    """Adds each session that others wait for, with what it does and for how long they wait."""
    for root in roots:
        below = [node for node in list_nodes([root]) if node is not root]
        if not below:
            continue
        longest = max(below, key=lambda node: float(node.wait.get("waits") or 0))
        seconds = float(longest.wait.get("waits") or 0)
        if seconds < _BRIEF_WAIT_SECONDS and len(below) < _MANY_WAITERS:
            continue
        is_long = seconds >= _LONG_WAIT_SECONDS or len(below) >= _MANY_WAITERS
        command = get_command(root)
        is_endable = command is not None and not root.is_prepared
        key = "unendable" if not is_endable else "long" if is_long else "brief"
        who = f"prepared transaction {root.id}" if root.is_prepared else f"session {root.id}"
        details = [root.session.get("user"), root.session.get("application"), get_state(root)]
        sessions = f"{len(below)} sessions wait" if len(below) > 1 else "a session waits"
        collector.add(
            f"sql.blocker.{key}",
            _PART,
            f"{who} ({', '.join(str(item) for item in details if item)}): {sessions} for it, the "
            f"longest for {seconds:.0f} s, on {longest.wait.get('table')}",
            since=now - timedelta(seconds=seconds),
            value=float(len(below)),
            subject=str(root.id),
            command=command or _LOCKS_COMMAND,
        )


def add_idle_transactions(
    collector: FactCollector, rows: Sequence[Mapping[str, Any]], now: datetime
) -> None:
    """Adds sessions that do nothing within a transaction, the longest first."""
    for row in rows:
        seconds = float(row["idle"] or 0)
        if seconds < IDLE_SECONDS:
            continue
        collector.add(
            "sql.idle-in-transaction",
            _PART,
            f"session {row['pid']} ({row['user']}, {row['application']}) has done nothing for "
            f"{seconds:.0f} s within a transaction",
            since=now - timedelta(seconds=seconds),
            value=seconds,
            subject=str(row["pid"]),
            command=f"ops db kill {row['pid']} --terminate",
        )


def add_clients(
    collector: FactCollector,
    connections: Sequence[Mapping[str, Any]],
    clients: Sequence[Mapping[str, Any]],
    instance_class: str,
) -> None:
    """Adds who has the connections if few are left, and who keeps the CPU busy."""
    count = sum(int(row["sessions"]) for row in connections)
    allowed = int(connections[0]["allowed"]) if connections else 0
    if allowed and count >= allowed * FULL_SHARE:
        top = clients[0] if clients else None
        who = f"; {_describe(top)} has {top['sessions']} of them" if top is not None else ""
        collector.add(
            "sql.connections.full",
            _PART,
            f"{count} of {allowed} connections are taken{who}",
            value=count / allowed,
            subject=str(top["application"]) if top is not None else None,
            command=_ACTIVITY_COMMAND,
        )
    vcpus = find_rds_vcpus(instance_class)
    active = sum(int(row["active"]) for row in clients)
    if vcpus is not None and active > vcpus:
        busiest = max(clients, key=lambda row: int(row["active"]))
        collector.add(
            "sql.active.many",
            _PART,
            f"{active} sessions are at work on {vcpus} vCPUs, {busiest['active']} of them of "
            f"{_describe(busiest)}",
            value=active / vcpus,
            subject=str(busiest["application"]),
            command=_ACTIVITY_COMMAND,
        )
    for row in clients:
        longest = float(row["longest"] or 0)
        if longest >= _LONG_STATEMENT_SECONDS:
            collector.add(
                "sql.long-statement",
                _PART,
                f"a statement of {_describe(row)} has run for {longest:.0f} s",
                value=longest,
                subject=str(row["application"]),
                command="ops db slow",
            )


def add_vacuum(
    collector: FactCollector,
    tables: Sequence[TableStatistics],
    holders: Sequence[HorizonHolder],
    now: datetime,
) -> None:
    """Adds tables that vacuum does not keep up with, and what keeps it from removing rows."""
    behind = [t for t in tables if t.dead > max(_MANY_DEAD_ROWS, _DEAD_SHARE * t.live)]
    if behind:
        worst = behind[0]
        collector.add(
            "sql.dead-rows",
            _PART,
            f"{worst.full_name} has {worst.dead:,} dead rows beside {worst.live:,} live ones",
            value=float(worst.dead),
            subject=worst.full_name,
            command=f"ops db vacuum {worst.full_name}",
        )
    oldest = max(tables, key=lambda table: table.xid_age, default=None)
    if oldest is not None and oldest.xid_age >= _OLD_XID_PERCENT:
        collector.add(
            "sql.xid-age",
            _PART,
            f"{oldest.full_name} is at {oldest.xid_age:.0f} % of autovacuum_freeze_max_age",
            value=oldest.xid_age,
            subject=oldest.full_name,
            command=f"ops db vacuum {oldest.full_name} --freeze",
        )
    for holder in holders:
        is_lasting = holder.seconds is None or holder.seconds >= _HOLDER_SECONDS
        if is_lasting and (holder.kind != "slot" or holder.state == "inactive"):
            seconds = holder.seconds
            collector.add(
                "sql.vacuum-held",
                _PART,
                f"dead rows are kept for {holder.kind} {holder.name} ({holder.what})",
                since=None if seconds is None else now - timedelta(seconds=seconds),
                value=seconds,
                subject=holder.name,
                command=holder.command,
            )


def _describe(row: Mapping[str, Any]) -> str:
    return f"{row['application'] or 'an unnamed application'} ({row['user']})"
