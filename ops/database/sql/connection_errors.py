"""PostgreSQL's errors as errors of ops: what happened, and what helps."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from ops.core.errors import (
    DeniedError,
    OpsError,
    RefusedError,
    UnreachableError,
)

if TYPE_CHECKING:
    import psycopg

# Seconds that a statement waits for a lock, so that ops does not lengthen the queue that it is
# meant to clear.
LOCK_TIMEOUT_SECONDS: Final = 10.0
CONNECT_COMMAND: Final = "ops db connect"
STATUS_COMMAND: Final = "ops db status"
# PostgreSQL, appendix A: error codes.
INSUFFICIENT_PRIVILEGE_CODE: Final = "42501"
QUERY_CANCELED_CODE: Final = "57014"
LOCK_NOT_AVAILABLE_CODE: Final = "55P03"
# libpq reports no error code of a connection that fails. These are the messages that PostgreSQL
# sends with 53300, too_many_connections (sources: proc.c and postinit.c of PostgreSQL 13 to 18);
# RDS words the second one in its own way (public reports).
FULL_MESSAGES: Final = (
    "too many clients already",
    "connection slots are reserved",
    "too many connections for role",
    "too many connections for database",
)
# What frees connections, or shows them, without needing one.
FULL_ADVICE: Final = (
    "ops service scale COUNT   # fewer tasks hold fewer connections",
    "ops usage                 # how many connections there were in the last hour",
    "ops db reboot             # ends every session; a short outage",
    "ops db resize CLASS       # max_connections grows with the memory; a longer outage",
)


class LockTimeoutError(RefusedError):
    """A statement did not get a lock in time."""


def is_full(error: "psycopg.Error") -> bool:
    """True if the server refuses a connection because all that it allows are in use."""
    return any(part in str(error) for part in FULL_MESSAGES)


def convert_connect_error(error: "psycopg.Error", name: str, address: str) -> OpsError:
    """Converts the error of a connection that was not opened; nothing was sent."""
    message = str(error)
    if "password authentication failed" in message or "no password" in message:
        return DeniedError(
            f"{name} rejected the password from its secret", "ops db rotate-password"
        )
    answer = get_server_answer(message)
    if is_full(error):
        return UnreachableError(
            f"{name} is full (53300): it answers at {address}, but takes no more connections: "
            f"{answer}",
            *FULL_ADVICE,
        )
    if answer is not None:  # the server itself refuses: a tunnel would not help
        return UnreachableError(
            f"{name} refuses connections at {address}: {answer}", STATUS_COMMAND
        )
    return UnreachableError(
        f"{name} does not answer at {address}: {get_first_line(message)}", CONNECT_COMMAND
    )


def get_server_answer(message: str) -> str | None:
    """Returns what the server answered to the connection, None if it did not answer.

    libpq puts the severity before a server's message; its own messages have none.
    """
    for line in message.splitlines():
        _, severity, answer = line.partition("FATAL:")
        if severity:
            return answer.strip()
    return None


def convert_error(
    error: "psycopg.Error",
    name: str,
    timeout: float,
    unknown_outcome_error: type[OpsError],
    lock_timeout: float = LOCK_TIMEOUT_SECONDS,
) -> OpsError:
    """Converts an error of PostgreSQL; the result never contains the statement.

    Returns `unknown_outcome_error` if the statement may have run.
    """
    message, code = get_first_line(str(error)), error.sqlstate
    if code == QUERY_CANCELED_CODE and "timeout" in message:
        return unknown_outcome_error(f"{name} did not answer within {timeout:.0f} s: {message}")
    if code == LOCK_NOT_AVAILABLE_CODE:
        return LockTimeoutError(
            f"{name}: no lock within {lock_timeout:.0f} s: {message}",
            "ops db locks",
        )
    if code == INSUFFICIENT_PRIVILEGE_CODE:
        return DeniedError(f"{name}: {message}")
    if code is None or code.startswith(("08", "57P")):  # the connection, or the server, is gone
        return unknown_outcome_error(f"{name} did not answer: {message}", STATUS_COMMAND)
    return RefusedError(f"{name}: {code}: {message}")


def get_first_line(message: str) -> str:
    """Returns the first line of a message that is not empty."""
    lines: Sequence[str] = [line.strip() for line in message.splitlines() if line.strip()]
    return lines[0] if lines else "no reason given"
