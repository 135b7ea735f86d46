"""DB instances, however they come to be, their groups and what watches them."""

from collections.abc import Mapping
from typing import Final

from sandbox.resources.entry import (
    REMAINING_INPUTS,
    EntryCall,
    EntryChoice,
    EntryInputs,
    EntryTable,
    PhysicalNaming,
    ResourceEntry,
)

_PARAMETER_NAMES: Final[Mapping[str, str]] = {
    "identifier": "DBInstanceIdentifier",
    "instanceClass": "DBInstanceClass",
    "parameterGroupName": "DBParameterGroupName",
    "username": "MasterUsername",
    "password": "MasterUserPassword",
    "backupWindow": "PreferredBackupWindow",
    "maintenanceWindow": "PreferredMaintenanceWindow",
    "iamDatabaseAuthenticationEnabled": "EnableIAMDatabaseAuthentication",
    "enabledCloudwatchLogsExports": "EnableCloudwatchLogsExports",
    "performanceInsightsEnabled": "EnablePerformanceInsights",
    "dbSubnetGroupName": "DBSubnetGroupName",
    "replicateSourceDb": "SourceDBInstanceIdentifier",
    "snapshotIdentifier": "DBSnapshotIdentifier",
    "caCertIdentifier": "CACertificateIdentifier",
}
_DELETION_INPUTS: Final = dict.fromkeys(
    ("finalSnapshotIdentifier", "skipFinalSnapshot", "deleteAutomatedBackups"),
    "it is for the deletion",
)
_CHANGE_INPUTS: Final = dict.fromkeys(
    ("allowMajorVersionUpgrade", "applyImmediately"), "it is for a change"
)
_RESPONSE_INSTANCE: Final = "out.DBInstance"
# What the operation that makes a copy has no parameter for, so that the provider sets it by a
# change afterwards; in Pulumi's names, by operation.
_INPUTS_AFTER_RESTORE: Final = (
    "databaseInsightsMode",
    "maintenanceWindow",
    "maxAllocatedStorage",
    "monitoringInterval",
    "monitoringRoleArn",
    "password",
    "performanceInsightsEnabled",
    "performanceInsightsKmsKeyId",
    "performanceInsightsRetentionPeriod",
)
_INPUTS_SET_AFTERWARDS: Final[Mapping[str, tuple[str, ...]]] = {
    "create_db_instance": (),
    "create_db_instance_read_replica": (
        "backupRetentionPeriod",
        "backupWindow",
        "maintenanceWindow",
    ),
    "restore_db_instance_from_db_snapshot": _INPUTS_AFTER_RESTORE,
    "restore_db_instance_to_point_in_time": _INPUTS_AFTER_RESTORE,
}
_SOURCE_INPUTS: Final = dict.fromkeys(
    ("engine", "engineVersion", "username", "dbName", "storageEncrypted"),
    "AWS takes it from the source",
)


def _prepare_restore(inputs: EntryInputs) -> EntryInputs:
    """The source of a restore to a point in time stands beside the rest in AWS."""
    source = inputs.pop("restoreToPointInTime")
    inputs["targetDbInstanceIdentifier"] = inputs.pop("identifier")
    return {**inputs, **source}


def _build_instance_entry(operation: str, **other_fields: object) -> ResourceEntry:
    """A DB instance made by `operation`; what that cannot set is set by a change afterwards."""
    later_inputs = _INPUTS_SET_AFTERWARDS[operation]
    ignored_inputs = {
        **_DELETION_INPUTS,
        **_CHANGE_INPUTS,
        **(_SOURCE_INPUTS if later_inputs else {}),
    }
    if later_inputs is _INPUTS_AFTER_RESTORE:
        ignored_inputs["kmsKeyId"] = "AWS takes it from the source"
    change = EntryCall(
        "rds.modify_db_instance",
        {
            "DBInstanceIdentifier": f"{_RESPONSE_INSTANCE}.DBInstanceIdentifier",
            "ApplyImmediately": True,
        },
        inputs=later_inputs,
        rename=_PARAMETER_NAMES,
    )
    fields: dict[str, object] = {
        "create": EntryCall(f"rds.{operation}", inputs=REMAINING_INPUTS, rename=_PARAMETER_NAMES),
        "id": f"{_RESPONSE_INSTANCE}.DbiResourceId",
        "naming": PhysicalNaming("identifier", "identifierPrefix", max_length=63),
        "description": _RESPONSE_INSTANCE,
        "waiter": "rds.db_instance_available",
        "waiter_params": {"DBInstanceIdentifier": f"{_RESPONSE_INSTANCE}.DBInstanceIdentifier"},
        "later_calls": (
            *((change,) if later_inputs else ()),
            EntryCall(
                "rds.describe_db_instances",
                {"DBInstanceIdentifier": f"{_RESPONSE_INSTANCE}.DBInstanceIdentifier"},
                result_name="seen",
            ),
        ),
        "ignored_inputs": ignored_inputs,
        "outputs": {
            "arn": f"{_RESPONSE_INSTANCE}.DBInstanceArn",
            "resourceId": "id",
            "address": "seen.DBInstances[0].Endpoint.Address",
            "port": "seen.DBInstances[0].Endpoint.Port",
            "hostedZoneId": "seen.DBInstances[0].Endpoint.HostedZoneId",
            "endpoint": "join(':', [seen.DBInstances[0].Endpoint.Address, "
            "to_string(seen.DBInstances[0].Endpoint.Port)])",
            "status": "seen.DBInstances[0].DBInstanceStatus",
            "engineVersion": "in.engineVersion || seen.DBInstances[0].EngineVersion",
            "engineVersionActual": "seen.DBInstances[0].EngineVersion",
            "dbSubnetGroupName": "seen.DBInstances[0].DBSubnetGroup.DBSubnetGroupName",
            "parameterGroupName": ("seen.DBInstances[0].DBParameterGroups[0].DBParameterGroupName"),
            "username": "seen.DBInstances[0].MasterUsername",
            "dbName": "seen.DBInstances[0].DBName",
            "replicas": "seen.DBInstances[0].ReadReplicaDBInstanceIdentifiers || `[]`",
            "latestRestorableTime": "seen.DBInstances[0].LatestRestorableTime",
        },
        "find_call": EntryCall(
            "rds.describe_db_instances",
            {"Filters": [{"Name": "'dbi-resource-id'", "Values": ["id"]}]},
        ),
        "find_result": "out.DBInstances",
    }
    return ResourceEntry(**{**fields, **other_fields})  # type: ignore[arg-type]


