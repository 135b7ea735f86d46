"""`ops db user`: the roles of the database server."""

from typing import Any, Final

import typer

from ops.cli.context import load_stack
from ops.cli.durations import format_duration
from ops.cli.watch import WatchOption, repeat_look
from ops.database.commands.queries import ReplicaOption, ViaOption, resolve_replica
from ops.database.sql.connection import DatabaseClient
from ops.database.sql.users import DatabaseUser, fetch_users

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="The users of the database server."
)
USER_COLUMNS: Final = (
    "user",
    "logs in by",
    "may",
    "member of",
    "sessions",
    "activity",
    "password until",
)


@app.command("list")
def list_users(
    context: typer.Context,
    replica: ReplicaOption = None,
    via: ViaOption = None,
    watch: WatchOption = None,
) -> None:
    """Lists the roles: how each logs in, what it may, its memberships, limit and sessions.

    Passwords are not read. Sessions are those of now: PostgreSQL keeps no time of a last login.
    """
    outputs, aws, output = load_stack(context)
    name = resolve_replica(outputs, replica)
    client = DatabaseClient(outputs, aws, via, read_only=True)

    def show() -> None:
        users = fetch_users(client, name)
        if output.output_format == "json":
            output.print_json("db-users", {"items": [_build_item(user) for user in users]})
            return
        output.print_rows("db-users", USER_COLUMNS, [_build_table_row(user) for user in users])
        for user in users:
            if user.is_expired and user.login == "password":
                output.print_line(f"{user.name} cannot log in: its password expired")

    repeat_look(output, watch, show)


def _build_item(user: DatabaseUser) -> dict[str, Any]:
    return {
        "user": user.name,
        "login": user.login,
        "may": user.powers,
        "member_of": list(user.member_of),
        "connection_limit": user.connection_limit,
        "password_valid_until": user.valid_until,
        "password_expired": user.is_expired,
        "sessions": user.sessions,
        "activity": user.activity,
        "idle_seconds": user.idle_seconds if user.activity == "idle" else None,
    }


def _build_table_row(user: DatabaseUser) -> dict[str, Any]:
    limit = "" if user.connection_limit is None else f" of {user.connection_limit}"
    idle = f"idle for {format_duration(user.idle_seconds)}"
    return {
        "user": user.name,
        "logs in by": user.login,
        "may": ", ".join(user.powers),
        "member of": ", ".join(user.member_of),
        "sessions": f"{user.sessions}{limit}",
        "activity": idle if user.activity == "idle" else user.activity,
        "password until": user.valid_until,
    }
