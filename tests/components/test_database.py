"""The database: what RDS is asked for, per setting, and the controls that it meets."""

import json

import pytest
from pydantic import JsonValue

from components.database import CREATION_ONLY_PROPERTIES
from components.naming import build_stack_tags
from sandbox.program import RegisteredResource, ResourceGraph
from tests.components.stores import (
    DATABASE_SUBNET_IDS,
    DataStores,
    build_stores_graph,
    list_component_resources,
    run_stores_program,
)
from tests.world import build_settings

DATABASE_TYPE = "aws:rds/instance:Instance"
DB_PARAMETER_GROUP_TYPE = "aws:rds/parameterGroup:ParameterGroup"
LOG_GROUP_TYPE = "aws:cloudwatch/logGroup:LogGroup"
BACKUPS_REPLICATION_TYPE = (
    "aws:rds/instanceAutomatedBackupsReplication:InstanceAutomatedBackupsReplication"
)
SECRET_VERSION_TYPE = "aws:secretsmanager/secretVersion:SecretVersion"


def get_primary_resource(graph: ResourceGraph) -> RegisteredResource:
    return graph.get_resource(DATABASE_TYPE, "database")


@pytest.fixture
def prod() -> ResourceGraph:
    return build_stores_graph({"database": {"replicas": 2}})


@pytest.mark.parametrize(
    ("control", "name", "value"),
    [
        ("RDS.2", "publiclyAccessible", False),
        ("RDS.3", "storageEncrypted", True),
        ("RDS.4", "storageEncrypted", True),  # a snapshot is encrypted as its instance is
        ("RDS.5", "multiAz", True),
        ("RDS.6", "monitoringInterval", 60),
        ("RDS.8", "deletionProtection", True),
        ("RDS.9", "enabledCloudwatchLogsExports", ["postgresql", "upgrade", "iam-db-auth-error"]),
        ("RDS.36", "enabledCloudwatchLogsExports", ["postgresql", "upgrade", "iam-db-auth-error"]),
        ("RDS.10", "iamDatabaseAuthenticationEnabled", True),
        ("RDS.11", "backupRetentionPeriod", 30),
        ("RDS.13", "autoMinorVersionUpgrade", True),
        ("RDS.17", "copyTagsToSnapshot", True),
        ("RDS.23", "port", 5433),
        ("RDS.25", "username", "bulwark_admin"),
    ],
)
def test_the_prod_database_meets_the_security_control(
    prod: ResourceGraph, control: str, name: str, value: JsonValue
) -> None:
    assert get_primary_resource(prod).inputs[name] == value, control
    if control not in ("RDS.5", "RDS.11", "RDS.25"):  # a replica has neither, nor a user of its own
        replicas = [r for r in prod.list_resources(DATABASE_TYPE) if r.name != "database"]
        assert [r.inputs[name] for r in replicas] == [value, value], control


def test_rds_1_no_snapshot_is_shared(prod: ResourceGraph) -> None:
    assert not [r for r in prod if "snapshot" in r.type.lower()]


def test_rds_18_the_database_is_in_the_database_subnets_of_the_vpc(prod: ResourceGraph) -> None:
    group = prod.get_resource("aws:rds/subnetGroup:SubnetGroup")
    assert group.inputs["subnetIds"] == list(DATABASE_SUBNET_IDS.values())
    assert get_primary_resource(prod).inputs["dbSubnetGroupName"] == group.inputs["name"]


def test_rds_38_connections_are_by_tls_only(prod: ResourceGraph) -> None:
    group = prod.get_resource(DB_PARAMETER_GROUP_TYPE)
    force_ssl_parameter = {"name": "rds.force_ssl", "value": "1", "applyMethod": "immediate"}
    assert force_ssl_parameter in group.inputs["parameters"]
    assert {i.inputs["parameterGroupName"] for i in prod.list_resources(DATABASE_TYPE)} == {
        group.outputs["name"]
    }


def test_data_at_rest_is_encrypted_with_the_stacks_own_key(prod: ResourceGraph) -> None:
    key = prod.get_resource("aws:kms/key:Key", "keys-data").outputs["arn"]
    assert get_primary_resource(prod).inputs["kmsKeyId"] == key
    for instance in prod.list_resources(DATABASE_TYPE):
        assert instance.inputs["performanceInsightsKmsKeyId"] == key
    assert prod.get_resource("aws:secretsmanager/secret:Secret").inputs["kmsKeyId"] == key


