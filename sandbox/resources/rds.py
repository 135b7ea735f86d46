"""DB instances, however they come to be, their groups and what watches them."""

from collections.abc import Mapping
from typing import Final

from sandbox.resources.entry import REST, Call, Choice, Entries, Entry, Inputs, Naming

_RENAME: Final[Mapping[str, str]] = {
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
_OF_DELETION: Final = dict.fromkeys(
    ("finalSnapshotIdentifier", "skipFinalSnapshot", "deleteAutomatedBackups"),
    "it is for the deletion",
)
_OF_CHANGES: Final = dict.fromkeys(
    ("allowMajorVersionUpgrade", "applyImmediately"), "it is for a change"
)
_ANSWER: Final = "out.DBInstance"
# What the operation that makes a copy has no parameter for, so that the provider sets it by a
# change afterwards; in Pulumi's names, by operation.
_RESTORED: Final = (
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
_AFTERWARDS: Final[Mapping[str, tuple[str, ...]]] = {
    "create_db_instance": (),
    "create_db_instance_read_replica": (
        "backupRetentionPeriod",
        "backupWindow",
        "maintenanceWindow",
    ),
    "restore_db_instance_from_db_snapshot": _RESTORED,
    "restore_db_instance_to_point_in_time": _RESTORED,
}
_IN_SOURCE: Final = dict.fromkeys(
    ("engine", "engineVersion", "username", "dbName", "storageEncrypted"),
    "AWS takes it from the source",
)


def _restore(inputs: Inputs) -> Inputs:
    """The source of a restore to a point in time stands beside the rest in AWS."""
    source = inputs.pop("restoreToPointInTime")
    inputs["targetDbInstanceIdentifier"] = inputs.pop("identifier")
    return {**inputs, **source}


def _instance(operation: str, **more: object) -> Entry:
    """A DB instance made by `operation`; what that cannot set is set by a change afterwards."""
    later = _AFTERWARDS[operation]
    left = {**_OF_DELETION, **_OF_CHANGES, **(_IN_SOURCE if later else {})}
    if later is _RESTORED:
        left["kmsKeyId"] = "AWS takes it from the source"
    change = Call(
        "rds.modify_db_instance",
        {"DBInstanceIdentifier": f"{_ANSWER}.DBInstanceIdentifier", "ApplyImmediately": True},
        fit=later,
        rename=_RENAME,
    )
    fields: dict[str, object] = {
        "create": Call(f"rds.{operation}", fit=REST, rename=_RENAME),
        "id": f"{_ANSWER}.DbiResourceId",
        "naming": Naming("identifier", "identifierPrefix", limit=63),
        "shown": _ANSWER,
        "wait": "rds.db_instance_available",
        "wait_for": {"DBInstanceIdentifier": f"{_ANSWER}.DBInstanceIdentifier"},
        "then": (
            *((change,) if later else ()),
            Call(
                "rds.describe_db_instances",
                {"DBInstanceIdentifier": f"{_ANSWER}.DBInstanceIdentifier"},
                keep="seen",
            ),
        ),
        "left": left,
        "outputs": {
            "arn": f"{_ANSWER}.DBInstanceArn",
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
        "find": Call(
            "rds.describe_db_instances",
            {"Filters": [{"Name": "'dbi-resource-id'", "Values": ["id"]}]},
        ),
        "found": "out.DBInstances",
    }
    return Entry(**{**fields, **more})  # type: ignore[arg-type]


ENTRIES: Entries = {
    "aws:rds/instance:Instance": Choice(
        {
            "replicateSourceDb": _instance("create_db_instance_read_replica"),
            "snapshotIdentifier": _instance("restore_db_instance_from_db_snapshot"),
            "restoreToPointInTime": _instance(
                "restore_db_instance_to_point_in_time", prepare=_restore
            ),
        },
        otherwise=_instance("create_db_instance"),
    ),
    "aws:rds/subnetGroup:SubnetGroup": Entry(
        Call(
            "rds.create_db_subnet_group",
            {"DBSubnetGroupDescription": "in.description || 'Managed by Pulumi'"},
            fit=REST,
        ),
        id="out.DBSubnetGroup.DBSubnetGroupName",
        naming=Naming(),
        outputs={
            "arn": "out.DBSubnetGroup.DBSubnetGroupArn",
            "vpcId": "out.DBSubnetGroup.VpcId",
            "supportedNetworkTypes": 'out.DBSubnetGroup.SupportedNetworkTypes || `["IPV4"]`',
        },
        find=Call("rds.describe_db_subnet_groups", {"DBSubnetGroupName": "id"}),
        found="out.DBSubnetGroups",
    ),
    "aws:rds/parameterGroup:ParameterGroup": Entry(
        Call(
            "rds.create_db_parameter_group",
            {"Description": "in.description || 'Managed by Pulumi'"},
            fit=REST,
            rename={"family": "DBParameterGroupFamily"},
        ),
        id="out.DBParameterGroup.DBParameterGroupName",
        naming=Naming(),
        left={"skipDestroy": "it is for the deletion"},
        then=(
            Call(
                "rds.modify_db_parameter_group",
                {
                    "DBParameterGroupName": "id",
                    "Parameters": "in.parameters[].{ParameterName: name, ParameterValue: value, "
                    "ApplyMethod: applyMethod || 'immediate'}",
                },
                when="in.parameters[0]",
            ),
        ),
        outputs={"arn": "out.DBParameterGroup.DBParameterGroupArn"},
        find=Call("rds.describe_db_parameter_groups", {"DBParameterGroupName": "id"}),
        found="out.DBParameterGroups",
    ),
    "aws:rds/eventSubscription:EventSubscription": Entry(
        Call(
            "rds.create_event_subscription",
            fit=REST,
            rename={"name": "SubscriptionName", "snsTopic": "SnsTopicArn"},
        ),
        id="out.EventSubscription.CustSubscriptionId",
        naming=Naming(),
        outputs={
            "arn": "out.EventSubscription.EventSubscriptionArn",
            "customerAwsId": "account",
        },
        find=Call("rds.describe_event_subscriptions", {"SubscriptionName": "id"}),
        found="out.EventSubscriptionsList",
    ),
    "aws:rds/instanceAutomatedBackupsReplication:InstanceAutomatedBackupsReplication": Entry(
        Call(
            "rds.start_db_instance_automated_backups_replication",
            fit=REST,
            rename={"retentionPeriod": "BackupRetentionPeriod"},
        ),
        id="out.DBInstanceAutomatedBackup.DBInstanceAutomatedBackupsArn",
        find=Call(
            "rds.describe_db_instance_automated_backups", {"DBInstanceAutomatedBackupsArn": "id"}
        ),
        found="out.DBInstanceAutomatedBackups",
    ),
}
