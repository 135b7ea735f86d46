"""The lock tree: which session waits for which, with the root blockers on top.

A blocker is a session or a prepared transaction. Each is in the tree once, below the blocker that
is nearest to a root: sessions that queue for one row all block each other, so that a row for each
pair, or path, would be too many to read. Only a root has a command: ending a session that waits
itself helps nobody.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from ops.database.sql.connection import DatabaseClient
from ops.database.sql.sessions import PROTECTED_USER

INDENT: Final = "  "
LOCK_TREE_COLUMNS: Final = (
    "session",
    "state",
    "waits",
    "blocks",
    "mode",
    "table",
    "query",
    "command",
)
# A process id, or the name of a prepared transaction.
BlockerId: TypeAlias = int | str

# pg_blocking_pids reports 0 for a prepared transaction, and a parallel worker's leader. Which
# prepared transaction it is, is told by a granted lock on the same object in a mode that conflicts;
# its locks have no pid, and it holds its own transaction id. Conflicts are table 13.2 of
# PostgreSQL's manual, "Explicit Locking". `waitstart` exists since PostgreSQL 14.
WAITERS_STATEMENT: Final = """
    WITH conflict (wanted, held) AS (VALUES
        ('AccessShareLock', ARRAY['AccessExclusiveLock']),
        ('RowShareLock', ARRAY['ExclusiveLock', 'AccessExclusiveLock']),
        ('RowExclusiveLock', ARRAY['ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock',
            'AccessExclusiveLock']),
        ('ShareUpdateExclusiveLock', ARRAY['ShareUpdateExclusiveLock', 'ShareLock',
            'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock']),
        ('ShareLock', ARRAY['RowExclusiveLock', 'ShareUpdateExclusiveLock',
            'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock']),
        ('ShareRowExclusiveLock', ARRAY['RowExclusiveLock', 'ShareUpdateExclusiveLock',
            'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock']),
        ('ExclusiveLock', ARRAY['RowShareLock', 'RowExclusiveLock', 'ShareUpdateExclusiveLock',
            'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock']),
        ('AccessExclusiveLock', ARRAY['AccessShareLock', 'RowShareLock', 'RowExclusiveLock',
            'ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock',
            'AccessExclusiveLock'])
    ), lock AS MATERIALIZED (
        SELECT l.*, to_jsonb(l) ->> 'waitstart' AS since FROM pg_locks l
    ), prepared AS (
        SELECT x.gid, p.virtualtransaction
          FROM lock p JOIN pg_prepared_xacts x ON x.transaction = p.transactionid
         WHERE p.pid IS NULL AND p.granted AND p.locktype = 'transactionid'
    )
    SELECT coalesce(a.leader_pid, a.pid) AS pid, w.mode, pg_blocking_pids(w.pid) AS blockers,
           ARRAY(SELECT DISTINCT prepared.gid
                   FROM lock h
                   JOIN prepared ON prepared.virtualtransaction = h.virtualtransaction
                   JOIN conflict ON conflict.wanted = w.mode AND h.mode = ANY (conflict.held)
                  WHERE h.pid IS NULL AND h.granted AND h.locktype = w.locktype
                    AND (h.database, h.relation, h.page, h.tuple, h.virtualxid, h.transactionid,
                         h.classid, h.objid, h.objsubid)
                        IS NOT DISTINCT FROM
                        (w.database, w.relation, w.page, w.tuple, w.virtualxid, w.transactionid,
                         w.classid, w.objid, w.objsubid)) AS prepared,
           round(extract(epoch FROM
               clock_timestamp() - coalesce(w.since::timestamptz, a.query_start))::numeric, 1)
               AS waits,
           coalesce(
               CASE WHEN w.database = d.oid THEN w.relation::regclass::text
                    ELSE w.relation::text END,
               (SELECT t.relation::regclass::text FROM lock t
                 WHERE t.pid = w.pid AND t.granted AND t.locktype = 'tuple'
                   AND t.database = d.oid LIMIT 1),
               w.locktype) AS "table"
      FROM lock w
      JOIN pg_stat_activity a ON a.pid = w.pid
      JOIN pg_database d ON d.datname = current_database()
     WHERE NOT w.granted
     ORDER BY waits DESC NULLS LAST, w.pid"""
SESSIONS_STATEMENT: Final = """
    SELECT a.pid, a.state, a.query, a.usename AS "user", a.application_name AS application,
           a.datname AS database, a.backend_type AS kind, coalesce(r.rolsuper, false) AS super,
           round(extract(epoch FROM clock_timestamp() - a.xact_start)::numeric, 1) AS transaction
      FROM pg_stat_activity a LEFT JOIN pg_roles r ON r.oid = a.usesysid
     WHERE a.pid = ANY (%(pids)s::int[])"""
PREPARED_TRANSACTIONS_STATEMENT: Final = """
    SELECT gid, owner::text AS "user", database,
           round(extract(epoch FROM clock_timestamp() - prepared)::numeric, 1) AS transaction
      FROM pg_prepared_xacts WHERE gid = ANY (%(gids)s::text[])"""
WRAPAROUND_MARK: Final = "(to prevent wraparound)"  # autovacuum.c, autovac_report_activity


@dataclass
class LockNode:
    """A session or a prepared transaction that waits or is waited for.

    `waits` and `transaction` are seconds; `blocks` counts the sessions below it.
    """

    id: BlockerId
    session: Mapping[str, Any]
    wait: Mapping[str, Any] = field(default_factory=dict)
    blockers: list[BlockerId] = field(default_factory=list)
    parent: BlockerId | None = None
    children: "list[LockNode]" = field(default_factory=list)
    depth: int = 0
    blocks: int = 0

    @property
    def is_root(self) -> bool:
        """True if it waits for nothing."""
        return not self.blockers

    @property
    def is_prepared(self) -> bool:
        """True for a prepared transaction, which has no process."""
        return isinstance(self.id, str)


def fetch_lock_tree(client: DatabaseClient, identifier: str | None) -> list[LockNode]:
    """Fetches the tree: its roots, those that block the most first."""
    waiters: list[Any] = client.fetch_rows(WAITERS_STATEMENT, {}, identifier)
    pids = {pid for waiter in waiters for pid in (waiter["pid"], *waiter["blockers"])}
    gids = {gid for waiter in waiters for gid in waiter["prepared"]}
    sessions: list[Any] = (
        client.fetch_rows(SESSIONS_STATEMENT, {"pids": sorted(pids)}, identifier) if pids else []
    )
    prepared: list[Any] = (
        client.fetch_rows(PREPARED_TRANSACTIONS_STATEMENT, {"gids": sorted(gids)}, identifier)
        if gids
        else []
    )
    return build_lock_tree(waiters, sessions, prepared)


def build_lock_tree(
    waiters: Sequence[Mapping[str, Any]],
    sessions: Sequence[Mapping[str, Any]],
    prepared: Sequence[Mapping[str, Any]] = (),
) -> list[LockNode]:
    """Builds the tree of what the statements returned, and returns its roots.

    Members of a deadlock, which PostgreSQL ends after deadlock_timeout, have no root: the one that
    waits longest takes its place, and keeps its blockers. Blockers that are gone are left out.
    """
    nodes: dict[BlockerId, LockNode] = {row["pid"]: LockNode(row["pid"], row) for row in sessions}
    nodes |= {row["gid"]: LockNode(row["gid"], row) for row in prepared}
    for waiter in waiters:
        node = nodes.get(waiter["pid"])
        if node is None:
            continue
        blockers = [*waiter["prepared"], *(pid for pid in waiter["blockers"] if pid != 0)]
        node.wait = node.wait or waiter
        node.blockers += [
            blocker
            for blocker in dict.fromkeys(blockers)
            if blocker in nodes and blocker != node.id and blocker not in node.blockers
        ]
    blocked_by: dict[BlockerId, list[LockNode]] = {}
    for node in nodes.values():
        for blocker in node.blockers:
            blocked_by.setdefault(blocker, []).append(node)
    for blocked in blocked_by.values():
        blocked.sort(key=_get_wait, reverse=True)
    placed: set[BlockerId] = set()
    roots = [node for node in nodes.values() if node.is_root and node.id in blocked_by]
    _place_below(roots, blocked_by, placed)
    for node in sorted(nodes.values(), key=_get_wait, reverse=True):
        if node.id in blocked_by and node.id not in placed:  # a deadlock
            roots.append(node)
            _place_below([node], blocked_by, placed)
    for root in roots:
        _count_blocked(root)
    return sorted(roots, key=lambda root: root.blocks, reverse=True)


def _get_wait(node: LockNode) -> float:
    return float(node.wait.get("waits") or 0)


def _place_below(
    roots: Iterable[LockNode],
    blocked_by: Mapping[BlockerId, Sequence[LockNode]],
    placed: set[BlockerId],
) -> None:
    """Places all that wait for these, level by level, each once."""
    level = list(roots)
    placed.update(node.id for node in level)
    while level:
        next_level: list[LockNode] = []
        for blocker in level:
            for node in blocked_by.get(blocker.id, ()):
                if node.id not in placed:
                    placed.add(node.id)
                    node.parent, node.depth = blocker.id, blocker.depth + 1
                    blocker.children.append(node)
                    next_level.append(node)
        level = next_level


def list_nodes(roots: Sequence[LockNode]) -> list[LockNode]:
    """Lists the whole tree, each root followed by what is below it."""
    nodes: list[LockNode] = []
    stack = list(reversed(roots))
    while stack:
        nodes.append(node := stack.pop())
        stack.extend(reversed(node.children))
    return nodes


def _count_blocked(root: LockNode) -> None:
    for node in reversed(list_nodes([root])):
        node.blocks = sum(child.blocks + 1 for child in node.children)


def select_nodes(roots: Sequence[LockNode], limit: int) -> tuple[list[LockNode], list[LockNode]]:
    """Returns the nodes to show, at most `limit`, and those that are cut: the deepest."""
    nodes = list_nodes(roots)
    shown_ids = {node.id for node in sorted(nodes, key=lambda node: node.depth)[:limit]}
    return (
        [node for node in nodes if node.id in shown_ids],
        [node for node in nodes if node.id not in shown_ids],
    )


def get_state(node: LockNode) -> str:
    """Returns what a node does: of a root that is no client's session, what it is."""
    if node.is_prepared:
        return "prepared transaction"
    if not node.is_root:
        return "waiting"
    kind = node.session["kind"]
    if kind == "autovacuum worker":
        if WRAPAROUND_MARK in (node.session["query"] or ""):
            return "autovacuum to prevent wraparound: let it finish"
        return "autovacuum: it gives way by itself"
    state = node.session["state"]
    return str(state if kind == "client backend" else kind or state)