def test_only_connected_clients_may_reach_the_database(prod: ResourceGraph) -> None:
    group = prod.get_resource("aws:ec2/securityGroup:SecurityGroup", "database-server")
    assert not group.inputs.get("ingress")
    assert not group.inputs.get("egress")
    assert all(
        i.inputs["vpcSecurityGroupIds"] == [group.id] for i in prod.list_resources(DATABASE_TYPE)
    )
    assert not [r for r in list_component_resources(prod, "database") if "Rule" in r.type]


def test_the_database_is_protected_if_the_stack_is(prod: ResourceGraph) -> None:
    kinds = (DATABASE_TYPE, "aws:secretsmanager/secret:Secret", SECRET_VERSION_TYPE)
    protected_resources = [r for r in list_component_resources(prod, "database") if r.type in kinds]
    assert len(protected_resources) == 5
    assert all(r.protect for r in protected_resources)
    assert (
        get_primary_resource(prod).inputs["finalSnapshotIdentifier"]
        == "bulwark-test-database-final-0a1b2c3d"
    )
    assert get_primary_resource(prod).inputs["skipFinalSnapshot"] is False
    assert get_primary_resource(prod).inputs["deleteAutomatedBackups"] is False
    dev = get_primary_resource(build_stores_graph(profile="dev"))
    assert not dev.protect
    assert dev.inputs["skipFinalSnapshot"] is False
    assert dev.inputs["deleteAutomatedBackups"] is False
    assert dev.inputs["deletionProtection"] is False


def test_a_database_is_discarded_only_if_the_settings_name_it() -> None:
    unprotected = get_primary_resource(build_stores_graph({"protect": False}))
    assert not unprotected.protect
    assert (unprotected.inputs["skipFinalSnapshot"], unprotected.inputs["deletionProtection"]) == (
        False,
        False,
    )
    discarded = get_primary_resource(
        build_stores_graph({"deletion": {"discard": ["database", "automatedBackups"]}})
    )
    assert discarded.protect
    assert discarded.inputs["skipFinalSnapshot"] is True
    assert discarded.inputs["deleteAutomatedBackups"] is True
    assert "finalSnapshotIdentifier" not in discarded.inputs


def test_log_groups_are_created_before_the_instances(prod: ResourceGraph) -> None:
    groups = {
        r.inputs["name"]: r
        for r in prod.list_resources(LOG_GROUP_TYPE)
        if "rds" in r.inputs["name"]
    }
    log_group_names = {
        f"/aws/rds/instance/{instance.inputs['identifier']}/{export}"
        for instance in prod.list_resources(DATABASE_TYPE)
        for export in instance.inputs["enabledCloudwatchLogsExports"]
    }
    assert groups.keys() == log_group_names
    assert len(log_group_names) == 9
    order = [r.urn for r in prod]
    for name, group in groups.items():
        instance = next(
            i for i in prod.list_resources(DATABASE_TYPE) if f"/{i.inputs['identifier']}/" in name
        )
        assert order.index(group.urn) < order.index(instance.urn)
        assert group.inputs["retentionInDays"] == 90
        assert group.inputs["kmsKeyId"]


def test_the_password_and_the_credentials_are_secret(prod: ResourceGraph) -> None:
    assert "password" in get_primary_resource(prod).secrets
    version = prod.get_resource(SECRET_VERSION_TYPE, "database-credentials")
    assert "secretString" in version.secrets
    content = json.loads(version.inputs["secretString"])
    assert content == {
        "engine": "postgres",
        "host": "database.rds.amazonaws.com",
        "port": 5433,
        "dbname": "app",
        "username": "bulwark_admin",
        "password": get_primary_resource(prod).inputs["password"],
    }


def test_pulumi_ignores_what_rotation_and_operations_change(prod: ResourceGraph) -> None:
    assert set(get_primary_resource(prod).ignore_changes) == {"password", *CREATION_ONLY_PROPERTIES}
    assert prod.get_resource(SECRET_VERSION_TYPE).ignore_changes == (
        "secretString",
        "versionStages",
    )


def test_the_password_has_only_characters_valid_for_rds_and_urls(prod: ResourceGraph) -> None:
    password_inputs = prod.get_resource("random:index/randomPassword:RandomPassword").inputs
    assert password_inputs["length"] == 32
    assert not set('/"@ :?#%&') & set(password_inputs["overrideSpecial"])