BACKUPS_REPLICATION: Final = "aws:rds/instanceAutomatedBackupsReplication"

ENTRIES: EntryTable = {
    "aws:rds/instance:Instance": EntryChoice(
        {
            "replicateSourceDb": _build_instance_entry("create_db_instance_read_replica"),
            "snapshotIdentifier": _build_instance_entry("restore_db_instance_from_db_snapshot"),
            "restoreToPointInTime": _build_instance_entry(
                "restore_db_instance_to_point_in_time", prepare=_prepare_restore
            ),
        },
        default_entry=_build_instance_entry("create_db_instance"),
    ),
    "aws:rds/subnetGroup:SubnetGroup": ResourceEntry(
        EntryCall(
            "rds.create_db_subnet_group",
            {"DBSubnetGroupDescription": "in.description || 'Managed by Pulumi'"},
            inputs=REMAINING_INPUTS,
        ),
        id="out.DBSubnetGroup.DBSubnetGroupName",
        naming=PhysicalNaming(),
        outputs={
            "arn": "out.DBSubnetGroup.DBSubnetGroupArn",
            "vpcId": "out.DBSubnetGroup.VpcId",
            "supportedNetworkTypes": 'out.DBSubnetGroup.SupportedNetworkTypes || `["IPV4"]`',
        },
        find_call=EntryCall("rds.describe_db_subnet_groups", {"DBSubnetGroupName": "id"}),
        find_result="out.DBSubnetGroups",
    ),
    "aws:rds/parameterGroup:ParameterGroup": ResourceEntry(
        EntryCall(
            "rds.create_db_parameter_group",
            {"Description": "in.description || 'Managed by Pulumi'"},
            inputs=REMAINING_INPUTS,
            rename={"family": "DBParameterGroupFamily"},
        ),
        id="out.DBParameterGroup.DBParameterGroupName",
        naming=PhysicalNaming(),
        ignored_inputs={"skipDestroy": "it is for the deletion"},
        later_calls=(
            EntryCall(
                "rds.modify_db_parameter_group",
                {
                    "DBParameterGroupName": "id",
                    "Parameters": "in.parameters[].{ParameterName: name, ParameterValue: value, "
                    "ApplyMethod: applyMethod || 'immediate'}",
                },
                condition="in.parameters[0]",
            ),
        ),
        outputs={"arn": "out.DBParameterGroup.DBParameterGroupArn"},
        find_call=EntryCall("rds.describe_db_parameter_groups", {"DBParameterGroupName": "id"}),
        find_result="out.DBParameterGroups",
    ),
    "aws:rds/eventSubscription:EventSubscription": ResourceEntry(
        EntryCall(
            "rds.create_event_subscription",
            inputs=REMAINING_INPUTS,
            rename={"name": "SubscriptionName", "snsTopic": "SnsTopicArn"},
        ),
        id="out.EventSubscription.CustSubscriptionId",
        naming=PhysicalNaming(),
        outputs={
            "arn": "out.EventSubscription.EventSubscriptionArn",
            "customerAwsId": "account",
        },
        find_call=EntryCall("rds.describe_event_subscriptions", {"SubscriptionName": "id"}),
        find_result="out.EventSubscriptionsList",
    ),
    f"{BACKUPS_REPLICATION}:InstanceAutomatedBackupsReplication": ResourceEntry(
        EntryCall(
            "rds.start_db_instance_automated_backups_replication",
            inputs=REMAINING_INPUTS,
            rename={"retentionPeriod": "BackupRetentionPeriod"},
        ),
        id="out.DBInstanceAutomatedBackup.DBInstanceAutomatedBackupsArn",
        find_call=EntryCall(
            "rds.describe_db_instance_automated_backups", {"DBInstanceAutomatedBackupsArn": "id"}
        ),
        find_result="out.DBInstanceAutomatedBackups",
    ),
}
