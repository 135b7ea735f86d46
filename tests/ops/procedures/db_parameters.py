"""`ops db parameters --set`."""

from typing import Final

from ops.core.plan import Plan
from ops.database import instance as database
from ops.database import parameters
from tests.ops.db_stage import describe_database
from tests.ops.db_stage import put_database as put_database
from tests.ops.procedures import Procedure
from tests.ops.stage import Stage

PARAMETER_GROUP: Final = "bulwark-test-database-16"


def put_database_with_group(stage: Stage) -> None:
    rds = stage.client("rds")
    rds.create_db_parameter_group(
        DBParameterGroupName=PARAMETER_GROUP,
        DBParameterGroupFamily="postgres16",
        Description="a group",
    )
    parameter = {"ParameterName": "work_mem", "ParameterValue": "4096", "ApplyMethod": "immediate"}
    rds.modify_db_parameter_group(DBParameterGroupName=PARAMETER_GROUP, Parameters=[parameter])
    put_database(stage, DBParameterGroupName=PARAMETER_GROUP)


def plan_parameters(stage: Stage) -> Plan:
    all_parameters = parameters.list_database_parameters(stage.aws, stage.outputs, PARAMETER_GROUP)
    changes = parameters.resolve_parameter_changes(
        all_parameters, {"work_mem": "8192", "max_connections": "200"}
    )
    instance = database.get_primary(stage.aws, stage.outputs)
    return parameters.build_parameter_change_plan(stage.outputs, instance, changes, "parameters-1")


def collect_parameter_facts(stage: Stage) -> tuple[object, ...]:
    user_parameters = parameters.list_database_parameters(
        stage.aws, stage.outputs, PARAMETER_GROUP, user_only=True
    )
    state = describe_database(stage)["DBParameterGroups"][0]["ParameterApplyStatus"]
    return [(parameter.name, parameter.value) for parameter in user_parameters], state


PROCEDURES: Final = (
    Procedure(
        "db parameters",
        "--set work_mem=8192",
        put_database_with_group,
        plan_parameters,
        collect_parameter_facts,
        collect_undone_facts=lambda stage: collect_parameter_facts(stage)[0],
    ),
)
