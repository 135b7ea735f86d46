"""AWS Backup: selections, vault notifications and policies, plan updates, tags."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import moto.backup.urls
from moto.backup.models import BackupBackend, Plan, Vault
from moto.backup.responses import BackupResponse
from moto.moto_api._internal import mock_random

from sandbox.patches.patching import AwsError, ServicePatch, backend_state

patch = ServicePatch()
ApiRecord = dict[str, Any]

patch.add_routes(
    moto.backup.urls,
    BackupResponse,
    "{0}/backup/plans/(?P<plan>[^/]+)/selections/?$",
    "{0}/backup/plans/(?P<plan>[^/]+)/selections/(?P<selection>[^/]+)$",
    "{0}/backup-vaults/(?P<name>[^/]+)/notification-configuration$",
    "{0}/backup-vaults/(?P<name>[^/]+)/access-policy$",
    "{0}/backup-vaults/(?P<name>[^/]+)/recovery-points/$",  # the server keeps the slash as it is
    "{0}/backup-vaults/(?P<name>[^/]+)/recovery-points$",
)


def _get_current_time() -> datetime:
    return datetime.now(UTC)


def _get_selections(backend: BackupBackend) -> dict[str, ApiRecord]:
    """Selections by id."""
    return backend_state(backend, "selections", dict)


def _get_vault_settings(backend: BackupBackend, setting: str) -> dict[str, ApiRecord]:
    """Notifications or policies, by name of the vault."""
    return backend_state(backend, setting, dict)


def _get_vault(backend: BackupBackend, params: Mapping[str, Any]) -> Vault:
    name = params["BackupVaultName"]
    if name not in backend.vaults:
        raise AwsError("ResourceNotFoundException", f"Backup vault {name} not found in the region")
    return backend.vaults[name]


def _get_plan(backend: BackupBackend, plan_id: str) -> Plan:
    plan = backend.plans.get(plan_id)
    if plan is None or plan.deletion_date is not None:
        raise AwsError(
            "ResourceNotFoundException", "Failed reading Backup plan with provided version"
        )
    return plan


@patch.add_operation(BackupResponse, "CreateBackupSelection")
def create_backup_selection(response: BackupResponse, params: ApiRecord) -> ApiRecord:
    backend = response.backup_backend
    plan = _get_plan(backend, params["BackupPlanId"])
    selection = params["BackupSelection"]
    for other in _get_selections(backend).values():
        has_same_name = other["BackupSelection"]["SelectionName"] == selection["SelectionName"]
        if has_same_name and other["BackupPlanId"] == plan.backup_plan_id:
            raise AwsError(
                "AlreadyExistsException", "Backup selection with the same name already exists"
            )
    record = {
        "SelectionId": str(mock_random.uuid4()),
        "BackupPlanId": plan.backup_plan_id,
        "CreationDate": _get_current_time(),
        "CreatorRequestId": params.get("CreatorRequestId"),
        "BackupSelection": selection,
    }
    _get_selections(backend)[record["SelectionId"]] = record
    return record


def _get_selection(response: BackupResponse, params: ApiRecord) -> ApiRecord:
    record = _get_selections(response.backup_backend).get(params["SelectionId"])
    if record is None or record["BackupPlanId"] != params["BackupPlanId"]:
        raise AwsError(
            "ResourceNotFoundException",
            f"Backup selection with ID {params['SelectionId']} was not found",
        )
    return record


@patch.add_operation(BackupResponse, "GetBackupSelection")
def get_backup_selection(response: BackupResponse, params: ApiRecord) -> ApiRecord:
    return _get_selection(response, params)


@patch.add_operation(BackupResponse, "DeleteBackupSelection")
def delete_backup_selection(response: BackupResponse, params: ApiRecord) -> None:
    del _get_selections(response.backup_backend)[_get_selection(response, params)["SelectionId"]]


@patch.add_operation(BackupResponse, "ListBackupSelections")
def list_backup_selections(response: BackupResponse, params: ApiRecord) -> ApiRecord:
    plan = _get_plan(response.backup_backend, params["BackupPlanId"])
    return {
        "BackupSelectionsList": [
            {**record, **record["BackupSelection"]}
            for record in _get_selections(response.backup_backend).values()
            if record["BackupPlanId"] == plan.backup_plan_id
        ]
    }


@patch.add_operation(BackupResponse, "UpdateBackupPlan")
def update_backup_plan(response: BackupResponse, params: ApiRecord) -> ApiRecord:
    """A new version of the document; the plan keeps its id, its ARN and its selections."""
    backend = response.backup_backend
    plan = _get_plan(backend, params["BackupPlanId"])
    new_plan = Plan(params["BackupPlan"], plan.creator_request_id, backend)
    plan.backup_plan, plan.version_id = new_plan.backup_plan, new_plan.version_id
    plan.advanced_backup_settings = new_plan.advanced_backup_settings
    return plan.to_dict()


@patch.wrap(BackupBackend, "delete_backup_plan")
def delete_backup_plan(original: Any, backend: BackupBackend, backup_plan_id: str) -> Any:
    _get_plan(backend, backup_plan_id)
    if any(s["BackupPlanId"] == backup_plan_id for s in _get_selections(backend).values()):
        raise AwsError(
            "InvalidRequestException",
            "Related backup plan selections must be deleted prior to backup plan deletion",
        )
    return original(backend, backup_plan_id)


@patch.wrap(BackupBackend, "create_backup_plan")
def create_backup_plan(
    original: Any, backend: BackupBackend, backup_plan: ApiRecord, *args: Any, **kwargs: Any
) -> Any:
    """A rule needs its vault; the name of a deleted plan is free again."""
    for rule in backup_plan["Rules"]:
        if rule["TargetBackupVaultName"] not in backend.vaults:
            raise AwsError(
                "InvalidParameterValueException",
                f"Backup vault {rule['TargetBackupVaultName']} does not exist",
            )
    deleted_ids = [key for key, plan in backend.plans.items() if plan.deletion_date is not None]
    for key in deleted_ids:
        del backend.plans[key]
    return original(backend, backup_plan, *args, **kwargs)


def _add_vault_setting_operations(
    setting: str, operation_suffix: str, fields: tuple[str, ...]
) -> None:
    """Put, Get and Delete of a setting of a vault, like BackupVaultNotifications."""

    @patch.add_operation(BackupResponse, f"PutBackupVault{operation_suffix}")
    def put_setting(response: BackupResponse, params: ApiRecord) -> None:
        vault = _get_vault(response.backup_backend, params)
        record = {field: params[field] for field in fields}
        _get_vault_settings(response.backup_backend, setting)[vault.backup_vault_name] = record

    @patch.add_operation(BackupResponse, f"GetBackupVault{operation_suffix}")
    def get(response: BackupResponse, params: ApiRecord) -> ApiRecord:
        vault = _get_vault(response.backup_backend, params)
        record = _get_vault_settings(response.backup_backend, setting).get(vault.backup_vault_name)
        if record is None:
            raise AwsError(
                "ResourceNotFoundException",
                f"Failed reading {setting} of Backup vault {vault.backup_vault_name}",
            )
        return {
            "BackupVaultName": vault.backup_vault_name,
            "BackupVaultArn": vault.backup_vault_arn,
            **record,
        }

    @patch.add_operation(BackupResponse, f"DeleteBackupVault{operation_suffix}")
    def delete(response: BackupResponse, params: ApiRecord) -> None:
        vault = _get_vault(response.backup_backend, params)
        _get_vault_settings(response.backup_backend, setting).pop(vault.backup_vault_name, None)


_add_vault_setting_operations(
    "notifications", "Notifications", ("SNSTopicArn", "BackupVaultEvents")
)
_add_vault_setting_operations("policy", "AccessPolicy", ("Policy",))


@patch.add_operation(BackupResponse, "ListRecoveryPointsByBackupVault")
def list_recovery_points_by_backup_vault(response: BackupResponse, params: ApiRecord) -> ApiRecord:
    """Those that were put there: nothing in the sandbox is backed up by AWS Backup."""
    vault = _get_vault(response.backup_backend, params)
    points = get_recovery_points(response.backup_backend, vault.backup_vault_name)
    after, before = params.get("ByCreatedAfter"), params.get("ByCreatedBefore")
    return {
        "RecoveryPoints": [
            point
            for point in points
            if (after is None or point["CreationDate"] >= _parse_time(after))
            and (before is None or point["CreationDate"] <= _parse_time(before))
        ]
    }


def get_recovery_points(backend: BackupBackend, vault: str) -> list[ApiRecord]:
    """The recovery points of a vault, which a test may add to, as the API has them."""
    points: dict[str, list[ApiRecord]] = backend_state(backend, "recovery_points", dict)
    return points.setdefault(vault, [])


def _parse_time(text: object) -> float:
    """Seconds since the epoch, as responses have times."""
    return datetime.fromisoformat(str(text).replace("Z", "+00:00")).timestamp()


@patch.wrap(BackupBackend, "delete_backup_vault")
def delete_backup_vault(original: Any, backend: BackupBackend, backup_vault_name: str) -> Any:
    for setting in ("notifications", "policy"):
        _get_vault_settings(backend, setting).pop(backup_vault_name, None)
    return original(backend, backup_vault_name)


@patch.replace_operation(BackupResponse, "ListTags")
def list_backup_tags(response: BackupResponse, params: ApiRecord) -> ApiRecord:
    """moto takes the ARN from a path that has to end in a slash."""
    return {"Tags": response.backup_backend.list_tags(params["ResourceArn"])}


@patch.replace_operation(BackupResponse, "TagResource")
def tag_backup_resource(response: BackupResponse, params: ApiRecord) -> None:
    response.backup_backend.tag_resource(params["ResourceArn"], params["Tags"])


@patch.replace_operation(BackupResponse, "UntagResource")
def untag_backup_resource(response: BackupResponse, params: ApiRecord) -> None:
    response.backup_backend.untag_resource(params["ResourceArn"], params["TagKeyList"])
