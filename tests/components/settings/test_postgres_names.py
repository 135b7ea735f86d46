"""Names of the database and its admin: what PostgreSQL, RDS and attackers have already."""

import pytest
from pydantic import TypeAdapter, ValidationError

from components.settings.postgres_names import (
    COMMON_ADMIN_NAMES,
    RESERVED_KEYWORDS,
    SYSTEM_DATABASES,
    AdminName,
    DatabaseName,
)

ADMIN_NAME_ADAPTER: TypeAdapter[str] = TypeAdapter(AdminName)
DATABASE_NAME_ADAPTER: TypeAdapter[str] = TypeAdapter(DatabaseName)


@pytest.mark.parametrize("name", ["app", "a", "x_1", "a" * 63])
def test_plain_names_are_accepted(name: str) -> None:
    assert (
        ADMIN_NAME_ADAPTER.validate_python(name),
        DATABASE_NAME_ADAPTER.validate_python(name),
    ) == (name, name)


@pytest.mark.parametrize("name", ["", "1a", "_a", "a-b", "App", "a" * 64, "a b"])
def test_names_that_need_quoting_are_refused(name: str) -> None:
    for kind in (ADMIN_NAME_ADAPTER, DATABASE_NAME_ADAPTER):
        with pytest.raises(ValidationError, match="must be up to 63 lower case letters"):
            kind.validate_python(name)


@pytest.mark.parametrize("name", sorted(COMMON_ADMIN_NAMES))
def test_rds_25_usual_admin_names_are_refused(name: str) -> None:
    with pytest.raises(ValidationError, match=r"must be any name but the usual ones.*RDS\.25"):
        ADMIN_NAME_ADAPTER.validate_python(name)


@pytest.mark.parametrize("name", ["rdsadmin", "rds_superuser", "pg_monitor"])
def test_roles_of_rds_are_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="that does not begin with rds or pg_"):
        ADMIN_NAME_ADAPTER.validate_python(name)


@pytest.mark.parametrize("name", sorted(SYSTEM_DATABASES))
def test_names_of_built_in_databases_are_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="but that of a database that is always there"):
        DATABASE_NAME_ADAPTER.validate_python(name)


def test_reserved_words_are_refused() -> None:
    assert len(RESERVED_KEYWORDS) == 101
    for name in RESERVED_KEYWORDS:
        with pytest.raises(ValidationError, match="no reserved word of PostgreSQL"):
            DATABASE_NAME_ADAPTER.validate_python(name)
