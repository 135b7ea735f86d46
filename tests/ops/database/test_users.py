"""`ops db user list` on a real server with users of several kinds."""

from typing import Any

from tests.ops.command_line import OpsConsole
from tests.ops.sql_stage import connect_stage_superuser

PASSWORD_TEXT = "a-hidden-thing"


def prepare_server(console: OpsConsole) -> None:
    """Read by the fixture `server`."""
    with connect_stage_superuser(console.stage) as admin:
        admin.execute(f"""
            CREATE ROLE rds_iam;
            CREATE ROLE readers;
            GRANT rds_iam TO readers;
            CREATE ROLE analyst LOGIN CONNECTION LIMIT 3;
            GRANT readers TO analyst;
            CREATE ROLE leaver LOGIN PASSWORD '{PASSWORD_TEXT}' VALID UNTIL '2020-05-06 07:08+00';
            CREATE ROLE "Odd, name" LOGIN REPLICATION BYPASSRLS VALID UNTIL 'infinity'""")


def get_users(ops: OpsConsole) -> dict[str, dict[str, Any]]:
    return {item["user"]: item for item in ops.run_for_json("db user list")["items"]}


def test_a_user_has_its_login_powers_memberships_limit_and_expiry(ops: OpsConsole) -> None:
    users = get_users(ops)
    assert users["analyst"] == {
        "user": "analyst",
        "login": "IAM",  # by way of readers
        "may": [],
        "member_of": ["readers"],
        "connection_limit": 3,
        "password_valid_until": None,
        "password_expired": False,
        "sessions": 0,
        "activity": "none",
        "idle_seconds": None,
    }
    assert users["leaver"]["login"] == "password"
    assert users["leaver"]["password_valid_until"] == "2020-05-06T07:08:00Z"
    assert users["leaver"]["password_expired"]
    assert users["Odd, name"]["may"] == ["replication", "bypass row security"]
    assert users["Odd, name"]["password_valid_until"] is None
    assert users["readers"]["login"] == "no"
    assert users["bulwark_admin"]["may"] == ["rds_superuser", "create roles", "create databases"]
    assert "rds_superuser" in users["bulwark_admin"]["member_of"]
    assert not any(name.startswith("pg_") for name in users)


def test_the_table_names_an_expired_password_and_shows_none(ops: OpsConsole) -> None:
    out, _ = ops("db user list")
    assert "leaver cannot log in: its password expired" in out
    assert "0 of 3" in next(line for line in out.splitlines() if line.startswith("analyst"))
    text = out + ops("db user list --output json")[0]
    assert PASSWORD_TEXT not in text
    assert "SCRAM-SHA-256" not in text
    assert "md5" not in text


def test_sessions_are_busy_or_idle_or_unknown(ops: OpsConsole) -> None:
    assert get_users(ops)["bulwark_admin"]["activity"] == "busy"  # the one that looks
    with connect_stage_superuser(ops.stage) as admin:
        admin_name = admin.info.user
        user = get_users(ops)[admin_name]
        assert user["activity"] == "idle"
        assert user["idle_seconds"] >= 0
        out, _ = ops("db user list")
        row = next(line for line in out.splitlines() if line.startswith(admin_name))
        assert " idle for " in row
        admin.execute("REVOKE pg_monitor FROM rds_superuser")
        try:
            assert get_users(ops)[admin_name]["activity"] == "unknown"
        finally:
            admin.execute("GRANT pg_monitor TO rds_superuser WITH ADMIN OPTION")


def test_an_open_transaction_is_not_idle(ops: OpsConsole) -> None:
    with connect_stage_superuser(ops.stage) as admin, admin.transaction():
        admin.execute("SELECT 1")
        user = get_users(ops)[admin.info.user]
    assert user["activity"] == "busy"
    assert user["idle_seconds"] is None
