"""RDS: the classes that PostgreSQL can be ordered on."""

from typing import Any

from moto.rds.responses import RDSResponse

from components.facts.instance_classes import RDS_FAMILIES
from sandbox.patches.patching import AwsError, ServicePatch
from sandbox.patches.rds.instances import get_full_postgres_version
from sandbox.patches.rds.versions import DEPRECATED_POSTGRES_VERSIONS

patch = ServicePatch()
ApiRecord = dict[str, Any]
# gp3 of PostgreSQL, GiB: RDS User Guide, "Amazon RDS DB instance storage".
ORDERABLE_MIN_GIB, ORDERABLE_MAX_GIB = 20, 65536


@patch.replace_operation(RDSResponse, "DescribeOrderableDBInstanceOptions")
def describe_orderable_options(response: RDSResponse, params: ApiRecord) -> ApiRecord:
    """Each class once, with gp3, in all zones of the region."""
    engine, version = str(params.get("Engine")), str(params.get("EngineVersion") or "")
    if engine != "postgres":
        moto_options = response.backend.describe_orderable_db_instance_options(engine, version)
        if not moto_options:
            raise AwsError("InvalidParameterValue", f"Invalid DB engine: {engine}")
        return {"OrderableDBInstanceOptions": moto_options}
    if version in DEPRECATED_POSTGRES_VERSIONS:
        return {"OrderableDBInstanceOptions": []}
    zones = [{"Name": f"{response.region}{letter}"} for letter in "abc"]
    orderable_options = [
        {
            "Engine": "postgres",
            "EngineVersion": get_full_postgres_version(version or None),
            "DBInstanceClass": f"db.{family}.{size}",
            "LicenseModel": "postgresql-license",
            "AvailabilityZones": zones,
            "MultiAZCapable": True,
            "ReadReplicaCapable": True,
            "Vpc": True,
            "SupportsStorageEncryption": True,
            "StorageType": "gp3",
            "SupportsIops": True,
            "SupportsEnhancedMonitoring": True,
            "SupportsIAMDatabaseAuthentication": True,
            "SupportsPerformanceInsights": True,
            "MinStorageSize": ORDERABLE_MIN_GIB,
            "MaxStorageSize": ORDERABLE_MAX_GIB,
            "SupportsStorageAutoscaling": True,
        }
        for family, sizes in RDS_FAMILIES.items()
        for size in sizes
        if params.get("DBInstanceClass") in (None, f"db.{family}.{size}")
    ]
    return {"OrderableDBInstanceOptions": orderable_options}
