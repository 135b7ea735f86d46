"""RDS: the parameters of PostgreSQL, with their types and allowed values.

A part of what RDS has for its engine `postgres` (some 400): those that people change, with their
types and limits of PostgreSQL's manual and RDS's own lists.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from moto.rds.models import DBParameterGroup, RDSBackend
from moto.rds.responses import RDSResponse

from sandbox.patches.patching import AwsError, ServicePatch
from sandbox.postgres.extensions import list_rds_extensions

patch = ServicePatch()
ApiRecord = dict[str, Any]
PRELOAD_LIBRARIES: Final = (
    "auto_explain,orafce,pgaudit,pglogical,pg_bigm,pg_cron,pg_hint_plan,pg_prewarm,pg_similarity,"
    "pg_stat_statements,pg_tle,pg_transport,plprofiler,plrust"
)
INT_MAX: Final = 2147483647
# Name, type, what it may be, and the default where it is no engine's own; `!` is static, `-` is
# what nobody may change.
PARAMETER_TABLE: Final = f"""
autovacuum boolean 0,1
autovacuum_max_workers! integer 1-262143
autovacuum_vacuum_scale_factor float 0-100
checkpoint_timeout integer 30-3600
default_statistics_target integer 1-10000
effective_cache_size integer 1-{INT_MAX} {{DBInstanceClassMemory/16384}}
fsync- boolean 0,1 1
idle_in_transaction_session_timeout integer 0-{INT_MAX} 86400000
lock_timeout integer 0-{INT_MAX}
log_autovacuum_min_duration integer -1-{INT_MAX} 10000
log_connections boolean 0,1
log_disconnections boolean 0,1
log_lock_waits boolean 0,1
log_min_duration_statement integer -1-{INT_MAX}
log_statement string none,ddl,mod,all
log_temp_files integer -1-{INT_MAX}
maintenance_work_mem integer 1024-{INT_MAX} GREATEST({{DBInstanceClassMemory/63963136*1024}},65536)
max_connections! integer 6-262143 LEAST({{DBInstanceClassMemory/9531392}},5000)
max_parallel_workers integer 0-1024
max_prepared_transactions! integer 0-262143 0
max_wal_size integer 2-{INT_MAX}
max_worker_processes! integer 0-262143 GREATEST({{DBInstanceVCPU*2}},8)
pg_stat_statements.max! integer 100-{INT_MAX}
random_page_cost float 0-1.79769e+308
rds.force_ssl boolean 0,1 1
rds.logical_replication! boolean 0,1 0
shared_buffers! integer 16-1073741823 {{DBInstanceClassMemory/32768}}
shared_preload_libraries! list {PRELOAD_LIBRARIES} pg_stat_statements
statement_timeout integer 0-{INT_MAX}
track_io_timing boolean 0,1
wal_buffers! integer -1-262143
work_mem integer 64-{INT_MAX}
"""


def _parse_parameter_table() -> Iterator[ApiRecord]:
    for line in PARAMETER_TABLE.strip().splitlines():
        name, data_type, allowed, *default = line.split(" ", 3)
        yield {
            "ParameterName": name.rstrip("!-"),
            "DataType": data_type,
            "AllowedValues": allowed,
            "ApplyType": "static" if name.endswith("!") else "dynamic",
            "IsModifiable": not name.endswith("-"),
            "ApplyMethod": "pending-reboot",
            **({"ParameterValue": default[0], "Source": "system"} if default else {}),
            **({} if default else {"Source": "engine-default"}),
        }


POSTGRES_PARAMETERS: Final = {entry["ParameterName"]: entry for entry in _parse_parameter_table()}


def _list_group_parameters(group: DBParameterGroup) -> list[ApiRecord]:
    """All parameters with the group's values; names that are not in the table are added."""
    group_parameters: dict[str, ApiRecord] = {
        name: {
            **POSTGRES_PARAMETERS.get(name, {"ApplyType": "dynamic", "DataType": "string"}),
            **value,
            "Source": "user",
            "IsModifiable": True,
        }
        for name, value in group.parameters.items()
    }
    postgres = str(group.family).startswith("postgres")
    return sorted(
        ({**POSTGRES_PARAMETERS, **group_parameters} if postgres else group_parameters).values(),
        key=lambda parameter: parameter["ParameterName"],
    )


@patch.replace_operation(RDSResponse, "DescribeDBParameters")
def describe_db_parameters(response: RDSResponse, params: ApiRecord) -> ApiRecord:
    """In pages, of one source where it is named."""
    name = params["DBParameterGroupName"]
    group = response.backend.db_parameter_groups.get(name)
    if group is None:
        raise AwsError("DBParameterGroupNotFound", f"DBParameterGroup not found: {name}")
    source = params.get("Source")
    parameters = [
        parameter
        for parameter in _list_group_parameters(group)
        if source in (None, parameter["Source"])
    ]
    first, size = int(params.get("Marker") or 0), int(params.get("MaxRecords") or 100)
    next_marker = {"Marker": str(first + size)} if len(parameters) > first + size else {}
    return {"Parameters": parameters[first : first + size], **next_marker}


@patch.add_operation(RDSResponse, "DescribeEngineDefaultParameters")
def describe_engine_default_parameters(response: RDSResponse, params: ApiRecord) -> ApiRecord:
    """What a new group of the family has, with the extensions that RDS has for it; in pages."""
    family = str(params["DBParameterGroupFamily"])
    match = re.fullmatch(r"postgres(1[0-8])", family)
    if match is None:
        raise AwsError(
            "InvalidParameterValue", f"ParameterGroupFamily {family} is not a valid parameter group"
        )
    extensions = {
        "ParameterName": "rds.extensions",
        "ParameterValue": ",".join(list_rds_extensions(int(match[1]))),
        "DataType": "string",
        "ApplyType": "static",
        "IsModifiable": False,
        "Source": "system",
    }
    parameters = [*POSTGRES_PARAMETERS.values(), extensions]
    first, size = int(params.get("Marker") or 0), int(params.get("MaxRecords") or 100)
    next_marker = {"Marker": str(first + size)} if len(parameters) > first + size else {}
    return {
        "EngineDefaults": {
            "DBParameterGroupFamily": family,
            "Parameters": parameters[first : first + size],
            **next_marker,
        }
    }


@patch.wrap(RDSBackend, "modify_db_parameter_group")
def modify_modifiable_parameters(
    original: Any, backend: RDSBackend, name: str, changes: list[ApiRecord]
) -> DBParameterGroup:
    """Static parameters take effect at a reboot; some cannot be changed."""
    for change in changes:
        parameter = POSTGRES_PARAMETERS.get(change["ParameterName"])
        if parameter is None:
            continue
        if not parameter["IsModifiable"]:
            raise AwsError(
                "InvalidParameterValue",
                f"The parameter {change['ParameterName']} cannot be modified.",
            )
        if parameter["ApplyType"] == "static" and change.get("ApplyMethod") != "pending-reboot":
            raise AwsError(
                "InvalidParameterCombination",
                "cannot use immediate apply method for static parameter",
            )
    group: DBParameterGroup = original(backend, name, changes)
    return group
