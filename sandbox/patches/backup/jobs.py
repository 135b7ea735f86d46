"""AWS Backup: jobs that somebody starts, and the resources that have a recovery point.

A job is done at once: that it takes its time is left out.
"""

from typing import Any

import moto.backup.urls
from moto.backup.models import BackupBackend
from moto.backup.responses import BackupResponse
from moto.moto_api._internal import mock_random

from sandbox.clock import get_sandbox_clock
from sandbox.patches.backup.plans import get_recovery_points
from sandbox.patches.patching import AwsError, ServicePatch

patch = ServicePatch()
ApiRecord = dict[str, Any]

patch.add_routes(moto.backup.urls, BackupResponse, "{0}/backup-jobs/?$", "{0}/resources/?$")


@patch.add_operation(BackupResponse, "StartBackupJob")
def start_backup_job(response: BackupResponse, params: ApiRecord) -> ApiRecord:
    backend: BackupBackend = response.backup_backend
    vault, resource = str(params["BackupVaultName"]), str(params["ResourceArn"])
    if vault not in backend.vaults:
        raise AwsError("ResourceNotFoundException", f"Backup vault {vault} not found in the region")
    now = get_sandbox_clock().now().timestamp()
    job = str(mock_random.uuid4())
    arn = f"arn:aws:backup:{backend.region_name}:{backend.account_id}:recovery-point:{job}"
    get_recovery_points(backend, vault).append(
        {
            "RecoveryPointArn": arn,
            "BackupVaultName": vault,
            "ResourceArn": resource,
            "CreationDate": now,
            "Status": "COMPLETED",
        }
    )
    return {"BackupJobId": job, "RecoveryPointArn": arn, "CreationDate": now}


@patch.add_operation(BackupResponse, "ListProtectedResources")
def list_protected_resources(response: BackupResponse, _: ApiRecord) -> ApiRecord:
    """Each resource with its last recovery point, whatever vault it is in (API reference)."""
    backend: BackupBackend = response.backup_backend
    newest: dict[str, float] = {}
    for vault in backend.vaults:
        for point in get_recovery_points(backend, vault):
            resource = str(point.get("ResourceArn") or "")
            created = float(point["CreationDate"])
            newest[resource] = max(created, newest.get(resource, created))
    return {
        "Results": [
            {"ResourceArn": resource, "LastBackupTime": created}
            for resource, created in sorted(newest.items())
            if resource
        ]
    }
