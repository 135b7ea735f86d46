"""Names that PostgreSQL and RDS keep for themselves, and names that everybody tries first."""

import re
from typing import Annotated, Final

from pydantic import AfterValidator

POSTGRES_NAME_PATTERN: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")
# "SQL Key Words" of the PostgreSQL manual: reserved, or reserved but for functions and types.
RESERVED_KEYWORDS: Final = frozenset(
    """
    all analyse analyze and any array as asc asymmetric authorization binary both case cast check
    collate collation column concurrently constraint create cross current_catalog current_date
    current_role current_schema current_time current_timestamp current_user default deferrable desc
    distinct do else end except false fetch for foreign freeze from full grant group having ilike in
    initially inner intersect into is isnull join lateral leading left like limit localtime
    localtimestamp natural not notnull null offset on only or order outer overlaps placing primary
    references returning right select session_user similar some symmetric system_user table
    tablesample then to trailing true union unique user using variadic verbose when where window
    with
    """.split()
)
SYSTEM_DATABASES: Final = frozenset({"postgres", "template0", "template1", "rdsadmin"})
# The first two are what Security Hub calls default (RDS.25).
COMMON_ADMIN_NAMES: Final = frozenset(
    {"postgres", "admin", "administrator", "master", "root", "sa", "superuser", "dbadmin", "public"}
)


def _validate_name(name: str) -> str:
    if not POSTGRES_NAME_PATTERN.fullmatch(name):
        raise ValueError(
            "must be up to 63 lower case letters, digits and underscores, a letter first"
        )
    if name in RESERVED_KEYWORDS:
        raise ValueError("must be any name that is no reserved word of PostgreSQL")
    return name


def _validate_database_name(name: str) -> str:
    if name in SYSTEM_DATABASES:
        raise ValueError("must be any name but that of a database that is always there")
    return _validate_name(name)


def _validate_admin_name(name: str) -> str:
    if name in COMMON_ADMIN_NAMES:
        raise ValueError("must be any name but the usual ones, which attackers try first (RDS.25)")
    if name.startswith(("rds", "pg_")):
        raise ValueError(
            "must be any name that does not begin with rds or pg_: those are RDS's own"
        )
    return _validate_name(name)


DatabaseName = Annotated[str, AfterValidator(_validate_database_name)]
AdminName = Annotated[str, AfterValidator(_validate_admin_name)]
