"""Who waits for whom: on a real server, and for what one cannot be made to do in a test."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from ops.database.sql.locks import (
    build_lock_tree,
    build_row,
    build_table_row,
    get_command,
    get_state,
    list_nodes,
    select_nodes,
)
from tests.ops.command_line import OpsConsole
from tests.ops.sql_stage import (
    connect_application,
    connect_stage_superuser,
)


def prepare_server(console: OpsConsole) -> None:
    """Read by the fixture `server`."""
    with connect_application(console.stage) as session:
        session.execute("CREATE TABLE hot (id int PRIMARY KEY, n int)")
        session.execute("INSERT INTO hot SELECT g, 0 FROM generate_series(1, 5) g")


class Waiters:
    """Sessions that wait for a lock, each in a thread of its own."""

    def __init__(self, ops: OpsConsole) -> None:
        self.ops = ops
        self.sessions: list[psycopg.Connection[Any]] = []
        self.threads: list[threading.Thread] = []

    def start(self, statement: str, application: str = "shop") -> int:
        """Starts a statement and returns its session's id once it waits."""
        session = connect_application(self.ops.stage, application)
        self.sessions.append(session)

        def run() -> None:
            try:
                session.execute(statement.encode())
            except psycopg.Error:
                return

        self.threads.append(threading.Thread(target=run, daemon=True))
        self.threads[-1].start()
        pid = session.info.backend_pid
        with connect_stage_superuser(self.ops.stage) as admin:
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline:
                row = admin.execute(
                    "SELECT count(*) FROM pg_locks WHERE pid = %s AND NOT granted", (pid,)
                ).fetchone()
                if row == (1,):
                    return pid
                time.sleep(0.01)
        pytest.fail(f"{statement} does not wait")

    def end(self) -> None:
        with connect_stage_superuser(self.ops.stage) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            )
            for row in admin.execute("SELECT gid FROM pg_prepared_xacts").fetchall():
                name = str(row[0]).replace("'", "''")
                admin.execute(f"ROLLBACK PREPARED '{name}'".encode())
        for thread in self.threads:
            thread.join(10)
        for session in self.sessions:
            session.close()


@pytest.fixture
def waiters(ops: OpsConsole) -> Iterator[Waiters]:
    waiting = Waiters(ops)
    yield waiting
    waiting.end()


def test_a_prepared_transaction_is_the_root_and_no_victim_is_offered(
    ops: OpsConsole, waiters: Waiters
) -> None:
    with connect_application(ops.stage) as coordinator:
        coordinator.execute("BEGIN; UPDATE hot SET n = 1 WHERE id = 1; PREPARE TRANSACTION 'x''y'")
        # Another, on the same table, that nobody waits for.
        coordinator.execute("BEGIN; LOCK TABLE hot IN ACCESS SHARE MODE")
        coordinator.execute("SELECT txid_current(); PREPARE TRANSACTION 'bystander'")
    update = waiters.start("UPDATE hot SET n = 2 WHERE id = 1")
    alter = waiters.start("ALTER TABLE hot ADD z int")
    found = ops.run_for_json("db locks")
    root = found["items"][0]
    assert "x'y" in found["roots"]
    by_pid = {row["pid"]: row for row in found["items"]}
    assert by_pid[update]["blocked_by"] == "x'y"
    assert by_pid[update]["table"] == "hot"
    assert {by_pid[alter]["blocked_by"], *by_pid[alter]["also_blocked_by"]} == {
        "x'y",
        "bystander",
        update,
    }
    assert (root["prepared"], root["pid"], root["state"]) == ("x'y", None, "prepared transaction")
    assert root["command"] == "ROLLBACK PREPARED 'x''y'"
    assert [by_pid[pid]["command"] for pid in (update, alter)] == [None, None]
    out, _ = ops("db locks")
    assert "ROLLBACK PREPARED 'x''y'" in out
    assert "ops db kill" not in out
    assert "belongs to its coordinator" in out


def test_a_bystander_is_no_root(ops: OpsConsole, waiters: Waiters) -> None:
    with connect_application(ops.stage) as coordinator:
        coordinator.execute("BEGIN; LOCK TABLE hot IN ROW EXCLUSIVE MODE")
        coordinator.execute("SELECT txid_current(); PREPARE TRANSACTION 'holder'")
        coordinator.execute("BEGIN; LOCK TABLE hot IN ACCESS SHARE MODE")
        coordinator.execute("SELECT txid_current(); PREPARE TRANSACTION 'bystander'")
    waiters.start("CREATE INDEX ON hot (n)")
    assert ops.run_for_json("db locks")["roots"] == ["holder"]


@pytest.mark.parametrize("count", [12, 24, 30])
def test_many_waiters_for_one_row_are_each_a_row(
    ops: OpsConsole, waiters: Waiters, count: int
) -> None:
    holder = connect_application(ops.stage, "migration")
    holder.execute("BEGIN")
    holder.execute("UPDATE hot SET n = 1 WHERE id = 1")
    pids = {waiters.start("UPDATE hot SET n = 2 WHERE id = 1") for _ in range(count)}
    root = holder.info.backend_pid
    start = time.monotonic()
    found = ops.run_for_json("db locks")
    assert time.monotonic() - start < 1
    assert found["items"][0]["pid"] == root
    assert {row["pid"] for row in found["items"]} == {root, *pids}
    assert len(found["items"]) == count + 1
    assert (found["roots"], found["not_shown"]) == ([root], [])
    assert found["items"][0]["blocks"] == count
    assert [row["command"] for row in found["items"] if row["command"]] == [
        f"ops db kill {root} --terminate"
    ]
    cut = ops.run_for_json("db locks --limit 3")
    assert cut["items"][0]["pid"] == root
    assert cut["items"][0]["blocks"] == count
    assert {*cut["not_shown"], *(row["pid"] for row in cut["items"])} == {root, *pids}
    out, _ = ops("db locks --limit 3")
    assert f"not shown: {count - 2} of {count + 1} (" in out
    assert f"--limit {count + 1} shows all" in out
    assert len(out.splitlines()) == 5
    assert len(ops("db locks")[0].splitlines()) == count + 2
    holder.close()


