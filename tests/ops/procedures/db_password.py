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
from tests.ops.db_stage import put as put_database
from tests.ops.db_stage import seen
from tests.ops.procedures import Procedure
from tests.ops.stage import Stage

NAME: Final = "bulwark-test-database-1"
CONTENT: Final = {
    "dbname": "app",
    "username": "bulwark_admin",
    "password": "a-password-of-the-test",
}
RESTART: Final = {"cluster": "bulwark-test", "services": ["backend"], "fleet": None}


def put_rotation(on: Stage, *, target: str = "database") -> None:
    """The secret with the stack's own function, which nobody has called yet."""
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    role = on.client("iam").create_role(RoleName="rotation", AssumeRolePolicyDocument=trust)
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("rotate.py", "def handler(event, context): pass")
    functions = on.client("lambda")
    made = functions.create_function(
        FunctionName="rotation",
        Runtime="python3.13",
        Handler="rotate.handler",
        Role=role["Role"]["Arn"],
        Code={"ZipFile": code.getvalue()},
        Environment={
            "Variables": {
                "TARGET": target,
                "IDENTIFIER": on.outputs.database.identifier,
                "RESTART": json.dumps(RESTART),
            }
        },
    )
    functions.add_permission(
        FunctionName="rotation",
        StatementId="s",
        Action="lambda:InvokeFunction",
        Principal="secretsmanager.amazonaws.com",
    )
    secrets = on.client("secretsmanager")
    known = {s["Name"]: s["ARN"] for s in secrets.list_secrets()["SecretList"]}
    arn = (
        known.get(NAME) or secrets.create_secret(Name=NAME, SecretString=json.dumps(CONTENT))["ARN"]
    )
    secrets.rotate_secret(
        SecretId=arn,
        RotationLambdaARN=made["FunctionArn"],
        RotationRules={"AutomaticallyAfterDays": 30},
        RotateImmediately=False,
    )
    part = on.outputs.database.model_copy(update={"secret_arn": arn})
    on.outputs = service_stage.lonely().model_copy(update={"database": part, "fleet": None})


def put(on: Stage) -> None:
    put_database(on)
    service_stage.put(on)
    put_rotation(on)
    on.clock.sleep(3600)


def planned(on: Stage) -> Plan:
    found = database.get_primary(on.aws, on.outputs)
    one = services.one(on.aws, on.outputs, "backend")
    return rotating.build_password_rotation_plan(on.aws, on.outputs, found, [one], "rotate-1")


def facts(on: Stage) -> tuple[object, ...]:
    on.clock.sleep(3600)
    described = on.client("secretsmanager").describe_secret(SecretId=NAME)
    # AWSPENDING may stay with the version that has become the current one.
    found = described["VersionIdsToStages"].values()
    stages = sorted([name for name in stage if name != "AWSPENDING"] for stage in found)
    history = on.client("ecs").list_service_deployments(cluster="bulwark-test", service="backend")
    deployed = [d["status"] for d in history["serviceDeployments"]]
    return seen(on)["DBInstanceStatus"], stages, deployed, service_stage.seen(on)["runningCount"]


# The stack's own function starts the services anew.
RESTARTS: Final = frozenset({"restart_1"})
PROCEDURES: Final = (Procedure("db rotate-password", "", put, planned, facts, already=RESTARTS),)
