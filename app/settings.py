"""Settings of the service, from its environment: what the stack gives a container, and a few more.

The stack gives `DB_HOST`, `DB_PORT`, `DB_NAME`, `DB_USER` and `DB_PASSWORD`
(components/settings/container.py). `DB_SECRET_ARN` is the secret that they come from: with it the
service reads the password again after a rotation.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

MAX_PORT: Final = 65535
DEFAULT_PORT: Final = 8080  # as in components/settings/container.py
DEFAULT_POOL_SIZE: Final = 10  # connections of one task
MAX_POOL_SIZE: Final = 200
# PostgreSQL, "SSL Support": below these libpq does not insist on TLS. `disable` is for a server on
# the same machine.
TLS_MODES: Final = ("verify-full", "verify-ca", "require", "disable")
PATH_PREFIX_PATTERN: Final = re.compile(r"(/[A-Za-z0-9_-]+)*")
MODES_WITH_ROOT: Final = ("verify-full", "verify-ca")


class SettingsError(Exception):
    """A variable of the environment is missing or wrong; the message is one sentence."""


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """Where the database is, and who connects. The password is not in its text."""

    host: str
    port: int
    name: str
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class DatabaseSettings:
    """How the service connects to its database."""

    credentials: Credentials
    secret_arn: str | None
    tls_mode: str
    tls_root_file: str | None
    pool_size: int


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings of the service."""

    host: str
    port: int
    service_name: str
    path_prefix: str  # of the items: the load balancer does not take it off
    database: DatabaseSettings


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Reads all settings. Raises SettingsError."""
    return Settings(
        host=environment.get("HOST") or "0.0.0.0",
        port=_read_number(environment, "PORT", DEFAULT_PORT, MAX_PORT),
        service_name=environment.get("SERVICE_NAME") or "app",
        path_prefix=_read_path_prefix(environment),
        database=read_database_settings(environment),
    )


def read_database_settings(environment: Mapping[str, str]) -> DatabaseSettings:
    """Reads the settings of the database alone. Raises SettingsError."""
    mode = environment.get("DB_SSLMODE") or "verify-full"
    if mode not in TLS_MODES:
        raise SettingsError(f"DB_SSLMODE must be one of {', '.join(TLS_MODES)}, not {mode}")
    root_file = environment.get("DB_SSLROOTCERT") or None
    if mode in MODES_WITH_ROOT:
        if root_file is None:
            raise SettingsError(
                f"DB_SSLROOTCERT must be the file of RDS's certificate bundle with DB_SSLMODE "
                f"{mode}, and is not set"
            )
        if not Path(root_file).is_file():
            raise SettingsError(f"DB_SSLROOTCERT must be a file that is there, not {root_file}")
    return DatabaseSettings(
        credentials=Credentials(
            host=_require(environment, "DB_HOST"),
            port=_read_number(environment, "DB_PORT", None, MAX_PORT),
            name=_require(environment, "DB_NAME"),
            user=_require(environment, "DB_USER"),
            password=_require(environment, "DB_PASSWORD"),
        ),
        secret_arn=_read_secret_arn(environment),
        tls_mode=mode,
        tls_root_file=root_file,
        pool_size=_read_number(environment, "DB_POOL_SIZE", DEFAULT_POOL_SIZE, MAX_POOL_SIZE),
    )


def _require(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name)
    if not value:
        raise SettingsError(f"{name} must be set, and is not")
    return value


def _read_number(
    environment: Mapping[str, str], name: str, default: int | None, greatest: int
) -> int:
    text = environment.get(name)
    if not text and default is not None:
        return default
    text = _require(environment, name)
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= greatest):
        raise SettingsError(f"{name} must be a whole number from 1 to {greatest}, not {text}")
    return int(text)


def _read_path_prefix(environment: Mapping[str, str]) -> str:
    prefix = environment.get("PATH_PREFIX", "")
    if not PATH_PREFIX_PATTERN.fullmatch(prefix):
        raise SettingsError(f"PATH_PREFIX must be a path like /api, not {prefix}")
    return prefix


def _read_secret_arn(environment: Mapping[str, str]) -> str | None:
    arn = environment.get("DB_SECRET_ARN") or None
    if arn is not None and (arn.count(":") != 6 or ":secretsmanager:" not in arn):
        raise SettingsError(
            f"DB_SECRET_ARN must be the ARN of a secret of Secrets Manager, not {arn}"
        )
    return arn
