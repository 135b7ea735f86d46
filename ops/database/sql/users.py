"""The roles of the server: what each may, how it logs in, and what its sessions do.

Sources: PostgreSQL's manual, "pg_roles", "pg_auth_members", "pg_stat_activity" and "The pg_hba.conf
File" (`+role` is every direct or indirect member); RDS User Guide, "IAM database authentication":
a member of rds_iam logs in by IAM, and not by a password. Passwords are in pg_authid, which is
not read.
"""

from dataclasses import dataclass
from typing import Any, Final

from ops.database.sql.connection import DatabaseClient

# PostgreSQL's own roles start with pg_, which no other may (manual, CREATE ROLE). The state and
# kind of a session that this user may not see are null; PostgreSQL's own processes have no state.
USERS_STATEMENT: Final = """
    WITH RECURSIVE membership (member, role) AS (
        SELECT member, roleid FROM pg_auth_members
         UNION
        SELECT m.member, a.roleid
          FROM membership m JOIN pg_auth_members a ON a.member = m.role),
    connection AS MATERIALIZED (
        SELECT usesysid, state, state_change FROM pg_stat_activity
         WHERE backend_type IS NULL OR backend_type IN ('client backend', 'walsender'))
    SELECT r.rolname AS name, r.rolcanlogin AS can_login, r.rolsuper AS is_superuser,
           r.rolcreaterole AS creates_roles, r.rolcreatedb AS creates_databases,
           r.rolreplication AS replicates, r.rolbypassrls AS bypasses_row_security,
           EXISTS (SELECT FROM membership m JOIN pg_roles g ON g.oid = m.role
                    WHERE m.member = r.oid AND g.rolname = 'rds_superuser') AS is_rds_superuser,
           EXISTS (SELECT FROM membership m JOIN pg_roles g ON g.oid = m.role
                    WHERE m.member = r.oid AND g.rolname = 'rds_iam') AS is_iam,
           ARRAY(SELECT DISTINCT g.rolname::text
                   FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
                  WHERE m.member = r.oid ORDER BY 1) AS member_of,
           CASE WHEN r.rolconnlimit >= 0 THEN r.rolconnlimit END AS connection_limit,
           CASE WHEN r.rolvaliduntil = 'infinity' THEN NULL
                WHEN isfinite(r.rolvaliduntil)
                THEN to_char(r.rolvaliduntil AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
                ELSE r.rolvaliduntil::text END AS valid_until,
           coalesce(r.rolvaliduntil <= now(), false) AS is_expired,
           (SELECT count(*) FROM connection a WHERE a.usesysid = r.oid) AS sessions,
           (SELECT count(*) FROM connection a
             WHERE a.usesysid = r.oid AND a.state IS NULL) AS hidden_sessions,
           (SELECT count(*) FROM connection a
             WHERE a.usesysid = r.oid AND a.state <> 'idle') AS busy_sessions,
           (SELECT extract(epoch FROM clock_timestamp() - max(a.state_change))::float
              FROM connection a WHERE a.usesysid = r.oid) AS idle_seconds
      FROM pg_roles r WHERE r.rolname !~ '^pg_'
     ORDER BY r.rolcanlogin DESC, r.rolname"""


@dataclass(frozen=True)
class DatabaseUser:
    """A role. `member_of` are those that it was granted; `is_rds_superuser` and `is_iam` are also
    true by way of another role. `valid_until` is that of its password, None for ever.
    `idle_seconds` is since its last session changed its state.
    """

    name: str
    can_login: bool
    is_superuser: bool
    creates_roles: bool
    creates_databases: bool
    replicates: bool
    bypasses_row_security: bool
    is_rds_superuser: bool
    is_iam: bool
    member_of: tuple[str, ...]
    connection_limit: int | None
    valid_until: str | None
    is_expired: bool
    sessions: int
    hidden_sessions: int
    busy_sessions: int
    idle_seconds: float | None

    @property
    def login(self) -> str:
        """How it logs in: by `IAM`, by `password`, or `no`."""
        if not self.can_login:
            return "no"
        return "IAM" if self.is_iam else "password"

    @property
    def powers(self) -> list[str]:
        """What it may beyond the privileges on objects."""
        powers = {
            "superuser": self.is_superuser,
            "rds_superuser": self.is_rds_superuser,
            "create roles": self.creates_roles,
            "create databases": self.creates_databases,
            "replication": self.replicates,
            "bypass row security": self.bypasses_row_security,
        }
        return [power for power, is_given in powers.items() if is_given]

    @property
    def activity(self) -> str:
        """What its sessions do: `none`, `busy` (in a transaction), `idle` or `unknown`."""
        if not self.sessions:
            return "none"
        if self.busy_sessions:
            return "busy"
        return "unknown" if self.hidden_sessions else "idle"


def fetch_users(client: DatabaseClient, replica: str | None = None) -> list[DatabaseUser]:
    """Fetches every role of the server but PostgreSQL's own, those that log in first, by name."""
    rows: list[Any] = client.fetch_rows(USERS_STATEMENT, None, replica)
    return [DatabaseUser(**{**row, "member_of": tuple(row["member_of"])}) for row in rows]
