"""The extensions of the stack's database: what the server has, created and updated by plans.

Sources: PostgreSQL's manual, "pg_available_extension_versions", CREATE, ALTER and DROP EXTENSION;
RDS User Guide, "Supported PostgreSQL extension versions" (trusted ones, rds.allowed_extensions).
"""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from ops.core.errors import RefusedError, UsageError
from ops.core.plan import Plan, Sql, Step, Wait
from ops.core.stack_plan import NO_COST, build_stack_plan
from ops.database.sql.connection import DatabaseClient
from ops.database.sql.names import quote_literal, quote_name_parts
from ops.outputs import Outputs

# What an extension is for, if a command of ops reads from it.
READ_EXTENSIONS: Final = {
    "pg_stat_statements": "`ops db slow` shows the statements with the most total time",
    "pgstattuple": "`ops db bloat` measures instead of estimating",
}
# Extensions that work only if the server has loaded their library at its start. Sources:
# PostgreSQL's manual, "pg_stat_statements"; RDS User Guide on pg_cron, pgAudit, pglogical, pg_tle,
# pg_transport and plrust. Those of which the library is optional (pg_prewarm) are not here.
PRELOADED_EXTENSIONS: Final = frozenset(
    {"pg_stat_statements", "pg_cron", "pg_tle", "pg_transport", "pgaudit", "pglogical", "plrust"}
)
# Names of PostgreSQL have at most 63 bytes: manual, "Identifiers and Key Words".
_NAME_PATTERN: Final = re.compile(r"[a-z][a-z0-9_-]{0,62}")
# A column that PostgreSQL 12 does not have is read from the row's JSON: `trusted`. The names of
# rds.allowed_extensions are separated by commas; `*` or nothing are all.
AVAILABLE_EXTENSIONS_STATEMENT: Final = """
    SELECT a.name, a.default_version AS newest, a.installed_version AS installed,
           coalesce(v.superuser, true)
               AND NOT coalesce((to_jsonb(v) ->> 'trusted')::bool, false) AS is_restricted,
           EXISTS (SELECT FROM pg_roles r
                    WHERE (r.rolname = current_user AND r.rolsuper)
                       OR (r.rolname = 'rds_superuser' AND pg_has_role(r.oid, 'MEMBER')))
               AS is_master,
           has_database_privilege(current_database(), 'CREATE') AS has_create,
           a.name = ANY (string_to_array(replace((
               SELECT s.setting FROM pg_settings s WHERE s.name = 'shared_preload_libraries'),
               ' ', ''), ',')) AS is_loaded,
           coalesce(nullif(current_setting('rds.allowed_extensions', true), ''), '*') = '*'
               OR a.name = ANY (string_to_array(replace(
                   current_setting('rds.allowed_extensions', true), ' ', ''), ',')) AS is_allowed,
           ARRAY(SELECT needed::text FROM unnest(v.requires) AS needed
                  WHERE NOT EXISTS (SELECT FROM pg_extension e WHERE e.extname = needed))
               AS missing,
           CASE WHEN a.installed_version <> a.default_version THEN EXISTS (
               SELECT FROM pg_extension_update_paths(a.name) p
                WHERE p.source = a.installed_version AND p.target = a.default_version
                  AND p.path IS NOT NULL) ELSE false END AS has_update_path
      FROM pg_available_extensions a
      LEFT JOIN pg_available_extension_versions v
             ON v.name = a.name AND v.version = a.default_version
     ORDER BY a.installed_version IS NULL, a.name"""
VERSION_STATEMENT: Final = """
    SELECT (SELECT extversion FROM pg_extension WHERE extname = %(name)s) AS version"""
EXTENSION_LIST_COMMAND: Final = "ops db extension list"


def require_extension_name(name: str) -> str:
    """Returns the name. Raises UsageError unless it is written like an extension's."""
    if not _NAME_PATTERN.fullmatch(name):
        raise UsageError(
            "NAME must be the name of an extension: small letters, digits, - and _, like pg_trgm, "
            f"not {name!r}"
        )
    return name


@dataclass(frozen=True)
class ExtensionState:
    """An extension that the server has: its newest version, and the created one or None.

    `is_restricted` if only rds_superuser may create it: then it is not a trusted one. `is_master`
    if the user of ops is a member of it, `has_create` if it may create in the database. `missing`
    are the extensions that it requires and that are not created. `is_loaded` is None if the user
    may not read what the server has loaded: pg_read_all_settings may.
    """

    name: str
    newest: str
    installed: str | None
    is_restricted: bool = True
    is_master: bool = True
    has_create: bool = True
    is_loaded: bool | None = False
    is_allowed: bool = True
    missing: Sequence[str] = ()
    has_update_path: bool = False

    @property
    def is_current(self) -> bool:
        """True if it is created in its newest version."""
        return self.installed == self.newest

    @property
    def needs_preload(self) -> bool:
        """True if it works only with its library loaded, and the server is not known to have it."""
        return self.name in PRELOADED_EXTENSIONS and not self.is_loaded

    @property
    def creator(self) -> str:
        """Who may create it."""
        return "rds_superuser" if self.is_restricted else "trusted: CREATE on the database"


