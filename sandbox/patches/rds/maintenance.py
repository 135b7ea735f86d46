"""RDS: maintenance windows, pending maintenance, and the expiry of a server's certificate."""

from datetime import UTC, datetime, timedelta
from typing import Any

from moto.rds import utils as rds_utils
from moto.rds.models import DBInstance, Event, RDSBackend, rds_backends
from moto.rds.responses import RDSResponse

from ops.maintenance.pending import find_next_window_start
from sandbox.clock import get_sandbox_clock, is_in_future
from sandbox.patches.patching import AwsError, ServicePatch, backend_state
from sandbox.patches.rds.given_up import give_up
from sandbox.patches.rds.instances import start_phases
from sandbox.patches.rds.reboots import add_later_event, fail_over_until
from sandbox.patches.rds.states import STEADY_STATES, require_state
from sandbox.patches.rds.versions import SANDBOX_POSTGRES_VERSIONS

patch = ServicePatch()
ApiRecord = dict[str, Any]
# Assumption: a server's certificate holds for a year and is replaced when half of it is over, as
# RDS does for authorities that rotate by themselves (RDS User Guide, "Using SSL/TLS").
CERTIFICATE_VALIDITY = timedelta(days=365)
MAINTENANCE_SECONDS = 10 * 60  # simulated: an assumption, AWS gives no figure
_END_KEY = "sandbox_end"
# RDS-EVENT-0026 and -0027: RDS User Guide, "Amazon RDS event categories and event messages".
MAINTENANCE_EVENTS = {
    "MAINTENANCE_START": "Applying off-line patches to the DB instance.",
    "MAINTENANCE_FINISH": "Finished applying off-line patches to the DB instance.",
}


def _get_pending_actions(backend: RDSBackend) -> dict[str, list[ApiRecord]]:
    """Actions by the ARN of what they are for."""
    return backend_state(backend, "maintenance", dict)


def announce_maintenance(account: str, region: str, arn: str, action: ApiRecord) -> None:
    """Lets AWS announce maintenance: `action` as the API has it."""
    _get_pending_actions(rds_backends[account][region]).setdefault(arn, []).append(action)


def announce_system_update(arn: str) -> None:
    """Announces an update of the system without a date, as AWS has one for most instances."""
    _, _, _, region, account, *_ = arn.split(":")
    description = "New Operating System update is available"
    announce_maintenance(
        account, region, arn, {"Action": "system-update", "Description": description}
    )


@patch.add_operation(RDSResponse, "DescribePendingMaintenanceActions")
def describe_pending_maintenance_actions(response: RDSResponse, params: ApiRecord) -> ApiRecord:
    identifier = params.get("ResourceIdentifier")
    pending = _get_pending_actions(response.backend)
    _start_due_actions(response.backend, pending)
    return {
        "PendingMaintenanceActions": [
            _format_resource(arn, actions)
            for arn, actions in pending.items()
            if actions and identifier in (None, arn)
        ]
    }


@patch.add_operation(RDSResponse, "ApplyPendingMaintenanceAction")
def apply_pending_maintenance_action(response: RDSResponse, params: ApiRecord) -> ApiRecord:
    """Opts in to an action, now or in the next window, or out again.

    API reference, ApplyPendingMaintenanceAction; the words of its errors are assumed.
    """
    arn, opt_in = params["ResourceIdentifier"], params["OptInType"]
    pending = _get_pending_actions(response.backend)
    _start_due_actions(response.backend, pending)
    instance = _find_instance(response.backend, arn)
    action = next((a for a in pending.get(arn, ()) if a["Action"] == params["ApplyAction"]), None)
    if instance is None or action is None:
        raise AwsError("ResourceNotFoundFault", f"There is no pending action of {arn}.")
    if opt_in not in ("immediate", "next-maintenance", "undo-opt-in"):
        raise AwsError("InvalidParameterValue", f"Invalid OptInType: {opt_in}")
    if action.get("OptInStatus") == "immediate":
        raise AwsError("InvalidDBInstanceState", "The action is being applied.")
    if opt_in == "immediate":
        require_state(instance, *STEADY_STATES)
    action.pop("OptInStatus", None)
    action.pop("CurrentApplyDate", None)
    if opt_in != "undo-opt-in":
        now = get_sandbox_clock().now()
        window_start = find_next_window_start(instance.preferred_maintenance_window or "", now)
        action["OptInStatus"] = opt_in
        action["CurrentApplyDate"] = now if opt_in == "immediate" else window_start
    if opt_in == "immediate":
        _start_action(instance, action)
    return {"ResourcePendingMaintenanceActions": _format_resource(arn, pending[arn])}


def _format_resource(arn: str, actions: list[ApiRecord]) -> ApiRecord:
    details = [{key: v for key, v in action.items() if key != _END_KEY} for action in actions]
    return {"ResourceIdentifier": arn, "PendingMaintenanceActionDetails": details}


def _find_instance(backend: RDSBackend, arn: str) -> DBInstance | None:
    return next((i for i in backend.databases.values() if i.db_instance_arn == arn), None)


def _start_due_actions(backend: RDSBackend, pending: dict[str, list[ApiRecord]]) -> None:
    """Begins what was chosen for a window that has opened; forgets what has ended."""
    for arn, actions in pending.items():
        instance = _find_instance(backend, arn)
        for action in actions:
            due = action.get("CurrentApplyDate")
            is_chosen = action.get("OptInStatus") == "next-maintenance"
            if instance is not None and is_chosen and due is not None and not is_in_future(due):
                action["OptInStatus"] = "immediate"
                _start_action(instance, action)
        actions[:] = [a for a in actions if _END_KEY not in a or is_in_future(a[_END_KEY])]


def _start_action(instance: DBInstance, action: ApiRecord) -> None:
    """Puts the instance through an action; an engine upgrade takes the newest minor version."""
    is_upgrade = action["Action"] == "db-upgrade"
    if is_upgrade and getattr(instance, "sandbox_gives_up", None) == "upgrade":
        give_up(instance, "upgrade", "upgrading")  # it stays pending: an assumption
        action.pop("OptInStatus")
        return
    action[_END_KEY] = get_sandbox_clock().get_completion_time(MAINTENANCE_SECONDS)
    start_phases(instance, ("upgrading" if is_upgrade else "maintenance", MAINTENANCE_SECONDS))
    add_later_event(instance, "MAINTENANCE_START")
    add_later_event(instance, "MAINTENANCE_FINISH", MAINTENANCE_SECONDS)
    if is_upgrade:
        major = str(instance.engine_version).partition(".")[0]
        minors = [v for v in SANDBOX_POSTGRES_VERSIONS if v.partition(".")[0] == major]
        instance.engine_version = minors[-1] if minors else instance.engine_version
    elif instance.multi_az and action["Action"] != "ca-certificate-rotation":
        fail_over_until(instance, MAINTENANCE_SECONDS)


@patch.add_change
def add_maintenance_events() -> None:
    for name, message in MAINTENANCE_EVENTS.items():
        Event.EVENT_MAP[name] = {"Categories": ["maintenance"], "Message": message}


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
