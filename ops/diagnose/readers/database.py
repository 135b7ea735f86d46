"""What RDS says of the instances: status, events, what is pending, and their metrics."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from ops.core.times import parse_aws_time
from ops.database.event_list import list_database_events
from ops.database.health import DB_INSTANCES_API
from ops.database.pending_actions import PENDING_ACTIONS_API
from ops.database.statuses import SERVING_STATUSES, get_status_meaning
from ops.diagnose.facts import Facts
from ops.diagnose.reader import DiagnosisRequest, FactCollector
from ops.diagnose.readers.database_events import add_database_events
from ops.diagnose.readers.database_metrics import add_database_metrics
from ops.fleet.model import list_read_items
from ops.outputs import Outputs

_SOURCE: Final = "database"
_DATABASE_PART: Final = "database"
_STATUS_COMMAND: Final = "ops db status"
# Maintenance that AWS carries out by itself within so many hours is said. Assumed.
_SOON_MAINTENANCE: Final = timedelta(hours=24)
# Statuses that only say that something is being done: it may be why the database does not serve.
_KEY_STATUS_PREFIX: Final = "inaccessible-encryption-credentials"


def read_database(request: DiagnosisRequest) -> Facts:
    """The facts of RDS about the primary and its replicas."""
    collector = FactCollector(_SOURCE)
    with collector.note_gap("events of the database", _DATABASE_PART):
        rows = list_database_events(request.aws, request.outputs, request.span, request.now)
        add_database_events(collector, rows)
    items: list[Any] = []
    with collector.note_gap("the state of the database's instances", _DATABASE_PART):
        items = list_instances(request)
        if request.is_past:
            collector.note_reason(
                "RDS knows the instances' states of now only: they are left out with --at",
                _DATABASE_PART,
                is_failure=False,
            )
        else:
            add_instance_facts(collector, request.outputs, items, request.now)
    if not request.is_past:
        with collector.note_gap("pending maintenance", _DATABASE_PART):
            actions = list_read_items(
                request.aws, PENDING_ACTIONS_API, "PendingMaintenanceActions", {}
            )
            add_maintenance_facts(collector, list(actions), items, request.now)
    with collector.note_gap("metrics of the database", _DATABASE_PART):
        add_database_metrics(collector, request, items)
    return collector.build_facts()


def list_instances(request: DiagnosisRequest) -> list[Any]:
    """The primary and its replicas, as RDS describes them; those that are gone are not among them.

    Replicas of `ops db replica add` are named by the primary.
    """
    database = request.outputs.database
    names = [database.identifier, *database.replicas]
    params: dict[str, Any] = {"Filters": [{"Name": "db-instance-id", "Values": names}]}
    return list(list_read_items(request.aws, DB_INSTANCES_API, "DBInstances", params))


def add_instance_facts(
    collector: FactCollector, outputs: Outputs, items: list[Any], now: datetime
) -> None:
    """Adds what an instance's description says is wrong with it."""
    database = outputs.database
    by_name: dict[str, Mapping[str, Any]] = {item["DBInstanceIdentifier"]: item for item in items}
    for name in (database.identifier, *database.replicas):
        item = by_name.get(name)
        if item is None:
            collector.add(
                "rds.gone",
                _DATABASE_PART,
                f"there is no DB instance {name}",
                subject=name,
                command="ops recover list",
            )
            continue
        _add_status(collector, name, str(item["DBInstanceStatus"]))
        _add_pending(collector, name, item, now)
        for info in item.get("StatusInfos") or ():
            if not info.get("Normal", True):
                collector.add(
                    "rds.replication.stopped",
                    _DATABASE_PART,
                    f"replication of {name} is {info.get('Status')}: {info.get('Message') or ''}",
                    subject=name,
                    command=_STATUS_COMMAND,
                )
        if name == database.identifier and database.multi_az and not item.get("MultiAZ"):
            collector.add(
                "rds.no-standby",
                _DATABASE_PART,
                f"{name} has no standby, which the stack's settings have",
                subject=name,
                command=_STATUS_COMMAND,
            )


def _add_status(collector: FactCollector, name: str, status: str) -> None:
    if status.startswith(_KEY_STATUS_PREFIX):
        key = "rds.status.key-inaccessible"
    elif status in SERVING_STATUSES:
        if status in ("available", "backing-up", "storage-optimization"):
            return
        key = f"rds.serving.{status}"
    else:
        key = f"rds.status.{status}"
    meaning = get_status_meaning(status)
    advice = f" ({meaning.advice})" if key.startswith("rds.status") and meaning.advice else ""
    collector.add(
        key, _DATABASE_PART, f"{name} is {status}{advice}", subject=name, command=_STATUS_COMMAND
    )


def _add_pending(
    collector: FactCollector, name: str, item: Mapping[str, Any], now: datetime
) -> None:
    """Parameters that wait for a restart: RDS User Guide, "Working with DB parameter groups"."""
    for group in item.get("DBParameterGroups") or ():
        status = str(group.get("ParameterApplyStatus"))
        if status not in ("in-sync", "applying"):
            collector.add(
                f"rds.parameters.{status}",
                _DATABASE_PART,
                f"{name}: parameter group {group.get('DBParameterGroupName')} is {status}",
                subject=name,
                command="ops db parameters",
            )
    pending = item.get("PendingModifiedValues") or {}
    if pending:
        names = ", ".join(sorted(pending))
        collector.add(
            "rds.changes-pending",
            _DATABASE_PART,
            f"{name} has changes that wait for its maintenance window: {names}",
            subject=name,
            command=_STATUS_COMMAND,
        )
    certificate = item.get("CertificateDetails") or {}
    if certificate.get("ValidTill"):
        expiry = parse_aws_time(certificate["ValidTill"])
        if expiry <= now:
            collector.add(
                "rds.certificate.expired",
                _DATABASE_PART,
                f"the certificate of {name}, of {certificate.get('CAIdentifier')}, expired on "
                f"{expiry:%Y-%m-%d}",
                since=expiry,
                subject=name,
                command=_STATUS_COMMAND,
            )


def add_maintenance_facts(
    collector: FactCollector, actions: list[Any], items: list[Any], now: datetime
) -> None:
    """Adds maintenance that AWS carries out now or soon."""
    names = {str(item.get("DBInstanceArn")): item["DBInstanceIdentifier"] for item in items}
    for resource in actions:
        name = names.get(str(resource.get("ResourceIdentifier")))
        for action in resource.get("PendingMaintenanceActionDetails") or () if name else ():
            due = min(
                (
                    parse_aws_time(action[key])
                    for key in ("ForcedApplyDate", "AutoAppliedAfterDate", "CurrentApplyDate")
                    if action.get(key)
                ),
                default=None,
            )
            if action.get("OptInStatus") in ("immediate", "in-progress"):
                key = "rds.maintenance.under-way"
            elif due is not None and due <= now + _SOON_MAINTENANCE:
                key = "rds.maintenance.soon"
            else:
                continue
            collector.add(
                key,
                _DATABASE_PART,
                f"maintenance of {name}: {action.get('Action')}"
                + (f", due {due:%Y-%m-%d %H:%M} UTC" if due else ""),
                since=due if due is not None and due <= now else None,
                subject=str(name),
                command=_STATUS_COMMAND,
            )
