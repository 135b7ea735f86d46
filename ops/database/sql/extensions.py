"""Extensions that commands of ops read from: created, or updated after an upgrade of PostgreSQL."""

from dataclasses import dataclass
from typing import Any, Final

from ops.core.errors import RefusedError, UsageError
from ops.core.plan import Plan, Sql, Step, Wait
from ops.core.stack_plan import NO_COST, build_stack_plan
from ops.database.sql.connection import DatabaseClient
from ops.outputs import Outputs

# The extension, and what it is for. Each is one that RDS supports.
EXTENSIONS: Final = {
    "pg_stat_statements": "`ops db slow` shows the statements with the most total time",
    "pgstattuple": "`ops db bloat` measures instead of estimating",
}
# Libraries that collect only if the server has loaded them at its start.
PRELOADED_EXTENSIONS: Final = frozenset({"pg_stat_statements"})
EXTENSION_STATEMENT: Final = """
    SELECT a.default_version AS available, a.installed_version AS installed,
           ',' || replace(current_setting('shared_preload_libraries'), ' ', '') || ','
               LIKE '%%,' || a.name || ',%%' AS preloaded
      FROM pg_available_extensions a WHERE a.name = %(name)s"""
VERSION_STATEMENT: Final = """
    SELECT (SELECT extversion FROM pg_extension WHERE extname = %(name)s) AS version"""


def require_extension_name(name: str) -> str:
    """Returns the name. Raises UsageError unless a command of ops reads from this extension."""
    if name not in EXTENSIONS:
        raise UsageError(f"EXTENSION must be {' or '.join(EXTENSIONS)}, not {name!r}")
    return name


@dataclass(frozen=True)
class ExtensionState:
    """An extension that the server has: its newest version, and the created one or None."""

    name: str
    available: str
    installed: str | None

    @property
    def is_current(self) -> bool:
        """True if it is created in its newest version."""
        return self.installed == self.available


def fetch_extension_state(client: DatabaseClient, name: str) -> ExtensionState:
    """Fetches the state of an extension.

    Raises RefusedError if the server does not have it, or has not loaded its library.
    """
    rows: list[Any] = client.fetch_rows(EXTENSION_STATEMENT, {"name": name})
    if not rows:
        raise RefusedError(f"the server has no extension {name}")
    row = rows[0]
    if name in PRELOADED_EXTENSIONS and not row["preloaded"]:
        raise RefusedError(
            f"{name} collects nothing until it is in shared_preload_libraries and the server has "
            "been rebooted",
            "ops db parameters",
        )
    return ExtensionState(name, row["available"], row["installed"])


def build_extension_plan(outputs: Outputs, state: ExtensionState, run: str) -> Plan:
    """Builds the plan that creates an extension, or updates it to its newest version."""
    name, installed, available = state.name, state.installed, state.available
    if installed is None:
        statement, description = f"CREATE EXTENSION {name}", f"create {name} {available}"
    else:
        statement = f"ALTER EXTENSION {name} UPDATE TO '{available}'"
        description = f"update {name} from {installed} to {available}"
    step = Step(
        name="extension",
        description=description,
        action=Sql(statement=statement),
        goal=_build_version_goal(name, available),
        # An extension has no way back to an old version.
        undo=() if installed is not None else (_build_drop_step(name),),
    )
    return build_stack_plan(
        outputs,
        run,
        "db extension",
        step,
        changes=[f"extension {name}: {installed or 'none'} -> {available}"],
        losses=(),
        cost=NO_COST,
        notes=(f"then {EXTENSIONS[name]}",),
        arguments=name,
    )


def _build_version_goal(name: str, version: str | None) -> Wait:
    return Wait(
        read=Sql(statement=VERSION_STATEMENT, params={"name": name}),
        met={"rows[0].version": version},
        every=1,
        within=60,
        typical=1,
        source="an assumption: it writes to the catalog only",
    )


def _build_drop_step(name: str) -> Step:
    """Builds the step that drops it, without CASCADE: not if something was built on it since."""
    return Step(
        name="drop_extension",
        description=f"drop {name}",
        action=Sql(statement=f"DROP EXTENSION {name}"),
        goal=_build_version_goal(name, None),
    )
