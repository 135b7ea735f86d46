"""The IAM actions and resources that each call to RDS needs. ops/permissions/apis.py has the rest.

Sources: Service Authorization Reference and API reference of RDS; AWS's error messages.
"""

from collections.abc import Mapping
from typing import Final

from ops.permissions.grants import (
    OTHER_ACCOUNT_CONDITION,
    STACK_RESOURCE_CONDITIONS,
    Grant,
    build_grant,
    build_passed_to_condition,
    build_unscoped_grant,
    build_via_service_condition,
)

# Creating with tags is tagging as well (RDS User Guide, "Tagging Amazon RDS resources").
TAG_SNAPSHOT_GRANT: Final = build_grant("rds:AddTagsToResource", "snapshots")
# Copying to another key creates a grant on that key (RDS User Guide, "Copying a DB snapshot").
RDS_KEY_GRANTS: Final = (
    build_grant("kms:CreateGrant", "keys", conditions=build_via_service_condition("rds")),
    build_grant("kms:DescribeKey", "keys", conditions=build_via_service_condition("rds")),
)

RDS_API_GRANTS: Final[Mapping[str, tuple[Grant, ...]]] = {
    "rds.copy_db_snapshot": (
        build_grant("rds:CopyDBSnapshot", "snapshots", "snapshots to copy"),
        build_grant("rds:CopyDBSnapshot", "backup snapshots", conditions=STACK_RESOURCE_CONDITIONS),
        TAG_SNAPSHOT_GRANT,
        *RDS_KEY_GRANTS,
    ),
    "rds.create_db_instance_read_replica": (
        build_grant(
            "rds:CreateDBInstanceReadReplica",
            "database",
            "parameter groups",
            "option groups",
            "subnet group",
        ),
        build_grant("rds:AddTagsToResource", "replicas"),
        build_grant(
            "iam:PassRole",
            "monitoring role",
            conditions=build_passed_to_condition("monitoring.rds.amazonaws.com"),
        ),
        *RDS_KEY_GRANTS,
    ),
    "rds.create_db_parameter_group": (
        build_grant("rds:CreateDBParameterGroup", "parameter groups"),
        build_grant("rds:AddTagsToResource", "parameter groups"),
    ),
    "rds.create_db_snapshot": (
        build_grant("rds:CreateDBSnapshot", "database", "snapshots"),
        TAG_SNAPSHOT_GRANT,
    ),
    # Not the primary: only the stack's program deletes that.
    "rds.delete_db_instance": (build_grant("rds:DeleteDBInstance", "replicas"),),
    "rds.delete_db_snapshot": (build_grant("rds:DeleteDBSnapshot", "snapshots"),),
    # An instance's load has the instance's generated id, which no name tells.
    "pi.describe_dimension_keys": (build_grant("pi:DescribeDimensionKeys", "all database loads"),),
    "pi.get_resource_metrics": (build_grant("pi:GetResourceMetrics", "all database loads"),),
    "rds.apply_pending_maintenance_action": (
        build_grant("rds:ApplyPendingMaintenanceAction", "database", "replicas"),
    ),
    "rds.describe_account_attributes": (build_unscoped_grant("rds:DescribeAccountAttributes"),),
    "rds.describe_db_engine_versions": (build_unscoped_grant("rds:DescribeDBEngineVersions"),),
    "rds.describe_db_instance_automated_backups": (
        build_grant(
            "rds:DescribeDBInstanceAutomatedBackups", "all databases", "all automated backups"
        ),
    ),
    "rds.describe_db_instances": (build_grant("rds:DescribeDBInstances", "all databases"),),
    "rds.describe_db_major_engine_versions": (
        build_unscoped_grant("rds:DescribeDBMajorEngineVersions"),
    ),
    "rds.describe_db_parameter_groups": (
        build_grant("rds:DescribeDBParameterGroups", "parameter groups"),
    ),
    "rds.describe_db_parameters": (build_grant("rds:DescribeDBParameters", "parameter groups"),),
    # Narrowed to snapshots it would be a statement of its own, for which the policy has no room.
    "rds.describe_db_snapshot_attributes": (
        build_unscoped_grant("rds:DescribeDBSnapshotAttributes"),
    ),
    "rds.describe_db_snapshots": (
        build_grant("rds:DescribeDBSnapshots", "all databases", "all snapshots"),
    ),
    "rds.describe_engine_default_parameters": (
        build_unscoped_grant("rds:DescribeEngineDefaultParameters"),
    ),
    "rds.describe_events": (build_unscoped_grant("rds:DescribeEvents"),),
    # A task read by its name has no snapshot that AWS could check.
    "rds.describe_export_tasks": (build_unscoped_grant("rds:DescribeExportTasks"),),
    "rds.describe_orderable_db_instance_options": (
        build_unscoped_grant("rds:DescribeOrderableDBInstanceOptions"),
    ),
    "rds.describe_pending_maintenance_actions": (
        build_grant("rds:DescribePendingMaintenanceActions", "all databases"),
    ),
    # Enhanced Monitoring needs its role passed.
    "rds.modify_db_instance": (
        build_grant("rds:ModifyDBInstance", "database", "parameter groups"),
        build_grant(
            "iam:PassRole",
            "monitoring role",
            conditions=build_passed_to_condition("monitoring.rds.amazonaws.com"),
        ),
    ),
    "rds.modify_db_parameter_group": (
        build_grant("rds:ModifyDBParameterGroup", "parameter groups"),
    ),
    "rds.promote_read_replica": (build_grant("rds:PromoteReadReplica", "replicas"),),
    "rds.reboot_db_instance": (build_grant("rds:RebootDBInstance", "database"),),
    "rds.reset_db_parameter_group": (build_grant("rds:ResetDBParameterGroup", "parameter groups"),),
    "rds.restore_db_instance_from_db_snapshot": (
        build_grant(
            "rds:RestoreDBInstanceFromDBSnapshot",
            "database",
            "snapshots",
            "snapshots to copy",
            "parameter groups",
            "option groups",
            "subnet group",
        ),
        build_grant(
            "rds:RestoreDBInstanceFromDBSnapshot",
            "backup snapshots",
            conditions=STACK_RESOURCE_CONDITIONS,
        ),
        build_grant(
            "rds:RestoreDBInstanceFromDBSnapshot",
            "shared snapshots",
            conditions=(OTHER_ACCOUNT_CONDITION,),
        ),
        build_grant("rds:AddTagsToResource", "database"),
        *RDS_KEY_GRANTS,
    ),
    "rds.restore_db_instance_to_point_in_time": (
        build_grant(
            "rds:RestoreDBInstanceToPointInTime",
            "database",
            "automated backups",
            "parameter groups",
            "option groups",
            "subnet group",
        ),
        build_grant("rds:AddTagsToResource", "database"),
        *RDS_KEY_GRANTS,
    ),
    # Passes the role that writes the files, and creates a grant on the key (RDS User
    # Guide, "Exporting DB snapshot data to Amazon S3").
    "rds.start_export_task": (
        build_grant("rds:StartExportTask", "snapshots", "snapshots to copy"),
        build_grant(
            "rds:StartExportTask", "backup snapshots", conditions=STACK_RESOURCE_CONDITIONS
        ),
        build_grant(
            "iam:PassRole",
            "export role",
            conditions=build_passed_to_condition("export.rds.amazonaws.com"),
        ),
        *RDS_KEY_GRANTS,
    ),
}
