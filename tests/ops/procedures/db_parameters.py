"""`ops db parameters --set`."""

from typing import Final

from ops.core.plan import Plan
from ops.database import instance as database
from ops.database import parameters
from tests.ops.db_stage import put as put_database
from tests.ops.db_stage import seen
from tests.ops.procedures import Procedure
from tests.ops.stage import Stage

GROUP: Final = "bulwark-test-database-16"


def put(on: Stage) -> None:
    rds = on.client("rds")
    rds.create_db_parameter_group(
        DBParameterGroupName=GROUP, DBParameterGroupFamily="postgres16", Description="a group"
    )
    one = {"ParameterName": "work_mem", "ParameterValue": "4096", "ApplyMethod": "immediate"}
    rds.modify_db_parameter_group(DBParameterGroupName=GROUP, Parameters=[one])
    put_database(on, DBParameterGroupName=GROUP)


def planned(on: Stage) -> Plan:
    known = parameters.list_database_parameters(on.aws, on.outputs, GROUP)
    wanted = parameters.resolve_parameter_changes(
        known, {"work_mem": "8192", "max_connections": "200"}
    )
    found = database.get_primary(on.aws, on.outputs)
    return parameters.build_parameter_change_plan(on.outputs, found, wanted, "parameters-1")


def facts(on: Stage) -> tuple[object, ...]:
    own = parameters.list_database_parameters(on.aws, on.outputs, GROUP, user_only=True)
    state = seen(on)["DBParameterGroups"][0]["ParameterApplyStatus"]
    return [(one.name, one.value) for one in own], state


PROCEDURES: Final = (
    Procedure(
        "db parameters", "--set work_mem=8192", put, planned, facts, undone=lambda on: facts(on)[0]
    ),
)
