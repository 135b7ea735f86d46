"""Credentials that end while a run goes on: read again where they came from, and only the same.

A run may outlast its credentials: 12 hours of SSO, one hour of a chained role. Credentials that
refresh themselves are botocore's business; those that it reads once (a file, the environment) are
read again here when AWS says that they are over, so that signing in again in another terminal lets
a run go on. Source of the codes: IAM user guide, "Troubleshoot access denied error messages", and
the common errors of each service's API reference.
"""

import threading
import time
from typing import Any, Final

import botocore.session
from botocore.config import Config
from botocore.credentials import Credentials, RefreshableCredentials

from ops.core.credentials import CALL_ERRORS

RENEWAL_PAUSE_SECONDS: Final = 5.0
RENEWAL_TIMEOUT: Final = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard"})


class CredentialRenewal:
    """Renews the credentials of one session in place, so that its clients use the new ones."""

    def __init__(self, session: botocore.session.Session, region: str, profile: str | None) -> None:
        self.session, self.region, self.profile = session, region, profile
        self._lock = threading.Lock()
        self._account: str | None = None
        self._renewed_at = -RENEWAL_PAUSE_SECONDS

    def remember_account(self, account: str) -> None:
        """Notes whose credentials they are: those of another account never take their place."""
        self._account = account

    def renew(self) -> bool:
        """Reads the credentials again; True if there are newer ones than those that are over.

        False, and nothing is changed, if the new ones are of another account than the old ones, or
        if the account of the old ones was never asked for.
        """
        with self._lock:
            if time.monotonic() - self._renewed_at < RENEWAL_PAUSE_SECONDS:
                return True  # another thread's call has just renewed them
            current: Any = self.session.get_credentials()
            if current is None or isinstance(current, RefreshableCredentials):
                return False
            new_credentials = self._read_new()
            if new_credentials is None or (
                new_credentials.access_key == current.access_key
                and new_credentials.token == current.token
            ):
                return False
            current.access_key = new_credentials.access_key
            current.secret_key = new_credentials.secret_key
            current.token = new_credentials.token
            self._renewed_at = time.monotonic()
            return True

    def _read_new(self) -> Credentials | None:
        """What a new session finds, if it is of the remembered account."""
        session = botocore.session.Session(profile=self.profile)
        try:
            credentials = session.get_credentials()
            if credentials is None or self._account is None:
                return None
            frozen = credentials.get_frozen_credentials()
            client: Any = session.create_client(
                "sts", region_name=self.region, config=RENEWAL_TIMEOUT
            )
            if str(client.get_caller_identity()["Account"]) != self._account:
                return None
        except CALL_ERRORS:
            return None
        return Credentials(str(frozen.access_key), str(frozen.secret_key), frozen.token)
