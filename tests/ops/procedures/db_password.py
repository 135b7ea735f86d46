"""`ops db rotate-password`."""

import io
import json
import zipfile
from typing import Final

from ops.core.plan import Plan
from ops.database import instance as database
from ops.database import password as rotating
from ops.services import model as services
from tests.ops import service_stage
from tests.ops.db_stage import describe_database
from tests.ops.db_stage import put_database as put_database
from tests.ops.procedures import Procedure
from tests.ops.stage import Stage

SECRET_NAME: Final = "bulwark-test-database-1"
SECRET_CONTENT: Final = {
    "dbname": "app",
    "username": "bulwark_admin",
    "password": "a-password-of-the-test",
}
RESTART_SETTING: Final = {"cluster": "bulwark-test", "services": ["backend"], "fleet": None}


def put_rotation_function(stage: Stage, *, target: str = "database") -> None:
    """The secret with the stack's own function, which nobody has called yet."""
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    role = stage.client("iam").create_role(RoleName="rotation", AssumeRolePolicyDocument=trust)
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("rotate.py", "def handler(event, context): pass")
    functions = stage.client("lambda")
    function = functions.create_function(
        FunctionName="rotation",
        Runtime="python3.13",
        Handler="rotate.handler",
        Role=role["Role"]["Arn"],
        Code={"ZipFile": code.getvalue()},
        Environment={
            "Variables": {
                "TARGET": target,
                "IDENTIFIER": stage.outputs.database.identifier,
                "FIRST_STAGE": "first",
                "RESTART": json.dumps(RESTART_SETTING),
            }
        },
    )
    functions.add_permission(
        FunctionName="rotation",
        StatementId="s",
        Action="lambda:InvokeFunction",
        Principal="secretsmanager.amazonaws.com",
    )
    secrets = stage.client("secretsmanager")
    secret_arns = {secret["Name"]: secret["ARN"] for secret in secrets.list_secrets()["SecretList"]}
    arn = (
        secret_arns.get(SECRET_NAME)
        or secrets.create_secret(Name=SECRET_NAME, SecretString=json.dumps(SECRET_CONTENT))["ARN"]
    )
    secrets.rotate_secret(
        SecretId=arn,
        RotationLambdaARN=function["FunctionArn"],
        RotationRules={"AutomaticallyAfterDays": 30},
        RotateImmediately=False,
    )
    part = stage.outputs.database.model_copy(update={"secret_arn": arn})
    stage.outputs = service_stage.build_backend_only_outputs().model_copy(
        update={"database": part, "fleet": None}
    )


def put_rotatable_database(stage: Stage) -> None:
    put_database(stage)
    service_stage.put_services(stage)
    put_rotation_function(stage)
    stage.clock.sleep(3600)


def plan_rotation(stage: Stage) -> Plan:
    instance = database.get_primary(stage.aws, stage.outputs)
    service = services.get_service(stage.aws, stage.outputs, "backend")
    return rotating.build_password_rotation_plan(
        stage.aws, stage.outputs, instance, [service], "rotate-1"
    )


def collect_rotation_facts(on: Stage) -> tuple[object, ...]:
    on.clock.sleep(3600)
    described = on.client("secretsmanager").describe_secret(SecretId=SECRET_NAME)
    # AWSPENDING may stay with the version that has become the current one.
    version_stages = described["VersionIdsToStages"].values()
    stages = sorted([name for name in stage if name != "AWSPENDING"] for stage in version_stages)
    history = on.client("ecs").list_service_deployments(cluster="bulwark-test", service="backend")
    deployment_statuses = [deployment["status"] for deployment in history["serviceDeployments"]]
    return (
        describe_database(on)["DBInstanceStatus"],
        stages,
        deployment_statuses,
        service_stage.describe_service(on)["runningCount"],
    )


# The stack's own function starts the services anew.
RESTART_STEPS: Final = frozenset({"restart_1"})
PROCEDURES: Final = (
    Procedure(
        "db rotate-password",
        "",
        put_rotatable_database,
        plan_rotation,
        collect_rotation_facts,
        steps_maybe_done=RESTART_STEPS,
    ),
)