def test_enhanced_monitoring_has_a_role_that_only_this_database_may_use(
    prod: ResourceGraph,
) -> None:
    role = prod.get_resource("aws:iam/role:Role", "database-monitoring")
    (statement,) = json.loads(role.inputs["assumeRolePolicy"])["Statement"]
    assert statement["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "123456789012"},
        "ArnLike": {
            "aws:SourceArn": "arn:aws:rds:eu-north-1:123456789012:db:bulwark-test-database*"
        },
    }
    assert {i.inputs["monitoringRoleArn"] for i in prod.list_resources(DATABASE_TYPE)} == {
        role.outputs["arn"]
    }
    off = build_stores_graph({"database": {"monitoringSeconds": 0}})
    assert "monitoringRoleArn" not in get_primary_resource(off).inputs
    assert not [
        r for r in off.list_resources("aws:iam/role:Role") if r.name == "database-monitoring"
    ]


def test_replicas_omit_the_inputs_that_rds_copies_from_the_primary(
    prod: ResourceGraph,
) -> None:
    replicas = [i for i in prod.list_resources(DATABASE_TYPE) if i.name != "database"]
    assert {r.name: r.inputs["identifier"] for r in replicas} == {
        "database-replica-1": "bulwark-test-database-replica-1",
        "database-replica-2": "bulwark-test-database-replica-2",
    }
    for replica in replicas:
        assert replica.inputs["replicateSourceDb"] == "bulwark-test-database"
        assert replica.inputs["skipFinalSnapshot"] is True
        # API reference, CreateDBInstanceReadReplica: a key only for a replica in another region.
        refused_properties = {
            "username",
            "password",
            "dbName",
            "dbSubnetGroupName",
            "allocatedStorage",
        }
        assert not (refused_properties | {"kmsKeyId"}) & replica.inputs.keys()


def test_replicas_may_have_a_class_of_their_own() -> None:
    database: dict[str, JsonValue] = {"replicas": 1, "replicaClass": "db.t4g.medium"}
    graph = build_stores_graph({"database": database})
    assert get_primary_resource(graph).inputs["instanceClass"] == "db.t4g.small"
    assert (
        graph.get_resource(DATABASE_TYPE, "database-replica-1").inputs["instanceClass"]
        == "db.t4g.medium"
    )


def test_automated_backups_are_kept_in_the_recovery_region_too(prod: ResourceGraph) -> None:
    replication = prod.get_resource(BACKUPS_REPLICATION_TYPE)
    assert replication.inputs["region"] == "eu-west-1"
    assert (
        replication.inputs["kmsKeyId"]
        == prod.get_resource("aws:kms/key:Key", "keys-recovery").outputs["arn"]
    )
    assert replication.inputs["sourceDbInstanceArn"] == get_primary_resource(prod).outputs["arn"]
    # A second replication of one instance would end with the first one.
    assert replication.delete_before_replace
    for values in ({"database": {"crossRegionBackups": False}}, {"recoveryRegion": None}):
        assert not build_stores_graph(values).list_resources(BACKUPS_REPLICATION_TYPE)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("source", "inputs"),
    [
        ({"snapshot": "last"}, {"snapshotIdentifier": "last"}),
        (
            {"instance": "old"},
            {
                "restoreToPointInTime": {
                    "sourceDbInstanceIdentifier": "old",
                    "useLatestRestorableTime": True,
                }
            },
        ),
        (
            {"resourceId": "db-OLD"},
            {
                "restoreToPointInTime": {
                    "sourceDbiResourceId": "db-OLD",
                    "useLatestRestorableTime": True,
                }
            },
        ),
        (
            {
                "automatedBackupArn": "arn:aws:rds:eu-north-1:123456789012:auto-backup:ab-x",
                "time": "2026-01-31T03:00:00Z",
            },
            {
                "restoreToPointInTime": {
                    "sourceDbInstanceAutomatedBackupsArn": (
                        "arn:aws:rds:eu-north-1:123456789012:auto-backup:ab-x"
                    ),
                    "restoreTime": "2026-01-31T03:00:00Z",
                }
            },
        ),
    ],
)
def test_a_restored_database_takes_size_and_names_from_its_backup(
    source: dict[str, JsonValue], inputs: dict[str, JsonValue]
) -> None:
    graph = build_stores_graph({"database": {"restoreFrom": source}})
    primary_inputs = get_primary_resource(graph).inputs
    assert {key: primary_inputs.get(key) for key in inputs} == inputs
    assert not {"dbName", "username", "allocatedStorage"} & primary_inputs.keys()
    assert primary_inputs["password"]
    content = json.loads(graph.get_resource(SECRET_VERSION_TYPE).inputs["secretString"])
    assert content["username"] == "bulwark_admin"


