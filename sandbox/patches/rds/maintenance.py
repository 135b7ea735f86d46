"""RDS: maintenance that is pending, and until when a server's certificate holds."""

from datetime import UTC, datetime, timedelta
from typing import Any

from moto.rds.models import DBInstance, RDSBackend, rds_backends
from moto.rds.responses import RDSResponse

from sandbox.clock import clock
from sandbox.patches.patching import Mend, kept

mend = Mend()
Record = dict[str, Any]
# Assumption: a server's certificate holds for a year and is replaced when half of it is over, as
# RDS does for authorities that rotate by themselves (RDS User Guide, "Using SSL/TLS").
VALID = timedelta(days=365)


def _pending(backend: RDSBackend) -> dict[str, list[Record]]:
    """Actions by the ARN of what they are for."""
    return kept(backend, "maintenance", dict)


def announce(account: str, region: str, arn: str, action: Record) -> None:
    """Lets AWS announce maintenance: `action` as the API has it."""
    _pending(rds_backends[account][region]).setdefault(arn, []).append(action)


@mend.operation(RDSResponse, "DescribePendingMaintenanceActions")
def describe(response: RDSResponse, params: Record) -> Record:
    wanted = params.get("ResourceIdentifier")
    return {
        "PendingMaintenanceActions": [
            {"ResourceIdentifier": arn, "PendingMaintenanceActionDetails": actions}
            for arn, actions in _pending(response.backend).items()
            if wanted in (None, arn)
        ]
    }


def _valid_till(instance: DBInstance) -> datetime:
    until: datetime = instance.created.replace(tzinfo=UTC) + VALID  # moto's times are UTC, unsaid
    while until - clock().now() < VALID / 2:
        until += VALID / 2
    return until


@mend.also
def certificates() -> None:
    """What an instance's certificate is described with."""
    DBInstance.CertificateDetails = property(  # type: ignore[attr-defined]
        lambda it: {"CAIdentifier": it.ca_certificate_identifier, "ValidTill": _valid_till(it)}
    )
