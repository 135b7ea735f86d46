"""What PostgreSQL 15 has and a later version cannot take over, and slots that 17 keeps."""

from pathlib import Path

import pytest

from ops.database.sql.upgrade_obstacles import list_instance_findings
from tests.ops.sql_stage import connect_application, open_postgres_console


def test_the_format_of_an_aclitem_has_changed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with open_postgres_console(tmp_path, EngineVersion="15.14") as console:
        console.capture = capsys
        with connect_application(console.stage) as connection:
            connection.execute("CREATE TABLE granted (acl aclitem[])")
        _, error = console("db upgrade 17 --dry-run", expected_code=1)
        assert '"public"."granted"."acl" has the type aclitem' in error


@pytest.mark.parametrize(
    ("source_major", "is_lost", "names"),
    [(16, False, ["cdc"]), (17, False, []), (17, True, ["cdc"])],
)
def test_slots_are_kept_from_17_on_unless_their_wal_is_lost(
    source_major: int, is_lost: bool, names: list[str]
) -> None:
    slot = {"kind": "slot", "name": "cdc", "detail": "app", "connects": True, "broken": is_lost}
    findings = list_instance_findings([slot], source_major, "bulwark_admin")
    found = [finding.problem for finding in findings]
    assert [problem.split()[4] for problem in found] == names


def test_the_master_user_cannot_be_renamed() -> None:
    role = {"kind": "role", "name": "pg_admin", "detail": None, "connects": None, "broken": None}
    (finding,) = list_instance_findings([role], 15, "pg_admin")
    assert "the master user pg_admin" in finding.problem
    assert "dump the data and restore them" in finding.remedy