def test_a_restored_database_equals_a_new_one_but_for_ignored_inputs() -> None:
    new = get_primary_resource(build_stores_graph()).inputs
    restored = get_primary_resource(
        build_stores_graph({"database": {"restoreFrom": {"snapshot": "last"}}})
    ).inputs
    differs = {key for key in new.keys() | restored.keys() if new.get(key) != restored.get(key)}
    # The provider lets allocatedStorage alone where autoscaling made it larger.
    assert differs - {*CREATION_ONLY_PROPERTIES} == {"allocatedStorage"}
    assert new["maxAllocatedStorage"] > new["allocatedStorage"]


def test_a_major_version_brings_its_own_parameter_group_beside_the_old_one() -> None:
    groups = [
        build_stores_graph({"database": {"engineVersion": version}})
        .get_resource(DB_PARAMETER_GROUP_TYPE)
        .inputs
        for version in ("16", "17")
    ]
    assert [g["family"] for g in groups] == ["postgres16", "postgres17"]
    assert [g["namePrefix"] for g in groups] == [
        "bulwark-test-database-16-",
        "bulwark-test-database-17-",
    ]
    assert not [g for g in groups if "name" in g]


def test_iops_and_throughput_of_gp3_are_set_only_from_400_gb() -> None:
    small = get_primary_resource(build_stores_graph()).inputs
    assert small["storageType"] == "gp3"
    assert not {"iops", "storageThroughput"} & small.keys()
    values: dict[str, JsonValue] = {"storageGb": 400, "maxStorageGb": 800, "throughput": 1000}
    large = get_primary_resource(build_stores_graph({"database": values})).inputs
    assert (large["iops"], large["storageThroughput"]) == (12000, 1000)


def test_storage_from_400_gb_has_the_baseline_of_striped_volumes() -> None:
    """Else the provider sends the 3000 IOPS of before with the larger storage, and RDS refuses."""
    database: dict[str, JsonValue] = {"storageGb": 400, "maxStorageGb": 1000, "replicas": 1}
    graph = build_stores_graph({"database": database})
    primary = get_primary_resource(graph).inputs
    assert (primary["iops"], primary["storageThroughput"]) == (12000, 500)
    replica = graph.get_resource(DATABASE_TYPE, "database-replica-1").inputs
    assert not {"iops", "storageThroughput"} & replica.keys()
    restored: dict[str, JsonValue] = {**database, "restoreFrom": {"snapshot": "last"}}
    assert "iops" not in get_primary_resource(build_stores_graph({"database": restored})).inputs


def test_the_dev_database_is_small_without_a_standby() -> None:
    graph = build_stores_graph(profile="dev")
    dev = get_primary_resource(graph).inputs
    assert (dev["instanceClass"], dev["multiAz"], dev["backupRetentionPeriod"]) == (
        "db.t4g.micro",
        False,
        7,
    )
    assert dev["storageEncrypted"] is True
    assert "kmsKeyId" not in dev
    assert not graph.list_resources(BACKUPS_REPLICATION_TYPE)


def test_every_resource_is_parented_and_tagged(prod: ResourceGraph) -> None:
    component_resources = list_component_resources(prod, "database")
    tagged_resources = [r for r in component_resources if "tags" in r.inputs]
    assert len(tagged_resources) > 15
    for resource in tagged_resources:
        assert (
            build_stack_tags(build_settings(), "database").items()
            <= resource.inputs["tags"].items()
        )
    assert all(r.name.startswith("database") for r in component_resources)


def test_the_database_part_of_the_contract_is_complete() -> None:
    parts: list[dict[str, object]] = []
    run_stores_program(
        lambda stores: stores.database.part.apply(parts.append), {"database": {"replicas": 1}}
    )
    (part,) = parts
    assert part["identifier"] == "bulwark-test-database"
    assert part["endpoint"] == "database.rds.amazonaws.com"
    assert part["replicas"] == ["bulwark-test-database-replica-1"]
    assert part["replicatedBackupArn"]
    assert part["secretArn"]


def test_exported_names_are_known_before_the_resources_exist() -> None:
    def check_database(stores: DataStores) -> None:
        database = stores.database
        assert database.identifier == "bulwark-test-database"
        assert database.replica_identifiers == ("bulwark-test-database-replica-1",)
        assert (database.port, database.rotation_function) == (5433, "bulwark-test-rotation")

    run_stores_program(check_database, {"database": {"replicas": 1}})
