"""python -m app.migrate on a real PostgreSQL: once, twice, two at once, and one that fails."""

from pathlib import Path

import pytest

from app.migrate import LOCK_KEY, MigrationError, read_migrations
from tests.app.stage import AppStage

GOOD_SQL = "CREATE TABLE first (n int);\nINSERT INTO first VALUES (1);\n"


@pytest.fixture
def empty(stage: AppStage) -> AppStage:
    """The stage with a database that has nothing."""
    stage.query("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    return stage


def write_migrations(folder: Path, *texts: str) -> Path:
    for number, text in enumerate(texts, 1):
        (folder / f"{number:04}_step.sql").write_text(text, encoding="utf-8")
    return folder


def list_tables(stage: AppStage) -> list[str]:
    rows = stage.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    return [row[0] for row in rows]


def test_the_second_time_nothing_is_left_to_do(empty: AppStage) -> None:
    assert empty.migrate() == (0, "migrate: 0001_items: applied\n")
    assert list_tables(empty) == ["items", "schema_migrations"]
    assert empty.migrate() == (0, "migrate: nothing to apply: all 1 migrations are applied\n")


def test_two_at_once_apply_each_migration_once(empty: AppStage, tmp_path: Path) -> None:
    folder = write_migrations(tmp_path, GOOD_SQL, "INSERT INTO first VALUES (2)")
    with empty.database.connect(password=empty.password) as holder:
        # Both wait for the lock, so that neither has ended before the other begins.
        holder.execute("SELECT pg_advisory_lock(%s)", (LOCK_KEY,))
        processes = [empty.start_migration(folder) for _ in range(2)]
        empty.wait_for_waiting_backends(2, "advisory")
    texts = sorted(process.communicate()[0] for process in processes)
    assert [process.returncode for process in processes] == [0, 0]
    assert texts == [
        "migrate: 0001_step: applied\nmigrate: 0002_step: applied\n",
        "migrate: nothing to apply: all 2 migrations are applied\n",
    ]
    assert empty.query("SELECT n FROM first ORDER BY n") == [(1,), (2,)]


def test_of_one_that_fails_nothing_is_applied_and_what_came_before_stays(
    empty: AppStage, tmp_path: Path
) -> None:
    failing = "CREATE TABLE second (n int);\nINSERT INTO first VALUES (2);\nSELECT 1 / 0;\n"
    folder = write_migrations(tmp_path, GOOD_SQL, failing, "CREATE TABLE third (n int)")
    code, text = empty.migrate(folder)
    assert code == 1
    assert text == (
        "migrate: 0001_step: applied\n"
        "migrate: 0002_step failed, and nothing of it is applied: division by zero\n"
    )
    assert list_tables(empty) == ["first", "schema_migrations"]
    assert empty.query("SELECT n FROM first") == [(1,)]
    write_migrations(folder, GOOD_SQL, failing.replace("1 / 0", "1 / 1"))
    assert empty.migrate(folder)[0] == 0
    assert list_tables(empty) == ["first", "schema_migrations", "second", "third"]


def test_an_applied_migration_must_not_change(empty: AppStage, tmp_path: Path) -> None:
    folder = write_migrations(tmp_path, GOOD_SQL)
    assert empty.migrate(folder)[0] == 0
    write_migrations(folder, GOOD_SQL + "-- and more\n")
    code, text = empty.migrate(folder)
    assert code == 1
    assert text.startswith("migrate: 0001_step is not what was applied as number 1 (0001_step)")


def test_an_older_image_leaves_what_a_newer_one_applied(empty: AppStage, tmp_path: Path) -> None:
    folder = write_migrations(tmp_path, GOOD_SQL, "CREATE TABLE second (n int)")
    assert empty.migrate(folder)[0] == 0
    (folder / "0002_step.sql").unlink()
    code, text = empty.migrate(folder)
    assert code == 0
    assert text.splitlines()[1] == "migrate: 0002_step: applied by a newer image, stays"


@pytest.mark.parametrize(
    "statement", ["COMMIT;", "  rollback;", "BEGIN;", "end transaction;", "START  TRANSACTION;"]
)
def test_a_migration_that_ends_its_transaction_is_refused(tmp_path: Path, statement: str) -> None:
    folder = write_migrations(tmp_path, f"{GOOD_SQL}{statement}\n{GOOD_SQL}")
    with pytest.raises(MigrationError, match="each migration is one transaction"):
        read_migrations(folder)


def test_the_body_of_a_function_may_begin_and_end(tmp_path: Path) -> None:
    body = "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$\nBEGIN\n RETURN 1;\nEND\n$$;\n"
    assert read_migrations(write_migrations(tmp_path, body))[0].sql == body


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("0003_gap.sql", "0003_gap.sql must have the number 0002, the next one"),
        ("0001_again.sql", "must have the number"),
        ("two.sql", "two.sql must be named like 0001_items.sql"),
    ],
)
def test_a_wrong_name_is_an_error(tmp_path: Path, name: str, message: str) -> None:
    write_migrations(tmp_path, GOOD_SQL)
    (tmp_path / name).write_text(GOOD_SQL, encoding="utf-8")
    with pytest.raises(MigrationError, match=message):
        read_migrations(tmp_path)


def test_a_refused_password_is_read_again_and_else_one_sentence(empty: AppStage) -> None:
    assert empty.migrate(DB_PASSWORD="an-old-password")[0] == 0
    code, text = empty.migrate(DB_PASSWORD="an-old-password", DB_SECRET_ARN="")
    assert code == 1
    assert text.startswith("migrate: the database does not answer: ")
    assert text.count("\n") == 1
    assert "an-old-password" not in text


def test_a_variable_that_is_missing_is_named(empty: AppStage) -> None:
    assert empty.migrate(DB_HOST="") == (1, "migrate: DB_HOST must be set, and is not\n")