def test_a_command_leads_to_the_server_that_was_asked(ops: OpsConsole, waiters: Waiters) -> None:
    database = ops.stage.outputs.database
    holder = connect_application(ops.stage)
    holder.execute("BEGIN; LOCK TABLE hot IN ACCESS EXCLUSIVE MODE")
    waiters.start("SELECT max(n) FROM hot")
    address = f"{database.endpoint}:{database.port}"
    row = ops.run_for_json(f"db locks --via {address}")["items"][0]
    pid = holder.info.backend_pid
    assert row["command"] == f"ops db kill {pid} --terminate --via {address}"
    out, _ = ops(f"{row['command'].removeprefix('ops ')} --yes")
    assert "state: ended" in out
    holder.close()


def test_an_advisory_lock_is_named(ops: OpsConsole, waiters: Waiters) -> None:
    holder = connect_application(ops.stage)
    holder.execute("SELECT pg_advisory_lock(7)")
    pid = waiters.start("SELECT pg_advisory_lock(7)")
    (row,) = (row for row in ops.run_for_json("db locks")["items"] if row["pid"] == pid)
    assert (row["table"], row["blocked_by"]) == ("advisory", holder.info.backend_pid)
    holder.close()


def build_session(pid: int, **fields: Any) -> dict[str, Any]:
    return {
        "pid": pid,
        "state": "active",
        "query": f"q{pid}",
        "user": "shop",
        "application": "web",
        "database": "app",
        "kind": "client backend",
        "super": False,
        "transaction": 1.0,
    } | fields


def build_waiter(pid: int, *blockers: int, waits: float = 1.0) -> dict[str, Any]:
    return {
        "pid": pid,
        "blockers": list(blockers),
        "prepared": [],
        "waits": waits,
        "mode": "ShareLock",
        "table": "t",
    }


def test_who_waits_for_whom_is_a_tree_and_a_circle_ends() -> None:
    waiters = [build_waiter(2, 1), build_waiter(3, 2), build_waiter(4, 2, 3), build_waiter(6, 5)]
    roots = build_lock_tree(waiters, [build_session(pid) for pid in range(1, 7)])
    rows = [build_table_row(build_row(node)) for node in list_nodes(roots)]
    assert [row["session"] for row in rows] == ["1", "  2", "    3", "    4", "5", "  6"]
    assert [row["blocks"] for row in rows] == [3, 2, None, None, 1, None]
    assert [row["command"] for row in rows if row["command"]] == ["ops db kill 1", "ops db kill 5"]
    circle = [build_waiter(1, 2), build_waiter(2, 1, waits=9), build_waiter(3, 1)]
    roots = build_lock_tree(circle, [build_session(pid) for pid in range(1, 4)])
    rows = [build_table_row(build_row(node)) for node in list_nodes(roots)]
    assert [row["session"] for row in rows] == ["2", "  1", "    3"]
    assert not any(row["command"] for row in rows), "PostgreSQL ends a deadlock itself"


def test_a_blocker_that_is_gone_blocks_nobody() -> None:
    assert build_lock_tree([build_waiter(2, 1)], [build_session(2)]) == []


def test_parallel_workers_of_one_query_are_one_session() -> None:
    waiters = [build_waiter(2, 1, 1), build_waiter(2, 1), build_waiter(2, 2)]
    roots = build_lock_tree(waiters, [build_session(1), build_session(2)])
    assert [node.id for node in list_nodes(roots)] == [1, 2]


def test_a_long_lock_tree_is_cut_at_its_deepest_sessions() -> None:
    waiters = [build_waiter(2, 1), build_waiter(3, 2), build_waiter(5, 4)]
    roots = build_lock_tree(waiters, [build_session(pid) for pid in range(1, 6)])
    shown, cut = select_nodes(roots, 3)
    assert {node.id for node in shown} == {1, 4, 2}
    assert {node.id for node in cut} == {3, 5}


@pytest.mark.parametrize(
    ("fields", "state", "command"),
    [
        ({}, "active", "ops db kill 1"),
        ({"state": "idle in transaction"}, "idle in transaction", "ops db kill 1 --terminate"),
        (
            {
                "kind": "autovacuum worker",
                "query": "autovacuum: VACUUM public.t (to prevent wraparound)",
            },
            "autovacuum to prevent wraparound: let it finish",
            None,
        ),
        (
            {"kind": "autovacuum worker", "query": "autovacuum: VACUUM public.t"},
            "autovacuum: it gives way by itself",
            None,
        ),
        ({"kind": "walsender"}, "walsender", None),
        ({"kind": "startup", "state": None, "user": None}, "startup", None),
        ({"super": True}, "active", None),
        ({"user": "rdsadmin"}, "active", None),
    ],
)
def test_only_a_session_of_a_client_is_offered_to_be_ended(
    fields: dict[str, Any], state: str, command: str | None
) -> None:
    (root,) = build_lock_tree([build_waiter(2, 1)], [build_session(1, **fields), build_session(2)])
    assert (get_state(root), get_command(root)) == (state, command)
    on_replica = get_command(root, " --replica r-1")
    assert on_replica == (f"{command} --replica r-1" if command else None)
