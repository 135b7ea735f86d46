"""Names that PostgreSQL and RDS keep for themselves, and names that everybody tries first."""

import re
from typing import Annotated, Final

from pydantic import AfterValidator

NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")
# "SQL Key Words" of the PostgreSQL manual: reserved, or reserved but for functions and types.
RESERVED: Final = frozenset(
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
DATABASES: Final = frozenset({"postgres", "template0", "template1", "rdsadmin"})
# The first two are what Security Hub calls default (RDS.25).
USUAL: Final = frozenset(
    {"postgres", "admin", "administrator", "master", "root", "sa", "superuser", "dbadmin", "public"}
)


def _checked(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ValueError(
            "may be up to 63 lower case letters, digits and underscores, a letter first"
        )
    if name in RESERVED:
        raise ValueError("may be any name that is no reserved word of PostgreSQL")
    return name


def _database(name: str) -> str:
    if name in DATABASES:
        raise ValueError("may be any name but that of a database that is always there")
    return _checked(name)


def _admin(name: str) -> str:
    if name in USUAL:
        raise ValueError("may be any name but the usual ones, which attackers try first (RDS.25)")
    if name.startswith(("rds", "pg_")):
        raise ValueError("may be any name that does not begin with rds or pg_: those are RDS's own")
    return _checked(name)


DatabaseName = Annotated[str, AfterValidator(_database)]
AdminName = Annotated[str, AfterValidator(_admin)]
