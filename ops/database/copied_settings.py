"""What makes one DB instance like another: what must be told when one is made, and what differs.

RDS gives a replica or a restored instance its own defaults for most settings. Each table has the
parameter of the call and where a description of the instance that it is to be like has it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import JsonValue

from ops.core.plan import State, known
from ops.database import instance as database
from ops.outputs import Outputs

# GiB from which gp3 is provisioned; below, RDS takes neither IOPS nor throughput, though it shows
# them. Source: RDS User Guide, "Amazon RDS DB instance storage", gp3.
STRIPED: Final = 400
BOTH: Final[Mapping[str, str]] = {
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
WATCHED: Final[Mapping[str, str]] = {
    "MonitoringInterval": "MonitoringInterval",
    "MonitoringRoleArn": "MonitoringRoleArn",
    "EnablePerformanceInsights": "PerformanceInsightsEnabled",
    "PerformanceInsightsKMSKeyId": "PerformanceInsightsKMSKeyId",
    "PerformanceInsightsRetentionPeriod": "PerformanceInsightsRetentionPeriod",
    "DatabaseInsightsMode": "DatabaseInsightsMode",
}
# Of CreateDBInstanceReadReplica.
REPLICA: Final[Mapping[str, str]] = {**BOTH, **WATCHED}
# Of both restores. How it is watched they do not take, nor its maintenance window.
RESTORED: Final[Mapping[str, str]] = {
    **BOTH,
    "DBInstanceClass": "DBInstanceClass",
    "DBSubnetGroupName": "DBSubnetGroup.DBSubnetGroupName",
    "MultiAZ": "MultiAZ",
    "PubliclyAccessible": "PubliclyAccessible",
    "NetworkType": "NetworkType",
    "DedicatedLogVolume": "DedicatedLogVolume",
    "BackupRetentionPeriod": "BackupRetentionPeriod",
    "PreferredBackupWindow": "PreferredBackupWindow",
}
# Of RestoreDBInstanceToPointInTime alone.
TO_TIME_ONLY: Final = ("MaxAllocatedStorage",)
# Of ModifyDBInstance, for what a restore does not take.
AFTERWARDS: Final[Mapping[str, str]] = {
    **WATCHED,
    "MaxAllocatedStorage": "MaxAllocatedStorage",
    "PreferredMaintenanceWindow": "PreferredMaintenanceWindow",
}
# What two instances are compared by, beside their tags: what it is called, and where it stands.
COMPARED: Final[Mapping[str, str]] = {
    **{
        path.rpartition(".")[2]: path
        for path in (*RESTORED.values(), *WATCHED.values())
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
class Difference:
    """One setting of two instances that is not the same."""

    what: str
    source: JsonValue
    restored: JsonValue


def told(like: Mapping[str, Any], table: Mapping[str, str]) -> State:
    """The parameters that make an instance like that one, as far as it has them."""
    found = {name: known(path, dict(like)) for name, path in table.items()}
    kept: State = {name: value for name, value in found.items() if value not in (None, [], "")}
    if not kept.get("EnablePerformanceInsights"):
        kept.pop("PerformanceInsightsKMSKeyId", None)
        kept.pop("PerformanceInsightsRetentionPeriod", None)
    if not kept.get("MonitoringInterval"):
        kept.pop("MonitoringRoleArn", None)
    if like.get("StorageType") == "gp3" and like["AllocatedStorage"] < STRIPED:
        kept.pop("Iops", None)
        kept.pop("StorageThroughput", None)
    return kept


def own_tags(like: Mapping[str, Any]) -> dict[str, str]:
    """The tags that somebody gave an instance: not AWS's own, nor those of operations."""
    tags = database.tags(like.get("TagList"))
    return {k: v for k, v in tags.items() if not k.startswith(("aws:", "bulwark:"))}


def differences(source: Mapping[str, Any], restored: Mapping[str, Any]) -> list[Difference]:
    """What is not the same of two instances, as RDS describes them."""
    found = []
    for what, path in COMPARED.items():
        pair = known(path, dict(source)), known(path, dict(restored))
        if (pair[0] or None) != (pair[1] or None):
            found.append(Difference(what, *pair))
    ours, theirs = own_tags(source), own_tags(restored)
    for key in sorted(ours.keys() | theirs.keys()):
        if ours.get(key) != theirs.get(key):
            found.append(Difference(f"tag {key}", ours.get(key), theirs.get(key)))
    return found


def of_outputs(outputs: Outputs, storage: int) -> dict[str, Any]:
    """What the outputs say of the primary, as RDS would describe it, where it is gone.

    How it is watched, its windows and its tags they do not know.
    """
    own = outputs.database
    exports = [name.rsplit("/", 1)[-1] for name in own.log_groups]
    return {
        "DBInstanceClass": own.instance_class,
        "Endpoint": {"Port": own.port},
        "DBParameterGroups": [{"DBParameterGroupName": own.parameter_group}],
        "VpcSecurityGroups": [{"VpcSecurityGroupId": own.security_group_id}],
        "DBSubnetGroup": {"DBSubnetGroupName": own.subnet_group},
        "EnabledCloudwatchLogsExports": exports,
        "MultiAZ": own.multi_az,
        "PubliclyAccessible": False,
        "CopyTagsToSnapshot": True,
        "StorageType": "gp3",
        "AllocatedStorage": storage,
        "DeletionProtection": outputs.stack.protect,
    }
