"""Settings that must be copied to a replica or a restored instance, and how two instances differ.

RDS gives a replica or a restored instance its own defaults for most settings. Each table maps the
parameter of a call to the path of its value in a description by RDS.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import JsonValue

from ops.core.plan import JsonObject, lookup
from ops.database.instance import parse_tags
from ops.outputs import Outputs

# GiB from which RDS accepts IOPS and throughput for gp3. Below that it shows both but rejects them.
# Source: RDS User Guide, "Amazon RDS DB instance storage", gp3.
MIN_GP3_PROVISIONED_GIB: Final = 400
COMMON_INSTANCE_SETTINGS: Final[Mapping[str, str]] = {
    "Port": "Endpoint.Port",
    "AutoMinorVersionUpgrade": "AutoMinorVersionUpgrade",
    "DBParameterGroupName": "DBParameterGroups[0].DBParameterGroupName",
    "VpcSecurityGroupIds": "VpcSecurityGroups[].VpcSecurityGroupId",
    "StorageType": "StorageType",
    "Iops": "Iops",
    "StorageThroughput": "StorageThroughput",
    "MaxAllocatedStorage": "MaxAllocatedStorage",
    "EnableIAMDatabaseAuthentication": "IAMDatabaseAuthenticationEnabled",
    "EnableCloudwatchLogsExports": "EnabledCloudwatchLogsExports",
    "CopyTagsToSnapshot": "CopyTagsToSnapshot",
    "CACertificateIdentifier": "CACertificateIdentifier",
}
INSTANCE_MONITORING_SETTINGS: Final[Mapping[str, str]] = {
    "MonitoringInterval": "MonitoringInterval",
    "MonitoringRoleArn": "MonitoringRoleArn",
    "EnablePerformanceInsights": "PerformanceInsightsEnabled",
    "PerformanceInsightsKMSKeyId": "PerformanceInsightsKMSKeyId",
    "PerformanceInsightsRetentionPeriod": "PerformanceInsightsRetentionPeriod",
    "DatabaseInsightsMode": "DatabaseInsightsMode",
}
# CreateDBInstanceReadReplica accepts these.
REPLICA_SETTINGS: Final[Mapping[str, str]] = {
    **COMMON_INSTANCE_SETTINGS,
    **INSTANCE_MONITORING_SETTINGS,
}
# Both restore calls accept these; monitoring and the maintenance window are set afterwards.
RESTORE_SETTINGS: Final[Mapping[str, str]] = {
    **COMMON_INSTANCE_SETTINGS,
    "DBInstanceClass": "DBInstanceClass",
    "DBSubnetGroupName": "DBSubnetGroup.DBSubnetGroupName",
    "MultiAZ": "MultiAZ",
    "PubliclyAccessible": "PubliclyAccessible",
    "NetworkType": "NetworkType",
    "DedicatedLogVolume": "DedicatedLogVolume",
    "BackupRetentionPeriod": "BackupRetentionPeriod",
    "PreferredBackupWindow": "PreferredBackupWindow",
    # Without it RDS enrolls the restored instance in Extended Support, which costs per vCPU.
    "EngineLifecycleSupport": "EngineLifecycleSupport",
}
# Only RestoreDBInstanceToPointInTime accepts these.
POINT_IN_TIME_ONLY_SETTINGS: Final = ("MaxAllocatedStorage",)
# ModifyDBInstance sets these after a restore, which does not accept them.
POST_RESTORE_SETTINGS: Final[Mapping[str, str]] = {
    **INSTANCE_MONITORING_SETTINGS,
    "MaxAllocatedStorage": "MaxAllocatedStorage",
    "PreferredMaintenanceWindow": "PreferredMaintenanceWindow",
}
# Settings to compare, by the name shown: the path in a description. Tags are compared as well.
COMPARED_SETTINGS: Final[Mapping[str, str]] = {
    **{
        path.rpartition(".")[2]: path
        for path in (*RESTORE_SETTINGS.values(), *INSTANCE_MONITORING_SETTINGS.values())
        if "[" not in path
    },
    "DBParameterGroup": "DBParameterGroups[0].DBParameterGroupName",
    "VpcSecurityGroups": "sort(VpcSecurityGroups[].VpcSecurityGroupId)",
    "EnabledCloudwatchLogsExports": "sort(EnabledCloudwatchLogsExports || `[]`)",
    "PreferredMaintenanceWindow": "PreferredMaintenanceWindow",
    "AllocatedStorage": "AllocatedStorage",
    "EngineVersion": "EngineVersion",
    "StorageEncrypted": "StorageEncrypted",
    "KmsKeyId": "KmsKeyId",
    "MasterUsername": "MasterUsername",
    "DBName": "DBName",
    "DeletionProtection": "DeletionProtection",
}


@dataclass(frozen=True)
class SettingDifference:
    """One setting that differs between two instances."""

    setting: str
    source_value: JsonValue
    restored_value: JsonValue


def list_settings_to_copy(
    outputs: Outputs, description: Mapping[str, Any], paths_by_parameter: Mapping[str, str]
) -> JsonObject:
    """Lists the parameters that copy a described instance; unset settings are left out.

    The copy of a fenced instance is not fenced: it has the stack's security group instead.
    """
    values = {name: lookup(path, dict(description)) for name, path in paths_by_parameter.items()}
    settings: JsonObject = {
        name: value for name, value in values.items() if value not in (None, [], "")
    }
    group_ids = settings.get("VpcSecurityGroupIds")
    fence_id = outputs.database.fence_security_group_id
    if isinstance(group_ids, list) and fence_id is not None and fence_id in group_ids:
        kept_ids = [group_id for group_id in group_ids if group_id != fence_id]
        settings["VpcSecurityGroupIds"] = kept_ids or [outputs.database.security_group_id]
    if not settings.get("EnablePerformanceInsights"):
        settings.pop("PerformanceInsightsKMSKeyId", None)
        settings.pop("PerformanceInsightsRetentionPeriod", None)
    if not settings.get("MonitoringInterval"):
        settings.pop("MonitoringRoleArn", None)
    if (
        description.get("StorageType") == "gp3"
        and description["AllocatedStorage"] < MIN_GP3_PROVISIONED_GIB
    ):
        settings.pop("Iops", None)
        settings.pop("StorageThroughput", None)
    return settings


def get_user_tags(description: Mapping[str, Any]) -> dict[str, str]:
    """Returns the tags of an instance without those of AWS and of ops."""
    tags = parse_tags(description.get("TagList"))
    return {k: v for k, v in tags.items() if not k.startswith(("aws:", "bulwark:"))}


def list_setting_differences(
    source_description: Mapping[str, Any], restored_description: Mapping[str, Any]
) -> list[SettingDifference]:
    """Lists the settings and tags that differ between two descriptions."""
    differing_settings = []
    for setting, path in COMPARED_SETTINGS.items():
        pair = lookup(path, dict(source_description)), lookup(path, dict(restored_description))
        if (pair[0] or None) != (pair[1] or None):
            differing_settings.append(SettingDifference(setting, *pair))
    source_tags, restored_tags = (
        get_user_tags(source_description),
        get_user_tags(restored_description),
    )
    for key in sorted(source_tags.keys() | restored_tags.keys()):
        if source_tags.get(key) != restored_tags.get(key):
            differing_settings.append(
                SettingDifference(f"tag {key}", source_tags.get(key), restored_tags.get(key))
            )
    return differing_settings


def build_description_from_outputs(outputs: Outputs, storage_gib: int) -> dict[str, Any]:
    """Builds a description of a deleted primary from the stack's outputs.

    Leaves out monitoring, windows and tags, which the outputs do not contain.
    """
    database_outputs = outputs.database
    log_exports = [name.rsplit("/", 1)[-1] for name in database_outputs.log_groups]
    return {
        "DBInstanceIdentifier": database_outputs.identifier,
        "DBInstanceClass": database_outputs.instance_class,
        "Endpoint": {"Port": database_outputs.port},
        "DBParameterGroups": [{"DBParameterGroupName": database_outputs.parameter_group}],
        "VpcSecurityGroups": [{"VpcSecurityGroupId": database_outputs.security_group_id}],
        "DBSubnetGroup": {"DBSubnetGroupName": database_outputs.subnet_group},
        "EnabledCloudwatchLogsExports": log_exports,
        "MultiAZ": database_outputs.multi_az,
        "PubliclyAccessible": False,
        "CopyTagsToSnapshot": True,
        "StorageType": "gp3",
        "AllocatedStorage": storage_gib,
        "DeletionProtection": outputs.stack.protect,
    }
