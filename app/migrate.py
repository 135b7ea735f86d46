"""Migrates the database: python -m app.migrate.

The files of app/migrations are applied in the order of their numbers, each in a transaction of its
own with its row in `schema_migrations`. An advisory lock lets one process migrate at a time; a
second one waits, and finds nothing left to do. Exit code 1, and one sentence, if one fails.
"""

import argparse
import hashlib
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import psycopg

from app.connection import build_parameters, is_authentication_failure
from app.secret import SecretError, read_secret
from app.settings import DatabaseSettings, SettingsError, read_database_settings

FOLDER: Final = Path(__file__).parent / "migrations"
FILE_PATTERN: Final = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
LOCK_KEY: Final = 7_215_008_412_066_101  # any number, but always the same
# A change of a table that waits for a long transaction stops everybody behind it: rather it fails.
LOCK_TIMEOUT: Final = "10s"
# These would end the transaction of a migration in its middle.
TRANSACTION_PATTERN: Final = re.compile(
    r"^\s*(COMMIT|ROLLBACK|ABORT|START\s+TRANSACTION|(BEGIN|END)\s*(WORK|TRANSACTION)?\s*;)",
    re.IGNORECASE | re.MULTILINE,
)
CREATE_TABLE: Final = """
    CREATE TABLE IF NOT EXISTS schema_migrations (
        number integer PRIMARY KEY,
        name text NOT NULL,
        sha256 text NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT now()
    )
"""
Connection: TypeAlias = "psycopg.Connection[tuple[Any, ...]]"


class MigrationError(Exception):
    """A migration is wrong or failed; the message is one sentence."""


@dataclass(frozen=True)
class Migration:
    """A file of SQL with a number."""

    number: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """What tells whether the file was changed after it was applied."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def read_migrations(folder: Path) -> list[Migration]:
    """The migrations of a folder by their numbers, 1, 2, 3. Raises MigrationError."""
    migrations: list[Migration] = []
    for file in sorted(folder.glob("*.sql")):
        match = FILE_PATTERN.fullmatch(file.name)
        if match is None:
            raise MigrationError(f"{file.name} must be named like 0001_items.sql")
        if int(match[1]) != len(migrations) + 1:
            raise MigrationError(
                f"{file.name} must have the number {len(migrations) + 1:04}, the next one"
            )
        sql = file.read_text(encoding="utf-8")
        if statement := TRANSACTION_PATTERN.search(sql):
            words = " ".join(statement[0].split()).rstrip(" ;")
            raise MigrationError(
                f"{file.stem} must not have {words}: each migration is one transaction"
            )
        migrations.append(Migration(int(match[1]), file.stem, sql))
    if not migrations:
        raise MigrationError(f"{folder} must hold migrations, and has none")
    return migrations


def apply_migrations(connection: Connection, migrations: list[Migration]) -> Iterator[str]:
    """Applies what is not applied yet; yields a line for each thing done. Raises MigrationError."""
    connection.execute("SELECT pg_advisory_lock(%s)", (LOCK_KEY,))
    connection.execute("SELECT set_config('lock_timeout', %s, false)", (LOCK_TIMEOUT,))
    connection.execute(CREATE_TABLE)
    rows = connection.execute("SELECT number, name, sha256 FROM schema_migrations ORDER BY 1")
    applied = {number: (name, sha256) for number, name, sha256 in rows.fetchall()}
    for migration in migrations:
        name, sha256 = applied.get(migration.number, (migration.name, migration.sha256))
        if (name, sha256) != (migration.name, migration.sha256):
            raise MigrationError(
                f"{migration.name} is not what was applied as number {migration.number} ({name}): "
                "an applied migration must not change, write another one"
            )
    pending = [migration for migration in migrations if migration.number not in applied]
    for migration in pending:
        _apply_migration(connection, migration)
        yield f"{migration.name}: applied"
    if not pending:
        yield f"nothing to apply: all {len(migrations)} migrations are applied"
    # After a rollback to an older image: it must work with the newer database.
    for number in sorted(applied.keys() - {migration.number for migration in migrations}):
        yield f"{applied[number][0]}: applied by a newer image, stays"


def _apply_migration(connection: Connection, migration: Migration) -> None:
    try:
        with connection.transaction():
            connection.execute(migration.sql.encode())
            connection.execute(
                "INSERT INTO schema_migrations (number, name, sha256) VALUES (%s, %s, %s)",
                (migration.number, migration.name, migration.sha256),
            )
    except psycopg.Error as error:
        raise MigrationError(
            f"{migration.name} failed, and nothing of it is applied: {get_first_line(error)}"
        ) from error


def get_first_line(error: psycopg.Error) -> str:
    """What the server said, without the position and the hints."""
    return error.diag.message_primary or (str(error) or type(error).__name__).splitlines()[0]


def connect(settings: DatabaseSettings) -> Connection:
    """A connection; with the secret read again if the password is refused.

    Raises psycopg.OperationalError or SecretError.
    """
    try:
        parameters = build_parameters(settings, settings.credentials)
        return psycopg.connect(**parameters, autocommit=True)
    except psycopg.OperationalError as error:
        if settings.secret_arn is None or not is_authentication_failure(error):
            raise
    return psycopg.connect(
        **build_parameters(settings, read_secret(settings.secret_arn)), autocommit=True
    )


def main() -> int:
    """Migrates, and prints what was done."""
    parser = argparse.ArgumentParser(prog="python -m app.migrate", description="Migrates.")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="folder of the migrations")
    folder = parser.parse_args().folder
    try:
        migrations = read_migrations(folder)
        with connect(read_database_settings(os.environ)) as connection:
            for line in apply_migrations(connection, migrations):
                sys.stdout.write(f"migrate: {line}\n")
                sys.stdout.flush()
    except psycopg.Error as error:
        sys.stderr.write(f"migrate: the database does not answer: {get_first_line(error)}\n")
        return 1
    except (MigrationError, SecretError, SettingsError) as error:
        sys.stderr.write(f"migrate: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
