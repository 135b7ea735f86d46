"""AWS Backup: selections, vault notifications and policies, plan updates, tags."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import moto.backup.urls
from moto.backup.models import BackupBackend, Plan, Vault
from moto.backup.responses import BackupResponse
from moto.moto_api._internal import mock_random

from sandbox.patches.patching import Mend, Refused, kept

mend = Mend()
Record = dict[str, Any]

mend.routes(
    moto.backup.urls,
    BackupResponse,
    "{0}/backup/plans/(?P<plan>[^/]+)/selections/?$",
    "{0}/backup/plans/(?P<plan>[^/]+)/selections/(?P<selection>[^/]+)$",
    "{0}/backup-vaults/(?P<name>[^/]+)/notification-configuration$",
    "{0}/backup-vaults/(?P<name>[^/]+)/access-policy$",
    "{0}/backup-vaults/(?P<name>[^/]+)/recovery-points/$",  # the server keeps the slash as it is
    "{0}/backup-vaults/(?P<name>[^/]+)/recovery-points$",
)


def _now() -> datetime:
    return datetime.now(UTC)


def _selections(backend: BackupBackend) -> dict[str, Record]:
    """Selections by id."""
    return kept(backend, "selections", dict)


def _of_vaults(backend: BackupBackend, what: str) -> dict[str, Record]:
    """Notifications or policies, by name of the vault."""
    return kept(backend, what, dict)


def _vault(backend: BackupBackend, params: Mapping[str, Any]) -> Vault:
    name = params["BackupVaultName"]
    if name not in backend.vaults:
        raise Refused("ResourceNotFoundException", f"Backup vault {name} not found in the region")
    return backend.vaults[name]


def _plan(backend: BackupBackend, plan_id: str) -> Plan:
    plan = backend.plans.get(plan_id)
    if plan is None or plan.deletion_date is not None:
        raise Refused(
            "ResourceNotFoundException", "Failed reading Backup plan with provided version"
        )
    return plan


@mend.operation(BackupResponse, "CreateBackupSelection")
def create_selection(response: BackupResponse, params: Record) -> Record:
    backend = response.backup_backend
    plan = _plan(backend, params["BackupPlanId"])
    wanted = params["BackupSelection"]
    for other in _selections(backend).values():
        same = other["BackupSelection"]["SelectionName"] == wanted["SelectionName"]
        if same and other["BackupPlanId"] == plan.backup_plan_id:
            raise Refused(
                "AlreadyExistsException", "Backup selection with the same name already exists"
            )
    record = {
        "SelectionId": str(mock_random.uuid4()),
        "BackupPlanId": plan.backup_plan_id,
        "CreationDate": _now(),
        "CreatorRequestId": params.get("CreatorRequestId"),
        "BackupSelection": wanted,
    }
    _selections(backend)[record["SelectionId"]] = record
    return record


def _selection(response: BackupResponse, params: Record) -> Record:
    record = _selections(response.backup_backend).get(params["SelectionId"])
    if record is None or record["BackupPlanId"] != params["BackupPlanId"]:
        raise Refused(
            "ResourceNotFoundException",
            f"Backup selection with ID {params['SelectionId']} was not found",
        )
    return record


@mend.operation(BackupResponse, "GetBackupSelection")
def get_selection(response: BackupResponse, params: Record) -> Record:
    return _selection(response, params)


@mend.operation(BackupResponse, "DeleteBackupSelection")
def delete_selection(response: BackupResponse, params: Record) -> None:
    del _selections(response.backup_backend)[_selection(response, params)["SelectionId"]]


@mend.operation(BackupResponse, "ListBackupSelections")
def list_selections(response: BackupResponse, params: Record) -> Record:
    plan = _plan(response.backup_backend, params["BackupPlanId"])
    return {
        "BackupSelectionsList": [
            {**record, **record["BackupSelection"]}
            for record in _selections(response.backup_backend).values()
            if record["BackupPlanId"] == plan.backup_plan_id
        ]
    }


@mend.operation(BackupResponse, "UpdateBackupPlan")
def update_plan(response: BackupResponse, params: Record) -> Record:
    """A new version of the document; the plan keeps its id, its ARN and its selections."""
    backend = response.backup_backend
    plan = _plan(backend, params["BackupPlanId"])
    new = Plan(params["BackupPlan"], plan.creator_request_id, backend)
    plan.backup_plan, plan.version_id = new.backup_plan, new.version_id
    plan.advanced_backup_settings = new.advanced_backup_settings
    return plan.to_dict()


@mend.around(BackupBackend, "delete_backup_plan")
def delete_plan(original: Any, backend: BackupBackend, backup_plan_id: str) -> Any:
    _plan(backend, backup_plan_id)
    if any(s["BackupPlanId"] == backup_plan_id for s in _selections(backend).values()):
        raise Refused(
            "InvalidRequestException",
            "Related backup plan selections must be deleted prior to backup plan deletion",
        )
    return original(backend, backup_plan_id)


@mend.around(BackupBackend, "create_backup_plan")
def create_plan(
    original: Any, backend: BackupBackend, backup_plan: Record, *args: Any, **kwargs: Any
) -> Any:
    """A rule needs its vault; the name of a deleted plan is free again."""
    for rule in backup_plan["Rules"]:
        if rule["TargetBackupVaultName"] not in backend.vaults:
            raise Refused(
                "InvalidParameterValueException",
                f"Backup vault {rule['TargetBackupVaultName']} does not exist",
            )
    gone = [key for key, plan in backend.plans.items() if plan.deletion_date is not None]
    for key in gone:
        del backend.plans[key]
    return original(backend, backup_plan, *args, **kwargs)


def _vault_setting(what: str, words: str, fields: tuple[str, ...]) -> None:
    """Put, Get and Delete of a setting of a vault, like BackupVaultNotifications."""

    @mend.operation(BackupResponse, f"PutBackupVault{words}")
    def put(response: BackupResponse, params: Record) -> None:
        vault = _vault(response.backup_backend, params)
        record = {field: params[field] for field in fields}
        _of_vaults(response.backup_backend, what)[vault.backup_vault_name] = record

    @mend.operation(BackupResponse, f"GetBackupVault{words}")
    def get(response: BackupResponse, params: Record) -> Record:
        vault = _vault(response.backup_backend, params)
        found = _of_vaults(response.backup_backend, what).get(vault.backup_vault_name)
        if found is None:
            raise Refused(
                "ResourceNotFoundException",
                f"Failed reading {what} of Backup vault {vault.backup_vault_name}",
            )
        return {
            "BackupVaultName": vault.backup_vault_name,
            "BackupVaultArn": vault.backup_vault_arn,
            **found,
        }

    @mend.operation(BackupResponse, f"DeleteBackupVault{words}")
    def delete(response: BackupResponse, params: Record) -> None:
        vault = _vault(response.backup_backend, params)
        _of_vaults(response.backup_backend, what).pop(vault.backup_vault_name, None)


_vault_setting("notifications", "Notifications", ("SNSTopicArn", "BackupVaultEvents"))
_vault_setting("policy", "AccessPolicy", ("Policy",))


@mend.operation(BackupResponse, "ListRecoveryPointsByBackupVault")
def list_recovery_points(response: BackupResponse, params: Record) -> Record:
    """None: nothing in the sandbox backs up by AWS Backup yet."""
    _vault(response.backup_backend, params)
    return {"RecoveryPoints": []}


@mend.around(BackupBackend, "delete_backup_vault")
def delete_vault(original: Any, backend: BackupBackend, backup_vault_name: str) -> Any:
    for what in ("notifications", "policy"):
        _of_vaults(backend, what).pop(backup_vault_name, None)
    return original(backend, backup_vault_name)


@mend.operation(BackupResponse, "ListTags")
def list_tags(response: BackupResponse, params: Record) -> Record:
    """moto takes the ARN from a path that has to end in a slash."""
    return {"Tags": response.backup_backend.list_tags(params["ResourceArn"])}


@mend.operation(BackupResponse, "TagResource")
def tag(response: BackupResponse, params: Record) -> None:
    response.backup_backend.tag_resource(params["ResourceArn"], params["Tags"])


@mend.operation(BackupResponse, "UntagResource")
def untag(response: BackupResponse, params: Record) -> None:
    response.backup_backend.untag_resource(params["ResourceArn"], params["TagKeyList"])