def get_command(node: LockNode, options: str = "") -> str | None:
    """Returns what ends a root; None if nothing may, or if it waits itself.

    `options` are what leads ops to the same server, like `--replica NAME`.
    """
    if not node.is_root:
        return None
    if node.is_prepared:
        name = str(node.id).replace("'", "''")
        return f"ROLLBACK PREPARED '{name}'"
    session = node.session
    if session["kind"] != "client backend" or session["super"] or session["user"] == PROTECTED_USER:
        return None
    terminate = "" if session["state"] == "active" else " --terminate"
    return f"ops db kill {node.id}{terminate}{options}"


def build_row(node: LockNode, options: str = "") -> dict[str, Any]:
    """Builds the node's row: who it is, what it waits for, and what ends it."""
    return {
        "pid": None if node.is_prepared else node.id,
        "prepared": node.id if node.is_prepared else None,
        "blocked_by": node.parent,
        "also_blocked_by": [blocker for blocker in node.blockers if blocker != node.parent],
        "depth": node.depth,
        "blocks": node.blocks,
        "state": get_state(node),
        "user": node.session["user"],
        "application": node.session.get("application"),
        "database": node.session["database"],
        "transaction": node.session["transaction"],
        "waits": node.wait.get("waits"),
        "mode": node.wait.get("mode"),
        "table": node.wait.get("table"),
        "query": node.session.get("query"),
        "command": get_command(node, options),
    }


def build_table_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Builds the row of a table, indented by its depth, without what is empty."""
    name = row["prepared"] if row["pid"] is None else row["pid"]
    return {**row, "session": f"{INDENT * row['depth']}{name}", "blocks": row["blocks"] or None}
