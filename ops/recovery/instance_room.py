"""Whether RDS has room for one more database and its storage, as RDS itself says."""

from typing import Any, Final

from ops.core.aws import Aws
from ops.core.counts import format_amount
from ops.core.credentials import CALL_ERRORS
from ops.core.errors import CredentialsError, OpsError
from ops.core.plan import Plan

INSTANCE_QUOTA_NAME: Final = "DBInstances"
STORAGE_QUOTA_NAME: Final = "AllocatedStorage"  # GiB of all instances
# Codes in Service Quotas, by RDS's own names (ops/quotas/table.py).
_REQUEST_COMMANDS: Final = {INSTANCE_QUOTA_NAME: "L-7B6409FD", STORAGE_QUOTA_NAME: "L-7ADDB58A"}


def read_room_notes(aws: Aws, region: str, storage_gib: float | None) -> tuple[str, ...]:
    """What a plan of a restore says of RDS's quotas: nothing if one more database fits.

    Raises OpsError if it certainly does not. What RDS does not say is noted, and stops nothing:
    RDS itself refuses a restore that is beyond a quota.
    """
    try:
        response: Any = aws.call("rds.describe_account_attributes", {}, region)
    except CredentialsError:
        raise
    except (OpsError, *CALL_ERRORS) as error:
        return (f"Whether RDS has room for one more database in {region} is not known: {error}",)
    quotas = {quota["AccountQuotaName"]: quota for quota in response.get("AccountQuotas") or ()}
    notes: list[str] = []
    for name, more, what in (
        (INSTANCE_QUOTA_NAME, 1.0, "DB instances"),
        (STORAGE_QUOTA_NAME, storage_gib, "GiB of storage"),
    ):
        if name not in quotas or more is None:
            if name == INSTANCE_QUOTA_NAME:
                notes.append(f"RDS does not say how many databases {region} may have.")
            continue
        used, limit = float(quotas[name]["Used"]), float(quotas[name]["Max"])
        if used + more > limit:
            raise OpsError(
                f"the account has {format_amount(used)} {what} in {region} and needs "
                f"{format_amount(more)} more, of {format_amount(limit)}, its full quota: delete "
                "one, or request more",
                f"ops quotas request {_REQUEST_COMMANDS[name]} "
                f"--value {format_amount(used + more)} --in {region}",
            )
    return tuple(notes)


def add_notes(plan: Plan, notes: tuple[str, ...]) -> Plan:
    """The plan with more notes; they are part of what is agreed to."""
    return plan.model_copy(update={"notes": (*plan.notes, *notes)}) if notes else plan
