"""What can go wrong for a person, each with its exit code and what to do next.

Exit codes: 0 ok, 1 failed, 2 usage, 3 unhealthy or findings, 4 timed out and still running,
5 rolled back, 6 lock held, 130 interrupted, 141 output closed by its reader.
"""

from typing import ClassVar


class OpsError(Exception):
    """Something a person must know. `advice` are commands that help, most useful first."""

    code: ClassVar[int] = 1

    def __init__(self, message: str, *advice: str) -> None:
        super().__init__(message)
        self.advice = advice


class UsageError(OpsError):
    """Bad input: names the option, what it was and what it may be. Nothing was called."""

    code = 2


class DeniedError(OpsError):
    """AWS refused the call for lack of permission."""


class CredentialsError(DeniedError):
    """The credentials cannot be used: the call had no effect, and says nothing of permissions."""

    code = 2


class CredentialsExpiredError(CredentialsError):
    """The credentials are over, and no newer ones were found: sign in again, then go on."""


class CredentialsUnavailableError(CredentialsExpiredError):
    """What fetches the credentials failed, like a `credential_process`: it may work again later."""


class ThrottledError(OpsError):
    """AWS would not answer for now, after the client's own retries."""


class RefusedError(OpsError):
    """AWS refused a call for what it asks: it did not happen."""


class UnreachableError(OpsError):
    """No answer at all: network or endpoint."""


class BusyError(ThrottledError):
    """Somebody else is at it, so that nothing was begun."""


class OutcomeUnknownError(OpsError):
    """No answer to a change, which may have taken effect all the same."""


class FindingsError(OpsError):
    """What was looked at is not as it should be."""

    code = 3


class TimedOutError(OpsError):
    """The limit is over and AWS is still at it; a resume looks again."""

    code = 4


class RolledBackError(OpsError):
    """It failed, and was undone."""

    code = 5


class LockHeldError(OpsError):
    """Somebody else changes the stack."""

    code = 6


class InterruptedRunError(OpsError):
    """Ctrl-C between two calls."""

    code = 130
