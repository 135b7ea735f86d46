"""RDS: maintenance windows, pending maintenance, and the expiry of a server's certificate."""

from datetime import UTC, datetime, timedelta
from typing import Any

from moto.rds import utils as rds_utils
from moto.rds.models import DBInstance, RDSBackend, rds_backends
from moto.rds.responses import RDSResponse

from sandbox.clock import get_sandbox_clock
from sandbox.patches.patching import ServicePatch, backend_state

patch = ServicePatch()
ApiRecord = dict[str, Any]
# Assumption: a server's certificate holds for a year and is replaced when half of it is over, as
# RDS does for authorities that rotate by themselves (RDS User Guide, "Using SSL/TLS").
CERTIFICATE_VALIDITY = timedelta(days=365)


def _get_pending_actions(backend: RDSBackend) -> dict[str, list[ApiRecord]]:
    """Actions by the ARN of what they are for."""
    return backend_state(backend, "maintenance", dict)


def announce_maintenance(account: str, region: str, arn: str, action: ApiRecord) -> None:
    """Lets AWS announce maintenance: `action` as the API has it."""
    _get_pending_actions(rds_backends[account][region]).setdefault(arn, []).append(action)


@patch.add_operation(RDSResponse, "DescribePendingMaintenanceActions")
def describe_pending_maintenance_actions(response: RDSResponse, params: ApiRecord) -> ApiRecord:
    identifier = params.get("ResourceIdentifier")
    return {
        "PendingMaintenanceActions": [
            {"ResourceIdentifier": arn, "PendingMaintenanceActionDetails": actions}
            for arn, actions in _get_pending_actions(response.backend).items()
            if identifier in (None, arn)
        ]
    }


def _get_certificate_expiry(instance: DBInstance) -> datetime:
    until: datetime = (
        instance.created.replace(tzinfo=UTC) + CERTIFICATE_VALIDITY
    )  # moto's times are UTC, unsaid
    while until - get_sandbox_clock().now() < CERTIFICATE_VALIDITY / 2:
        until += CERTIFICATE_VALIDITY / 2
    return until


@patch.add_change
def add_certificate_details() -> None:
    """Adds the description of an instance's certificate."""
    DBInstance.CertificateDetails = property(  # type: ignore[attr-defined]
        lambda instance: {
            "CAIdentifier": instance.ca_certificate_identifier,
            "ValidTill": _get_certificate_expiry(instance),
        }
    )


@patch.add_change
def accept_adjacent_windows() -> None:
    """Accepts a maintenance window that begins when the backup window ends, or ends as it begins.

    RDS refuses windows that overlap (RDS API Reference, ModifyDBInstance: the maintenance window
    "must not conflict with the preferred backup window"). moto refuses a shared end too; RDS takes
    04:00-04:30 with Sun:04:30-Sun:05:30 (WikiWatershed/model-my-watershed, pull request 565).
    """
    get_overlap = rds_utils.get_overlap_between_two_date_ranges

    def get_overlap_or_negative(*ranges: datetime) -> int:
        return get_overlap(*ranges) or -1

    vars(rds_utils)["get_overlap_between_two_date_ranges"] = get_overlap_or_negative
