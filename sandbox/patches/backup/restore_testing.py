"""AWS Backup: restore testing plans and their selections."""

from datetime import UTC, datetime
from typing import Any

import moto.backup.urls
from moto.backup.models import BackupBackend
from moto.backup.responses import BackupResponse
from moto.moto_api._internal import mock_random

from sandbox.patches.patching import AwsError, ServicePatch, backend_state

patch = ServicePatch()
ApiRecord = dict[str, Any]
# Defaults of restore testing: AWS Backup API reference, RestoreTestingPlanForCreate.
TESTING_PLAN_DEFAULTS = {"ScheduleExpressionTimezone": "Etc/UTC", "StartWindowHours": 24}
RECOVERY_POINT_DEFAULTS = {"ExcludeVaults": [], "SelectionWindowDays": 30}

patch.add_routes(
    moto.backup.urls,
    BackupResponse,
    "{0}/restore-testing/plans/?$",
    "{0}/restore-testing/plans/(?P<plan>[^/]+)$",
    "{0}/restore-testing/plans/(?P<plan>[^/]+)/selections/?$",
    "{0}/restore-testing/plans/(?P<plan>[^/]+)/selections/(?P<selection>[^/]+)$",
)


def _get_current_time() -> datetime:
    return datetime.now(UTC)


def _get_testing_plans(backend: BackupBackend) -> dict[str, ApiRecord]:
    """Restore testing plans by name, their selections by name under `selections`."""
    return backend_state(backend, "restore_testing", dict)


def _get_testing_plan(response: BackupResponse, name: str) -> ApiRecord:
    plan = _get_testing_plans(response.backup_backend).get(name)
    if plan is None:
        raise AwsError("ResourceNotFoundException", f"Restore testing plan {name} was not found")
    return plan


@patch.add_operation(BackupResponse, "CreateRestoreTestingPlan")
def create_restore_testing_plan(response: BackupResponse, params: ApiRecord) -> ApiRecord:
    backend, definition = response.backup_backend, params["RestoreTestingPlan"]
    name = definition["RestoreTestingPlanName"]
    if name in _get_testing_plans(backend):
        raise AwsError("AlreadyExistsException", f"Restore testing plan {name} already exists")
    arn_prefix = f"arn:{backend.partition}:backup:{backend.region_name}:{backend.account_id}"
    record = {
        **TESTING_PLAN_DEFAULTS,
        **definition,
        "RecoveryPointSelection": {
            **RECOVERY_POINT_DEFAULTS,
            **definition["RecoveryPointSelection"],
        },
        "CreationTime": _get_current_time(),
        "CreatorRequestId": params.get("CreatorRequestId"),
        "RestoreTestingPlanArn": f"{arn_prefix}:restore-testing-plan:{name}-{mock_random.uuid4()}",
        "selections": {},
    }
    _get_testing_plans(backend)[name] = record
    if params.get("Tags"):
        backend.tag_resource(record["RestoreTestingPlanArn"], params["Tags"])
    return record


@patch.add_operation(BackupResponse, "GetRestoreTestingPlan")
def get_restore_testing_plan(response: BackupResponse, params: ApiRecord) -> ApiRecord:
    return {"RestoreTestingPlan": _get_testing_plan(response, params["RestoreTestingPlanName"])}


@patch.add_operation(BackupResponse, "ListRestoreTestingPlans")
def list_restore_testing_plans(response: BackupResponse, _params: ApiRecord) -> ApiRecord:
    return {"RestoreTestingPlans": list(_get_testing_plans(response.backup_backend).values())}


@patch.add_operation(BackupResponse, "UpdateRestoreTestingPlan")
def update_restore_testing_plan(response: BackupResponse, params: ApiRecord) -> ApiRecord:
    record = _get_testing_plan(response, params["RestoreTestingPlanName"])
    changes = dict(params["RestoreTestingPlan"])
    points = changes.pop("RecoveryPointSelection", {})
    record.update(changes, LastUpdateTime=_get_current_time())
    record["RecoveryPointSelection"] = {**record["RecoveryPointSelection"], **points}
    return {**record, "UpdateTime": record["LastUpdateTime"]}


@patch.add_operation(BackupResponse, "DeleteRestoreTestingPlan")
def delete_restore_testing_plan(response: BackupResponse, params: ApiRecord) -> None:
    name = params["RestoreTestingPlanName"]
    if _get_testing_plans(response.backup_backend).get(name, {}).get("selections"):
        raise AwsError(
            "InvalidRequestException",
            f"Restore testing plan {name} has selections, which must be deleted first",
        )
    _get_testing_plans(response.backup_backend).pop(name, None)


@patch.add_operation(BackupResponse, "CreateRestoreTestingSelection")
def create_restore_testing_selection(response: BackupResponse, params: ApiRecord) -> ApiRecord:
    plan = _get_testing_plan(response, params["RestoreTestingPlanName"])
    definition = params["RestoreTestingSelection"]
    name = definition["RestoreTestingSelectionName"]
    if name in plan["selections"]:
        raise AwsError("AlreadyExistsException", f"Restore testing selection {name} already exists")
    record = {
        "ValidationWindowHours": 0,
        **definition,
        "CreationTime": _get_current_time(),
        "CreatorRequestId": params.get("CreatorRequestId"),
        "RestoreTestingPlanName": plan["RestoreTestingPlanName"],
        "RestoreTestingPlanArn": plan["RestoreTestingPlanArn"],
    }
    plan["selections"][name] = record
    return record


def _get_testing_selection(response: BackupResponse, params: ApiRecord) -> ApiRecord:
    plan = _get_testing_plan(response, params["RestoreTestingPlanName"])
    name = params["RestoreTestingSelectionName"]
    if name not in plan["selections"]:
        raise AwsError(
            "ResourceNotFoundException", f"Restore testing selection {name} was not found"
        )
    selection: ApiRecord = plan["selections"][name]
    return selection


@patch.add_operation(BackupResponse, "GetRestoreTestingSelection")
def get_restore_testing_selection(response: BackupResponse, params: ApiRecord) -> ApiRecord:
    return {"RestoreTestingSelection": _get_testing_selection(response, params)}


@patch.add_operation(BackupResponse, "ListRestoreTestingSelections")
def list_restore_testing_selections(response: BackupResponse, params: ApiRecord) -> ApiRecord:
    plan = _get_testing_plan(response, params["RestoreTestingPlanName"])
    return {"RestoreTestingSelections": list(plan["selections"].values())}


@patch.add_operation(BackupResponse, "UpdateRestoreTestingSelection")
def update_restore_testing_selection(response: BackupResponse, params: ApiRecord) -> ApiRecord:
    record = _get_testing_selection(response, params)
    record.update(params["RestoreTestingSelection"], UpdateTime=_get_current_time())
    return record


@patch.add_operation(BackupResponse, "DeleteRestoreTestingSelection")
def delete_restore_testing_selection(response: BackupResponse, params: ApiRecord) -> None:
    record = _get_testing_selection(response, params)
    plan = _get_testing_plan(response, record["RestoreTestingPlanName"])
    del plan["selections"][record["RestoreTestingSelectionName"]]
