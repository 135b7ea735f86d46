"""Another password for the database: rotated by the stack's function, and read by whoever uses it.

Secrets Manager calls the function of the stack (docs/decisions/0003), which tells RDS the new
password and starts the services anew. A rotation has a token, so that it is one however often it
is asked for.
"""

from typing import Final

from ops.core.aws import Aws
from ops.core.errors import OpsError
from ops.core.plan import Plan, Sql, Step, Wait
from ops.core.stack_plan import build_stack_plan
from ops.database import instance as database
from ops.database.instance import DATABASE_STATUS_PATH, PENDING_CHANGES_PATH, DatabaseInstance
from ops.outputs import Outputs
from ops.services import deploy as deployments
from ops.services.model import ServiceState

TYPICAL_ROTATION_SECONDS: Final = 90
ROTATION_TIME_SOURCE: Final = (
    "an assumption, AWS states none: a function of four steps, and RDS half a minute"
)
ROTATION_TOKEN_CHARACTERS: Final = (
    64  # characters, of 32 at least. Source: API reference, RotateSecret
)
ROTATION_TIMEOUT_SECONDS: Final = 30 * 60  # Secrets Manager tries a failed rotation again meanwhile


def require_rotatable(outputs: Outputs, response: object, instance: DatabaseInstance) -> None:
    """Raises OpsError where the database cannot be given another password now.

    `secret` is the description of its secret.
    """
    database.require_available(instance, "to be given another password")
    description: dict[str, object] = response if isinstance(response, dict) else {}
    if not description.get("RotationEnabled"):
        raise OpsError(
            f"the secret {outputs.database.secret_arn} has no rotation: run `pulumi up` first"
        )
    stages_by_version = description.get("VersionIdsToStages")
    for version, stage_labels in (
        stages_by_version.items() if isinstance(stages_by_version, dict) else ()
    ):
        if "AWSPENDING" in stage_labels and "AWSCURRENT" not in stage_labels:
            raise OpsError(
                f"a rotation is on its way or has stuck: version {version} is pending; look at the "
                "log of the rotation function",
                "ops db status",
            )


def get_rotation_token(run: str) -> str:
    """The token of a new version of the secret, which is the version's id.

    The run itself, so that the plan's hash is the same for the same plan (Plan.digest).
    """
    return f"bulwark-{run:-<24}"[:ROTATION_TOKEN_CHARACTERS]


def describe_database_secret(aws: Aws, outputs: Outputs) -> object:
    """The description of the database's secret, without what is in it."""
    return aws.call("secretsmanager.describe_secret", {"SecretId": outputs.database.secret_arn})


def build_password_rotation_plan(
    aws: Aws,
    outputs: Outputs,
    instance: DatabaseInstance,
    services: list[ServiceState],
    run: str,
    *,
    check: bool = False,
) -> Plan:
    """The password is another, RDS has taken it, and every service has read it.

    With `check` the new password is tried, which takes a way to the database. There is no undo:
    the password of before may be known to somebody, which is why it was rotated.
    """
    token = get_rotation_token(run)
    stages_path = f'VersionIdsToStages."{token}" || `[]`'
    secret_params = {"SecretId": outputs.database.secret_arn}
    steps = [
        Step(
            name="rotate",
            description=f"rotate the password of {instance.identifier}",
            action=database.rds_call(
                outputs,
                "secretsmanager.rotate_secret",
                {**secret_params, "ClientRequestToken": token},
            ),
            goal=Wait(
                read=database.rds_call(
                    outputs, "secretsmanager.describe_secret", {**secret_params}
                ),
                met={f"contains({stages_path}, 'AWSCURRENT')": True},
                begun={f"contains({stages_path}, 'AWSPENDING')": True},
                within=ROTATION_TIMEOUT_SECONDS,
                typical=TYPICAL_ROTATION_SECONDS,
                source=ROTATION_TIME_SOURCE,
            ),
        ),
        Step(
            name="taken",
            description=f"see that {instance.identifier} has taken it",
            action=database.describe_instance_call(outputs, instance.identifier),
            goal=Wait(
                read=database.describe_instance_call(outputs, instance.identifier),
                met={
                    DATABASE_STATUS_PATH: "available",
                    f"{PENDING_CHANGES_PATH}.MasterUserPassword": None,
                },
                failed={DATABASE_STATUS_PATH: list(database.FAILED_STATUSES)},
                every=10,
                within=900,
            ),
        ),
        *(
            deployments.build_force_deployment_step(aws, service, f"restart_{number}")
            for number, service in enumerate(services, 1)
        ),
    ]
    if check:
        check_query = Sql(statement="SELECT 1 AS answers")
        description = "see that the database takes the new password"
        goal = Wait(read=check_query, met={"rows[0].answers": 1}, every=5, within=300)
        steps.append(Step(name="answers", description=description, action=check_query, goal=goal))
    notes = (
        "from the change at RDS until a task is started anew, its new connections are refused; "
        "those that it has go on",
        "a new password closes no session: end those of the old one with `ops db kill-idle`",
        *(
            ["the function refreshes the fleet too: look with `ops fleet refresh status`"]
            if outputs.fleet
            else []
        ),
        "there is no undo",
    )
    return build_stack_plan(outputs, run, "db rotate-password", *steps, notes=notes)
