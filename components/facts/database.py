"""Facts of the database."""

from collections.abc import Iterable
from typing import Final

from components.facts.billing import (
    Charge,
    PricedResource,
    ResourceInputs,
    StackResources,
    build_entry_charge,
    build_monthly_charge,
    build_usage_charge,
    build_usage_lister,
)
from components.facts.extended_support import list_extended_support_charges
from components.facts.model import (
    ASSUMPTION,
    DELETION_PROTECTION_SAFEGUARD,
    FINAL_SNAPSHOT_SAFEGUARDS,
    RECREATION_DOWNTIME,
    RESTORE_DOWNTIME,
    ChangeEffect,
    DataLoss,
    Encryption,
    ProtectionRule,
    ResourceFact,
)

# IOPS and MiB/s that gp3 storage of PostgreSQL includes, below and from 400 GiB on (RDS User Guide,
# gp3 storage).
GP3_STRIPED_GIB: Final = 400
GP3_INCLUDED: Final = (3000, 125)
GP3_STRIPED_INCLUDED: Final = (12000, 500)
DB_INSTANCE_TYPE: Final = "aws:rds/instance:Instance"
REBOOT_TIME_SOURCE: Final = (
    "an assumption, AWS states none: recovery takes longer after many writes"
)
MULTI_AZ_RESIZE_TIME_SOURCE: Final = (
    "RDS User Guide: Multi-AZ changes the standby first, then fails over"
)
SINGLE_AZ_RESIZE_TIME_SOURCE: Final = (
    "an assumption, AWS states none: a Single-AZ instance is down meanwhile"
)
# Of a change of the backup retention period from or to 0.
RETENTION_OUTAGE_SOURCE: Final = (
    "RDS User Guide, Backup retention period: an outage occurs; RDS API Reference, ModifyDBInstance"
)
RETENTION_OUTAGE_DOWNTIME: Final = "a few seconds to a few minutes"
RESTART_DOWNTIME: Final = "about 1 min; longer after many writes"
INSTANCE_CLASS_EFFECT: Final = ChangeEffect(
    "the database moves to another instance class and restarts",
    "1-2 min with Multi-AZ, else about 10 min",
    f"{MULTI_AZ_RESIZE_TIME_SOURCE}; {SINGLE_AZ_RESIZE_TIME_SOURCE}",
)


def _list_database_charges(resource: PricedResource, stack: StackResources) -> Iterable[Charge]:
    """A standby is billed as a second instance; a replica's storage is as large as its source's."""
    inputs = resource.inputs
    copies = 2 if inputs.get("multiAz") else 1
    yield build_entry_charge(
        "database", price="databases", entry=inputs["instanceClass"], count=copies
    )
    if inputs.get("engine") not in (None, "postgres"):
        yield Charge("engine", unknown=f"not priced: {inputs['engine']}; prices are of PostgreSQL")
    source = inputs if "allocatedStorage" in inputs else _find_primary_inputs(stack)
    storage = source.get("allocatedStorage")
    if storage is None:
        yield Charge(
            "storage",
            unknown="unknown: the source of this replica or restore is not in the preview",
        )
    elif inputs.get("storageType") not in (None, "gp3"):
        yield Charge("storage", unknown=f"not priced: {inputs['storageType']}; prices are of gp3")
    else:
        yield build_monthly_charge(
            f"{storage:g} GB gp3", price="rds_gp3_gb", quantity=storage * copies
        )
        yield from _list_performance_charges(inputs, storage=storage, copies=copies)
    yield from list_extended_support_charges(
        inputs if "engineVersion" in inputs else _find_primary_inputs(stack),
        instance_class=inputs["instanceClass"],
        copies=copies,
        day=stack.day,
    )
    if inputs.get("databaseInsightsMode") == "advanced":
        yield build_usage_charge("Database Insights, advanced", "database-insights")
    if inputs.get("backupRetentionPeriod"):
        yield build_usage_charge("backups", "rds-backup")


def _list_performance_charges(
    inputs: ResourceInputs, *, storage: float, copies: int
) -> Iterable[Charge]:
    """Lists IOPS and throughput beyond those that gp3 includes, which are more from 400 GiB on."""
    included = GP3_STRIPED_INCLUDED if storage >= GP3_STRIPED_GIB else GP3_INCLUDED
    for name, amount, unit, price in zip(
        ("iops", "storageThroughput"),
        included,
        ("IOPS", "MiB/s"),
        ("rds_gp3_iops", "rds_gp3_throughput"),
        strict=True,
    ):
        extra = (inputs.get(name) or 0) - amount
        if extra > 0:
            yield build_monthly_charge(
                f"{extra:,g} {unit} beyond {amount:,g}", price=price, quantity=extra * copies
            )


def _find_primary_inputs(stack: StackResources) -> ResourceInputs:
    instance_inputs = (r.inputs for r in stack.resources if r.type == DB_INSTANCE_TYPE)
    return next((inputs for inputs in instance_inputs if "allocatedStorage" in inputs), {})


