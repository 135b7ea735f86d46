"""RDS: the parameters of PostgreSQL that there are, with what each may be.

A part of what RDS has for its engine `postgres` (some 400): those that people change, with their
types and limits of PostgreSQL's manual and RDS's own lists.
"""

from collections.abc import Iterator
from typing import Any, Final

from moto.rds.models import DBParameterGroup, RDSBackend
from moto.rds.responses import RDSResponse

from sandbox.patches.patching import Mend, Refused

mend = Mend()
Record = dict[str, Any]
LIBRARIES: Final = (
    "auto_explain,orafce,pgaudit,pglogical,pg_bigm,pg_cron,pg_hint_plan,pg_prewarm,pg_similarity,"
    "pg_stat_statements,pg_tle,pg_transport,plprofiler,plrust"
)
LARGEST: Final = 2147483647
# Name, type, what it may be, and the default where it is no engine's own; `!` is static, `-` is
# what nobody may change.
KNOWN: Final = f"""
autovacuum boolean 0,1
autovacuum_max_workers! integer 1-262143
autovacuum_vacuum_scale_factor float 0-100
checkpoint_timeout integer 30-3600
default_statistics_target integer 1-10000
effective_cache_size integer 1-{LARGEST} {{DBInstanceClassMemory/16384}}
fsync- boolean 0,1 1
idle_in_transaction_session_timeout integer 0-{LARGEST} 86400000
lock_timeout integer 0-{LARGEST}
log_autovacuum_min_duration integer -1-{LARGEST} 10000
log_connections boolean 0,1
log_disconnections boolean 0,1
log_lock_waits boolean 0,1
log_min_duration_statement integer -1-{LARGEST}
log_statement string none,ddl,mod,all
log_temp_files integer -1-{LARGEST}
maintenance_work_mem integer 1024-{LARGEST} GREATEST({{DBInstanceClassMemory/63963136*1024}},65536)
max_connections! integer 6-262143 LEAST({{DBInstanceClassMemory/9531392}},5000)
max_parallel_workers integer 0-1024
max_wal_size integer 2-{LARGEST}
max_worker_processes! integer 0-262143 GREATEST({{DBInstanceVCPU*2}},8)
pg_stat_statements.max! integer 100-{LARGEST}
random_page_cost float 0-1.79769e+308
rds.force_ssl boolean 0,1 1
rds.logical_replication! boolean 0,1 0
shared_buffers! integer 16-1073741823 {{DBInstanceClassMemory/32768}}
shared_preload_libraries! list {LIBRARIES} pg_stat_statements
statement_timeout integer 0-{LARGEST}
track_io_timing boolean 0,1
wal_buffers! integer -1-262143
work_mem integer 64-{LARGEST}
"""


def _known() -> Iterator[Record]:
    for line in KNOWN.strip().splitlines():
        name, kind, allowed, *default = line.split(" ", 3)
        yield {
            "ParameterName": name.rstrip("!-"),
            "DataType": kind,
            "AllowedValues": allowed,
            "ApplyType": "static" if name.endswith("!") else "dynamic",
            "IsModifiable": not name.endswith("-"),
            "ApplyMethod": "pending-reboot",
            **({"ParameterValue": default[0], "Source": "system"} if default else {}),
            **({} if default else {"Source": "engine-default"}),
        }


PARAMETERS: Final = {one["ParameterName"]: one for one in _known()}


def _whole(group: DBParameterGroup) -> list[Record]:
    """What there is, with what the group says of it; a name that is not in the table is its own."""
    own: dict[str, Record] = {
        name: {
            **PARAMETERS.get(name, {"ApplyType": "dynamic", "DataType": "string"}),
            **value,
            "Source": "user",
            "IsModifiable": True,
        }
        for name, value in group.parameters.items()
    }
    postgres = str(group.family).startswith("postgres")
    return sorted(
        ({**PARAMETERS, **own} if postgres else own).values(), key=lambda one: one["ParameterName"]
    )


@mend.operation(RDSResponse, "DescribeDBParameters")
def described(response: RDSResponse, params: Record) -> Record:
    """In pages, of one source where it is named."""
    name = params["DBParameterGroupName"]
    group = response.backend.db_parameter_groups.get(name)
    if group is None:
        raise Refused("DBParameterGroupNotFound", f"DBParameterGroup not found: {name}")
    source = params.get("Source")
    found = [one for one in _whole(group) if source in (None, one["Source"])]
    first, size = int(params.get("Marker") or 0), int(params.get("MaxRecords") or 100)
    left = {"Marker": str(first + size)} if len(found) > first + size else {}
    return {"Parameters": found[first : first + size], **left}


@mend.around(RDSBackend, "modify_db_parameter_group")
def modified(
    original: Any, backend: RDSBackend, name: str, changes: list[Record]
) -> DBParameterGroup:
    """A static parameter takes effect at a reboot, and nobody changes some."""
    for change in changes:
        known = PARAMETERS.get(change["ParameterName"])
        if known is None:
            continue
        if not known["IsModifiable"]:
            raise Refused(
                "InvalidParameterValue",
                f"The parameter {change['ParameterName']} cannot be modified.",
            )
        if known["ApplyType"] == "static" and change.get("ApplyMethod") != "pending-reboot":
            raise Refused(
                "InvalidParameterCombination",
                "cannot use immediate apply method for static parameter",
            )
    changed: DBParameterGroup = original(backend, name, changes)
    return changed
