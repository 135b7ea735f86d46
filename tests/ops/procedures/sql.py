"""`ops db kill`, `kill-idle`, `vacuum`, `extension` on a pretended PostgreSQL that gives ids again.

It knows the statements of ops/database/sql by heart, and does what a real one does with them, as
test_sql.py shows on a real one. A session that is gone is followed by another of the same id.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from pydantic import JsonValue

from ops.core.plan import Plan, Sql
from ops.database.sql import extensions, sessions
from ops.database.sql import reindex as reindexing
from ops.database.sql import vacuum as vacuuming
from ops.database.sql.indexes import IndexState
from ops.database.sql.reindex import IndexSelection
from ops.database.sql.sessions import DatabaseSession
from ops.database.sql.vacuum import TableStatistics
from tests.ops import db_stage
from tests.ops.procedures import Procedure
from tests.ops.stage import STACK_PREFIX, Stage

SqlRows = list[dict[str, JsonValue]]
SESSION_START, LATER_SESSION_START = "2026-11-21 12:00:00+00", "2026-11-22 12:00:00+00"


@dataclass
class FakePostgres:
    """Sessions by id and beginning, each with what it does; tables with their counts."""

    sessions: dict[tuple[int, str], str] = field(
        default_factory=lambda: {
            (42, SESSION_START): "active",
            (43, SESSION_START): "idle",
            (44, SESSION_START): "idle",
        }
    )
    vacuum_count: int = 0
    analyze_count: int = 0
    file_number: int = 100
    extension_version: str | None = None
    index_oid: int = 7
    leftovers: int = 1

    def __call__(self, sql: Sql) -> SqlRows:
        """What a statement of ops/database/sql does and answers."""
        for statement, run_statement in STATEMENT_EFFECTS.items():
            if sql.statement == statement:
                return run_statement(self, sql.params)
        raise AssertionError(f"not known here: {sql.statement}")

    def cancel_query(self, params: Any) -> SqlRows:
        key = (params["pid"], params["began"])
        is_signalled = self.sessions.get(key) == "active"
        if is_signalled:
            self.sessions[key] = "idle"
        return [{"told": int(is_signalled)}]

    def count_running(self, params: Any) -> SqlRows:
        is_running = self.sessions.get((params["pid"], params["began"])) == "active"
        return [{"left": int(is_running)}]

    def terminate_sessions(self, params: Any) -> SqlRows:
        targets = self._list_targets(params)
        for pid, session_start in targets:
            del self.sessions[pid, session_start]
            self.sessions[pid, LATER_SESSION_START] = "active" if "since" not in params else "idle"
        return [{"told": len(targets)}]

    def count_remaining(self, params: Any) -> SqlRows:
        return [{"left": len(self._list_targets(params))}]

    def _list_targets(self, params: Any) -> list[tuple[int, str]]:
        named_keys = set(zip(params["pids"], params["began"], strict=True))
        is_idle_only = "since" in params
        present_keys = [key for key in self.sessions if key in named_keys]
        return [key for key in present_keys if not is_idle_only or self.sessions[key] == "idle"]

    def vacuum_table(self, _: Any) -> SqlRows:
        self.vacuum_count += 1
        self.analyze_count += 1
        return []

    def rewrite_table(self, _: Any) -> SqlRows:
        self.file_number += 1
        return []

    def report_vacuum(self, params: Any) -> SqlRows:
        is_analyzed = not params["analyze"] or self.analyze_count > params["analyzes"]
        return [
            {"vacuumed": self.vacuum_count > params["before"] and is_analyzed, "running": False}
        ]

    def rebuild_index(self, _: Any) -> SqlRows:
        self.index_oid += 1
        return []

    def report_rebuild(self, params: Any) -> SqlRows:
        return [{"rebuilt": self.index_oid != params["before"], "running": False}]

    def drop_leftover(self, _: Any) -> SqlRows:
        self.leftovers = 0
        return []

    def report_leftover(self, _: Any) -> SqlRows:
        return [{"present": self.leftovers, "leftovers": self.leftovers}]

    def create_extension(self, _: Any) -> SqlRows:
        self.extension_version = NEW_EXTENSION.newest
        return []

    def drop_extension(self, _: Any) -> SqlRows:
        self.extension_version = None
        return []

    def report_extension(self, _: Any) -> SqlRows:
        return [{"version": self.extension_version}]

    def report_rewrite(self, params: Any) -> SqlRows:
        return [{"vacuumed": self.file_number != params["before"], "running": False}]


BLOATED_TABLE: Final = TableStatistics(
    1, "public", "orders", 5000, 10, 0, 100, 1 << 20, 1.0, ours=True
)
NEW_EXTENSION: Final = extensions.ExtensionState("pgstattuple", "1.5", None)
OUTDATED_EXTENSION: Final = replace(
    NEW_EXTENSION, name="pg_trgm", installed="1.4", has_update_path=True
)
VALID_INDEX: Final = IndexState(
    7,
    "public",
    "orders_pkey",
    1,
    "public",
    "orders",
    is_partitioned=False,
    is_valid=True,
    is_live=True,
    is_unique=True,
    is_exclusion=False,
    has_constraint=True,
    size=1 << 20,
    is_owned=True,
    may_maintain=False,
)
LEFTOVER_INDEX: Final = replace(
    VALID_INDEX, oid=8, name="orders_pkey_ccnew", is_valid=False, has_constraint=False
)
IDLE_REPLACEMENT: Final = (
    sessions.SELECTED_SESSIONS_SOURCE,
    sessions.SELECTED_IDLE_SESSIONS_SOURCE,
)
STATEMENT_EFFECTS: Final[dict[str, Callable[[FakePostgres, Any], SqlRows]]] = {
    sessions.CANCEL_STATEMENT: FakePostgres.cancel_query,
    sessions.CANCEL_CHECK_STATEMENT: FakePostgres.count_running,
    sessions.TERMINATE_STATEMENT: FakePostgres.terminate_sessions,
    sessions.TERMINATE_CHECK_STATEMENT: FakePostgres.count_remaining,
    sessions.TERMINATE_STATEMENT.replace(*IDLE_REPLACEMENT)
    + sessions.STILL_IDLE_CONDITION: FakePostgres.terminate_sessions,
    sessions.TERMINATE_CHECK_STATEMENT.replace(*IDLE_REPLACEMENT)
    + sessions.STILL_IDLE_CONDITION: FakePostgres.count_remaining,
    f"VACUUM (ANALYZE) {BLOATED_TABLE.quoted_name}": FakePostgres.vacuum_table,
    f"VACUUM (FULL) {BLOATED_TABLE.quoted_name}": FakePostgres.rewrite_table,
    f"REINDEX INDEX CONCURRENTLY {VALID_INDEX.quoted_name}": FakePostgres.rebuild_index,
    f"DROP INDEX CONCURRENTLY IF EXISTS {LEFTOVER_INDEX.quoted_name}": FakePostgres.drop_leftover,
    reindexing.REBUILT_STATEMENT: FakePostgres.report_rebuild,
    reindexing.DROPPED_STATEMENT: FakePostgres.report_leftover,
    reindexing.COUNT_LEFTOVERS_STATEMENT: FakePostgres.report_leftover,
    reindexing.DROP_LEFTOVERS_STATEMENT: FakePostgres.drop_leftover,
    'CREATE EXTENSION "pgstattuple"': FakePostgres.create_extension,
    "ALTER EXTENSION \"pg_trgm\" UPDATE TO '1.5'": FakePostgres.create_extension,
    'DROP EXTENSION "pgstattuple" RESTRICT': FakePostgres.drop_extension,
    extensions.VERSION_STATEMENT: FakePostgres.report_extension,
    vacuuming.VACUUM_CHECK_STATEMENT: FakePostgres.report_vacuum,
    vacuuming.FULL_VACUUM_CHECK_STATEMENT: FakePostgres.report_rewrite,
}


def build_session(pid: int, state: str) -> DatabaseSession:
    """A session as it was seen."""
    return DatabaseSession(
        pid,
        SESSION_START,
        SESSION_START,
        state,
        SESSION_START,
        "shop",
        "web",
        "client backend",
        super=False,
        query="SELECT 1",
        own=False,
        idle=7200,
    )


def put_sql_database(stage: Stage) -> None:
    """The primary, its secret, and what stands behind it."""
    db_stage.put_database(stage)
    secret_value = '{"dbname": "app", "username": "bulwark_admin", "password": "x"}'
    secret = stage.client("secretsmanager").create_secret(
        Name=f"{STACK_PREFIX}-database-1", SecretString=secret_value
    )
    part = stage.outputs.database.model_copy(update={"secret_arn": secret["ARN"]})
    stage.outputs = stage.outputs.model_copy(update={"database": part})
    vars(stage)["pretended"] = FakePostgres()


def get_fake_postgres(stage: Stage) -> FakePostgres:
    """What stands behind the primary."""
    postgres: FakePostgres = vars(stage)["pretended"]
    return postgres


def collect_sql_facts(stage: Stage) -> object:
    """Who is there, and how often a table was vacuumed."""
    postgres = get_fake_postgres(stage)
    return (
        sorted(postgres.sessions.items()),
        postgres.vacuum_count,
        postgres.file_number,
        postgres.extension_version,
        postgres.index_oid > VALID_INDEX.oid,
        postgres.leftovers,
    )


def plan_cancel(stage: Stage) -> Plan:
    return sessions.build_kill_session_plan(
        stage.outputs, build_session(42, "active"), None, "kill-1", terminate=False
    )


def plan_terminate(stage: Stage) -> Plan:
    return sessions.build_kill_session_plan(
        stage.outputs, build_session(42, "active"), None, "kill-2", terminate=True
    )


def plan_kill_idle(stage: Stage) -> Plan:
    idle_sessions = [build_session(43, "idle"), build_session(44, "idle")]
    return sessions.build_kill_idle_sessions_plan(stage.outputs, idle_sessions, None, "kill-idle-1")


def plan_vacuum(stage: Stage) -> Plan:
    return vacuuming.build_table_vacuum_plan(
        stage.outputs, [BLOATED_TABLE], "vacuum-1", analyze=True
    )


def plan_full_vacuum(stage: Stage) -> Plan:
    return vacuuming.build_table_vacuum_plan(stage.outputs, [BLOATED_TABLE], "vacuum-2", full=True)


def plan_reindex(stage: Stage) -> Plan:
    selection = IndexSelection((VALID_INDEX,), (LEFTOVER_INDEX,), ())
    return reindexing.build_reindex_plan(
        stage.outputs, selection, "reindex-1", arguments="orders", lock_timeout=60
    )


def plan_extension(stage: Stage) -> Plan:
    return extensions.build_extension_creation_plan(stage.outputs, NEW_EXTENSION, "extension-1")


def put_outdated_extension(stage: Stage) -> None:
    put_sql_database(stage)
    get_fake_postgres(stage).extension_version = OUTDATED_EXTENSION.installed


def plan_extension_update(stage: Stage) -> Plan:
    return extensions.build_extension_update_plan(stage.outputs, OUTDATED_EXTENSION, "extension-2")


PROCEDURES: Final = (
    Procedure(
        "db extension create",
        NEW_EXTENSION.name,
        put_sql_database,
        plan_extension,
        collect_sql_facts,
        build_sql_runner=get_fake_postgres,
    ),
    Procedure(
        "db extension update",
        OUTDATED_EXTENSION.name,
        put_outdated_extension,
        plan_extension_update,
        collect_sql_facts,
        build_sql_runner=get_fake_postgres,
    ),
    Procedure(
        "db kill",
        "42",
        put_sql_database,
        plan_cancel,
        collect_sql_facts,
        build_sql_runner=get_fake_postgres,
    ),
    Procedure(
        "db kill",
        "42 --terminate",
        put_sql_database,
        plan_terminate,
        collect_sql_facts,
        build_sql_runner=get_fake_postgres,
    ),
    Procedure(
        "db kill-idle",
        "--older-than 60",
        put_sql_database,
        plan_kill_idle,
        collect_sql_facts,
        build_sql_runner=get_fake_postgres,
    ),
    Procedure(
        "db reindex",
        "orders",
        put_sql_database,
        plan_reindex,
        collect_sql_facts,
        steps_maybe_done=frozenset({"clean", "clean_1"}),
        build_sql_runner=get_fake_postgres,
    ),
    Procedure(
        "db vacuum",
        "orders --analyze",
        put_sql_database,
        plan_vacuum,
        collect_sql_facts,
        build_sql_runner=get_fake_postgres,
    ),
    Procedure(
        "db vacuum",
        "orders --full",
        put_sql_database,
        plan_full_vacuum,
        collect_sql_facts,
        build_sql_runner=get_fake_postgres,
    ),
)