FACTS: Final = (
    ResourceFact(
        type=DB_INSTANCE_TYPE,
        replacing=(
            "dbName",
            "engine",
            "kmsKeyId",
            "storageEncrypted",
            "username",
            "replicateSourceDb",
        ),
        harmless=(
            "allowMajorVersionUpgrade",
            "applyImmediately",
            "autoMinorVersionUpgrade",
            "backupWindow",
            "maintenanceWindow",
            "copyTagsToSnapshot",
            "finalSnapshotIdentifier",
            "performanceInsightsKmsKeyId",
            "monitoringRoleArn",
        ),
        other_costs=("maxAllocatedStorage", "performanceInsightsRetentionPeriod"),
        list_charges=_list_database_charges,
        price_properties=(
            "allocatedStorage",
            "instanceClass",
            "multiAz",
            "iops",
            "storageThroughput",
            "storageType",
            "databaseInsightsMode",
            "engine",
            "engineVersion",
            "engineLifecycleSupport",
        ),
        class_price=("instanceClass", "databases"),
        data_loss=DataLoss(
            "the database and its automated backups",
            RESTORE_DOWNTIME,
            "RDS User Guide, Deleting a DB instance: automated backups go with it",
            (
                *FINAL_SNAPSHOT_SAFEGUARDS,
                DELETION_PROTECTION_SAFEGUARD,
            ),
        ),
        updates={
            "dbSubnetGroupName": ChangeEffect(
                "the database moves to other subnets and restarts",
                "that of a failover, or more",
                "RDS User Guide, Working with a DB instance in a VPC",
            ),
            "networkType": ChangeEffect(
                "the database answers at other addresses",
                "about 1 min",
                "RDS User Guide, Dual-stack mode",
            ),
            "iops": ChangeEffect(
                "the volume is changed, and cannot be again for 6 h",
                "none; higher latency meanwhile",
                "RDS User Guide, Working with storage",
            ),
            "storageThroughput": ChangeEffect(
                "the volume is changed, and cannot be again for 6 h",
                "none; higher latency meanwhile",
                "RDS User Guide, Working with storage",
            ),
            "iamDatabaseAuthenticationEnabled": ChangeEffect(
                "who may log in with IAM changes",
                "none",
                "RDS User Guide, IAM database authentication",
            ),
            "instanceClass": INSTANCE_CLASS_EFFECT,
            "engineVersion": ChangeEffect(
                ("the database and its standby are upgraded at once: down until that is done"),
                "about 5 min for a minor version, 15 min or more for a major one",
                f"RDS User Guide, Upgrading the PostgreSQL DB engine: times are {ASSUMPTION}",
            ),
            "parameterGroupName": ChangeEffect(
                ("static parameters take effect at the next reboot, which must be done by hand"),
                RESTART_DOWNTIME,
                f"RDS User Guide, DB parameter groups; {REBOOT_TIME_SOURCE}",
            ),
            "multiAz": ChangeEffect(
                (
                    "a standby is added, whose first copy slows the database, or removed: then "
                    "nothing takes over if the instance or its zone fails"
                ),
                "none; higher latency meanwhile",
                "RDS User Guide, Converting to a Multi-AZ deployment",
            ),
            "allocatedStorage": ChangeEffect(
                "storage grows online; it cannot grow again for 6 h and never shrinks",
                "none",
                "RDS User Guide, Working with storage",
            ),
            "storageType": ChangeEffect(
                "the volume is converted",
                "none between SSD types; higher latency meanwhile",
                "RDS User Guide, Working with storage",
            ),
            "caCertIdentifier": ChangeEffect(
                ("the server has another certificate; clients with an old trust store refuse it"),
                "none if the engine loads it without a restart, else a restart",
                "RDS User Guide, Rotating your SSL/TLS certificate",
            ),
            "password": ChangeEffect(
                "new connections need the new password", "until clients have read it", ASSUMPTION
            ),
            "identifier": ChangeEffect(
                "the database has another address",
                "about 10 min",
                "RDS User Guide, Renaming a DB instance",
            ),
            "vpcSecurityGroupIds": ChangeEffect(
                "who may connect changes",
                "none, unless a client is no longer let in",
                "RDS User Guide, Controlling access with security groups",
            ),
            "port": ChangeEffect(
                "the database restarts on another port", RESTART_DOWNTIME, REBOOT_TIME_SOURCE
            ),
        },
        protections=(
            ProtectionRule(
                "backupRetentionPeriod",
                "on",
                "an outage while automated backups are turned on",
                RETENTION_OUTAGE_SOURCE,
                interrupts=True,
                downtime=RETENTION_OUTAGE_DOWNTIME,
            ),
            ProtectionRule(
                "publiclyAccessible",
                "on",
                "the database gets a public address",
                "RDS User Guide, Working with a DB instance in a VPC",
            ),
            ProtectionRule(
                "deleteAutomatedBackups",
                "on",
                "a later deletion also deletes its automated backups",
                "RDS User Guide, Retaining automated backups",
            ),
            ProtectionRule(
                "enabledCloudwatchLogsExports",
                "removed",
                "these logs are no longer kept in CloudWatch",
                "RDS User Guide, Publishing logs",
            ),
            ProtectionRule(
                "engineLifecycleSupport",
                "changed",
                "after the end of standard support, RDS either bills Extended Support or upgrades "
                "the major version by itself",
                "RDS User Guide, Amazon RDS Extended Support",
            ),
            ProtectionRule(
                "databaseInsightsMode",
                "changed",
                "its load is kept for fewer or more days: Standard 7, Advanced 15 months",
                "RDS User Guide, Database Insights",
            ),
            ProtectionRule(
                "performanceInsightsEnabled",
                "off",
                "its load is no longer recorded",
                "RDS User Guide, Performance Insights",
            ),
            ProtectionRule(
                "performanceInsightsRetentionPeriod",
                "lower",
                "its load is kept for fewer days",
                "RDS User Guide, Performance Insights",
            ),
            ProtectionRule(
                "monitoringInterval",
                "zero",
                "enhanced monitoring stops",
                "RDS User Guide, Enhanced Monitoring",
            ),
            ProtectionRule(
                "monitoringInterval",
                "changed",
                "enhanced monitoring has another interval",
                "RDS User Guide, Enhanced Monitoring",
            ),
            ProtectionRule(
                "maxAllocatedStorage",
                "lower",
                "storage grows less far by itself: a full disk stops the database",
                "RDS User Guide, Storage autoscaling",
            ),
            ProtectionRule(
                "maxAllocatedStorage",
                "zero",
                "storage no longer grows by itself: a full disk stops the database",
                "RDS User Guide, Storage autoscaling",
            ),
            ProtectionRule(
                "backupRetentionPeriod",
                "zero",
                "ALL AUTOMATED BACKUPS ARE DELETED, and with them point-in-time recovery, "
                "with an outage",
                f"RDS User Guide, Disabling automated backups: at once; {RETENTION_OUTAGE_SOURCE}",
                loses_data=True,
                downtime=RETENTION_OUTAGE_DOWNTIME,
            ),
            ProtectionRule(
                "backupRetentionPeriod",
                "lower",
                "automated backups older than that are deleted",
                "RDS User Guide, Backup retention period",
            ),
            ProtectionRule(
                "deletionProtection",
                "off",
                "deletion protection is turned off",
                "RDS User Guide, Deleting a DB instance",
            ),
            ProtectionRule(
                "skipFinalSnapshot",
                "on",
                "a later deletion takes no final snapshot",
                "RDS User Guide, Deleting a DB instance",
            ),
        ),
        encryption=Encryption(
            rule="database-encrypted",
            description="A database's storage is encrypted.",
            controls=("RDS.3",),
            true_properties=("storageEncrypted",),
        ),
        has_maintenance_window=True,
        must_be_protected=True,
        is_taggable=True,
    ),
    ResourceFact(
        type="aws:rds/instanceAutomatedBackupsReplication:InstanceAutomatedBackupsReplication",
        replacing=("kmsKeyId", "sourceDbInstanceArn", "retentionPeriod"),
        list_charges=build_usage_lister("replicated backups", "transfer"),
        data_loss=DataLoss(
            ("the replicated backups in the recovery region, needed if the region is lost"),
            "none; no recovery in the other region until they are replicated again",
            "RDS User Guide, Replicating automated backups to another AWS Region",
        ),
    ),
    ResourceFact(
        type="aws:rds/parameterGroup:ParameterGroup",
        replacing=("family",),
        updates={
            "parameters": ChangeEffect(
                "static parameters take effect at the next reboot, dynamic ones at once",
                "none until then; the reboot about 1 min; with many writes before it longer",
                f"RDS User Guide, DB parameter groups; {REBOOT_TIME_SOURCE}",
            )
        },
        removal=ChangeEffect(
            "the database uses another group, whose static parameters need a reboot",
            RESTART_DOWNTIME,
            REBOOT_TIME_SOURCE,
        ),
        is_taggable=True,
    ),
    ResourceFact(
        type="aws:rds/subnetGroup:SubnetGroup",
        updates={
            "subnetIds": ChangeEffect(
                "the database may move to other subnets; one in use cannot be removed",
                "none, unless it is moved",
                "RDS User Guide, Working with a DB instance in a VPC",
            ),
        },
        removal=ChangeEffect(
            "a database in it is replaced too, or AWS refuses",
            RECREATION_DOWNTIME,
            "RDS User Guide, Working with a DB instance in a VPC",
        ),
        is_taggable=True,
    ),
)