def fetch_extensions(client: DatabaseClient) -> list[ExtensionState]:
    """Fetches every extension that the server has: the created ones first, each by name."""
    rows: list[Any] = client.fetch_rows(AVAILABLE_EXTENSIONS_STATEMENT)
    return [ExtensionState(**row) for row in rows]


def get_extension(extensions: Sequence[ExtensionState], name: str) -> ExtensionState:
    """Returns the extension of this name. Raises UsageError if the server does not have it."""
    by_name = {extension.name: extension for extension in extensions}
    if name not in by_name:
        similar_names = difflib.get_close_matches(name, by_name, 3)
        hint = f"; similar names: {', '.join(similar_names)}" if similar_names else ""
        raise UsageError(
            f"NAME must be an extension that the server has, not {name!r}{hint}",
            EXTENSION_LIST_COMMAND,
        )
    return by_name[name]


def require_creatable(extension: ExtensionState) -> None:
    """Raises RefusedError if PostgreSQL or RDS would refuse to create it."""
    name = extension.name
    if not extension.is_allowed:
        raise RefusedError(
            f"the parameter rds.allowed_extensions does not have {name} in it",
            "ops db parameters --all",
        )
    if extension.missing:
        raise RefusedError(
            f"{name} requires {' and '.join(extension.missing)}, not created yet",
            f"ops db extension create {extension.missing[0]}",
        )
    if not extension.is_master and (extension.is_restricted or not extension.has_create):
        need = "a member of rds_superuser" if extension.is_restricted else "CREATE on the database"
        raise RefusedError(f"the user in the database's secret may not create {name}: needs {need}")


def require_updatable(extension: ExtensionState) -> None:
    """Raises RefusedError if it is not created, or has no way to its newest version."""
    name = extension.name
    if extension.installed is None:
        raise RefusedError(f"{name} is not created", f"ops db extension create {name}")
    if not extension.is_current and not extension.has_update_path:
        raise RefusedError(
            f"{name} has no way from version {extension.installed} to {extension.newest}"
        )


def build_extension_creation_plan(outputs: Outputs, extension: ExtensionState, run: str) -> Plan:
    """Builds the plan that creates an extension. Undo drops it, unless something depends on it."""
    name, newest = extension.name, extension.newest
    step = Step(
        name="create",
        description=f"create {name} {newest}",
        action=Sql(statement=f"CREATE EXTENSION {quote_name_parts(name)}"),
        goal=_build_version_goal(name, newest),
        undo=(_build_drop_step(name),),
    )
    notes = [f"then {READ_EXTENSIONS[name]}"] if name in READ_EXTENSIONS else []
    notes.append("undo drops it, and PostgreSQL refuses that if something uses it by then")
    return build_stack_plan(
        outputs,
        run,
        "db extension create",
        step,
        changes=[f"extension {name}: none -> {newest}"],
        losses=(),
        cost=NO_COST,
        notes=notes,
        arguments=name,
    )


def build_extension_update_plan(outputs: Outputs, extension: ExtensionState, run: str) -> Plan:
    """Builds the plan that updates an extension to its newest version; there is no way back."""
    name, installed, newest = extension.name, extension.installed, extension.newest
    step = Step(
        name="update",
        description=f"update {name} from {installed} to {newest}",
        action=Sql(
            statement=f"ALTER EXTENSION {quote_name_parts(name)} UPDATE TO {quote_literal(newest)}"
        ),
        goal=_build_version_goal(name, newest),
    )
    return build_stack_plan(
        outputs,
        run,
        "db extension update",
        step,
        changes=[f"extension {name}: {installed} -> {newest}"],
        losses=(),
        cost=NO_COST,
        notes=("an extension has no way back to an older version, so that nothing is undone",),
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
    """Builds the step that drops it: refused if something was built on it since."""
    return Step(
        name="drop_extension",
        description=f"drop {name}, unless something depends on it",
        action=Sql(statement=f"DROP EXTENSION {quote_name_parts(name)} RESTRICT"),
        goal=_build_version_goal(name, None),
    )
