"""RDS: the classes that PostgreSQL can be ordered on."""

from typing import Any

from moto.rds.responses import RDSResponse

from components.instance_classes import RDS_FAMILIES
from sandbox.patches.patching import Mend, Refused
from sandbox.patches.rds.instances import full_version

mend = Mend()
Record = dict[str, Any]
# gp3 of PostgreSQL, GiB: RDS User Guide, "Amazon RDS DB instance storage".
SMALLEST, LARGEST = 20, 65536


@mend.operation(RDSResponse, "DescribeOrderableDBInstanceOptions")
def options(response: RDSResponse, params: Record) -> Record:
    """Each class once, with gp3, in all zones of the region."""
    engine, version = str(params.get("Engine")), str(params.get("EngineVersion") or "")
    if engine != "postgres":
        known = response.backend.describe_orderable_db_instance_options(engine, version)
        if not known:
            raise Refused("InvalidParameterValue", f"Invalid DB engine: {engine}")
        return {"OrderableDBInstanceOptions": known}
    zones = [{"Name": f"{response.region}{letter}"} for letter in "abc"]
    found = [
        {
            "Engine": "postgres",
            "EngineVersion": full_version(version or None),
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
            "MinStorageSize": SMALLEST,
            "MaxStorageSize": LARGEST,
            "SupportsStorageAutoscaling": True,
        }
        for family, sizes in RDS_FAMILIES.items()
        for size in sizes
        if params.get("DBInstanceClass") in (None, f"db.{family}.{size}")
    ]
    return {"OrderableDBInstanceOptions": found}
