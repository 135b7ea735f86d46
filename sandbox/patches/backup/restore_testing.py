"""AWS Backup: restore testing plans and their selections."""

from datetime import UTC, datetime
from typing import Any

import moto.backup.urls
from moto.backup.models import BackupBackend
from moto.backup.responses import BackupResponse
from moto.moto_api._internal import mock_random

from sandbox.patches.patching import Mend, Refused, kept

mend = Mend()
Record = dict[str, Any]
# Defaults of restore testing: AWS Backup API reference, RestoreTestingPlanForCreate.
TESTING_PLAN = {"ScheduleExpressionTimezone": "Etc/UTC", "StartWindowHours": 24}
POINTS = {"ExcludeVaults": [], "SelectionWindowDays": 30}

mend.routes(
    moto.backup.urls,
    BackupResponse,
    "{0}/restore-testing/plans/?$",
    "{0}/restore-testing/plans/(?P<plan>[^/]+)$",
    "{0}/restore-testing/plans/(?P<plan>[^/]+)/selections/?$",
    "{0}/restore-testing/plans/(?P<plan>[^/]+)/selections/(?P<selection>[^/]+)$",
)


def _now() -> datetime:
    return datetime.now(UTC)


def _tests(backend: BackupBackend) -> dict[str, Record]:
    """Restore testing plans by name, their selections by name under `selections`."""
    return kept(backend, "restore_testing", dict)


def _testing_plan(response: BackupResponse, name: str) -> Record:
    found = _tests(response.backup_backend).get(name)
    if found is None:
        raise Refused("ResourceNotFoundException", f"Restore testing plan {name} was not found")
    return found


@mend.operation(BackupResponse, "CreateRestoreTestingPlan")
def create_testing_plan(response: BackupResponse, params: Record) -> Record:
    backend, wanted = response.backup_backend, params["RestoreTestingPlan"]
    name = wanted["RestoreTestingPlanName"]
    if name in _tests(backend):
        raise Refused("AlreadyExistsException", f"Restore testing plan {name} already exists")
    where = f"arn:{backend.partition}:backup:{backend.region_name}:{backend.account_id}"
    record = {
        **TESTING_PLAN,
        **wanted,
        "RecoveryPointSelection": {**POINTS, **wanted["RecoveryPointSelection"]},
        "CreationTime": _now(),
        "CreatorRequestId": params.get("CreatorRequestId"),
        "RestoreTestingPlanArn": f"{where}:restore-testing-plan:{name}-{mock_random.uuid4()}",
        "selections": {},
    }
    _tests(backend)[name] = record
    if params.get("Tags"):
        backend.tag_resource(record["RestoreTestingPlanArn"], params["Tags"])
    return record


@mend.operation(BackupResponse, "GetRestoreTestingPlan")
def get_testing_plan(response: BackupResponse, params: Record) -> Record:
    return {"RestoreTestingPlan": _testing_plan(response, params["RestoreTestingPlanName"])}


@mend.operation(BackupResponse, "ListRestoreTestingPlans")
def list_testing_plans(response: BackupResponse, _params: Record) -> Record:
    return {"RestoreTestingPlans": list(_tests(response.backup_backend).values())}


@mend.operation(BackupResponse, "UpdateRestoreTestingPlan")
def update_testing_plan(response: BackupResponse, params: Record) -> Record:
    record = _testing_plan(response, params["RestoreTestingPlanName"])
    changes = dict(params["RestoreTestingPlan"])
    points = changes.pop("RecoveryPointSelection", {})
    record.update(changes, LastUpdateTime=_now())
    record["RecoveryPointSelection"] = {**record["RecoveryPointSelection"], **points}
    return {**record, "UpdateTime": record["LastUpdateTime"]}


@mend.operation(BackupResponse, "DeleteRestoreTestingPlan")
def delete_testing_plan(response: BackupResponse, params: Record) -> None:
    name = params["RestoreTestingPlanName"]
    if _tests(response.backup_backend).get(name, {}).get("selections"):
        raise Refused(
            "InvalidRequestException",
            f"Restore testing plan {name} has selections, which must be deleted first",
        )
    _tests(response.backup_backend).pop(name, None)


@mend.operation(BackupResponse, "CreateRestoreTestingSelection")
def create_testing_selection(response: BackupResponse, params: Record) -> Record:
    plan = _testing_plan(response, params["RestoreTestingPlanName"])
    wanted = params["RestoreTestingSelection"]
    name = wanted["RestoreTestingSelectionName"]
    if name in plan["selections"]:
        raise Refused("AlreadyExistsException", f"Restore testing selection {name} already exists")
    record = {
        "ValidationWindowHours": 0,
        **wanted,
        "CreationTime": _now(),
        "CreatorRequestId": params.get("CreatorRequestId"),
        "RestoreTestingPlanName": plan["RestoreTestingPlanName"],
        "RestoreTestingPlanArn": plan["RestoreTestingPlanArn"],
    }
    plan["selections"][name] = record
    return record


def _testing_selection(response: BackupResponse, params: Record) -> Record:
    plan = _testing_plan(response, params["RestoreTestingPlanName"])
    name = params["RestoreTestingSelectionName"]
    if name not in plan["selections"]:
        raise Refused(
            "ResourceNotFoundException", f"Restore testing selection {name} was not found"
        )
    found: Record = plan["selections"][name]
    return found


@mend.operation(BackupResponse, "GetRestoreTestingSelection")
def get_testing_selection(response: BackupResponse, params: Record) -> Record:
    return {"RestoreTestingSelection": _testing_selection(response, params)}


@mend.operation(BackupResponse, "ListRestoreTestingSelections")
def list_testing_selections(response: BackupResponse, params: Record) -> Record:
    plan = _testing_plan(response, params["RestoreTestingPlanName"])
    return {"RestoreTestingSelections": list(plan["selections"].values())}


@mend.operation(BackupResponse, "UpdateRestoreTestingSelection")
def update_testing_selection(response: BackupResponse, params: Record) -> Record:
    record = _testing_selection(response, params)
    record.update(params["RestoreTestingSelection"], UpdateTime=_now())
    return record


@mend.operation(BackupResponse, "DeleteRestoreTestingSelection")
def delete_testing_selection(response: BackupResponse, params: Record) -> None:
    record = _testing_selection(response, params)
    plan = _testing_plan(response, record["RestoreTestingPlanName"])
    del plan["selections"][record["RestoreTestingSelectionName"]]
