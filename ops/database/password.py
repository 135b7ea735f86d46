"""Rotates the database password with the stack's function and restarts what uses it.

Secrets Manager calls the function (docs/decisions/0003), which sets the new password at RDS and
restarts the services. The rotation has a token, so repeating the call does not rotate again.
"""

from typing import Final

from ops.core.aws import Aws
from ops.core.errors import OpsError
from ops.core.plan import Plan, Sql, Step, Wait
from ops.core.stack_plan import NO_COST, build_stack_plan
from ops.database.events import PASSWORD_FAILURES, build_failure_reports
from ops.database.instance import (
    PENDING_CHANGES_PATH,
    DatabaseInstance,
    describe_instance_call,
    rds_call,
    require_takes,
)
from ops.database.statuses import STEADY, Change, build_failed_conditions
from ops.outputs import Outputs
from ops.services.deployment_steps import build_force_deployment_step
from ops.services.model import ServiceState

TYPICAL_ROTATION_SECONDS: Final = 90
ROTATION_TIME_SOURCE: Final = (
    "an assumption, AWS gives no figure: a function of four steps, and half a minute for RDS"
)
ROTATION_TOKEN_CHARACTERS: Final = (
    64  # characters; the minimum is 32. Source: API reference, RotateSecret
)
ROTATION_TIMEOUT_SECONDS: Final = 30 * 60  # includes Secrets Manager's own retries


def require_rotatable(outputs: Outputs, response: object, instance: DatabaseInstance) -> None:
    """Raises OpsError unless RDS takes a password and the secret can be rotated now.

    `response` is the description of the secret.
    """
    require_takes(instance, "before its password is rotated", Change.MODIFY)
    description: dict[str, object] = response if isinstance(response, dict) else {}
    if not description.get("RotationEnabled"):
        raise OpsError(
            f"rotation is off for the secret {outputs.database.secret_arn}: run `pulumi up` first"
        )
    stages_by_version = description.get("VersionIdsToStages")
    for version, stage_labels in (
        stages_by_version.items() if isinstance(stages_by_version, dict) else ()
    ):
        if "AWSPENDING" in stage_labels and "AWSCURRENT" not in stage_labels:
            raise OpsError(
                f"a rotation is in progress or stuck: version {version} is pending; see the log of "
                "the rotation function",
                "ops db status",
            )


def get_rotation_token(run: str) -> str:
    """Returns the token of a rotation, which becomes the id of the secret's new version.

    Made from the run, so that the plan's hash does not change (Plan.digest).
    """
    return f"bulwark-{run:-<24}"[:ROTATION_TOKEN_CHARACTERS]


def describe_database_secret(aws: Aws, outputs: Outputs) -> object:
    """Returns the description of the database's secret, without its value."""
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
    """Builds the plan that rotates the password, waits for RDS and restarts every service.

    With `check` it also connects with the new password, which needs access to the database. There
    is no undo: the old password may have leaked.
    """
    token = get_rotation_token(run)
    stages_path = f'VersionIdsToStages."{token}" || `[]`'
    secret_params = {"SecretId": outputs.database.secret_arn}
    steps = [
        Step(
            name="rotate",
            description=f"rotate the password of {instance.identifier}",
            action=rds_call(
                outputs,
                "secretsmanager.rotate_secret",
                {**secret_params, "ClientRequestToken": token},
            ),
            goal=Wait(
                read=rds_call(outputs, "secretsmanager.describe_secret", {**secret_params}),
                met={f"contains({stages_path}, 'AWSCURRENT')": True},
                begun={f"contains({stages_path}, 'AWSPENDING')": True},
                within=ROTATION_TIMEOUT_SECONDS,
                typical=TYPICAL_ROTATION_SECONDS,
                source=ROTATION_TIME_SOURCE,
            ),
        ),
        Step(
            name="taken",
            description=f"wait until {instance.identifier} uses the new password",
            action=describe_instance_call(outputs, instance.identifier),
            goal=Wait(
                read=describe_instance_call(outputs, instance.identifier),
                met={
                    **STEADY,
                    f"{PENDING_CHANGES_PATH}.MasterUserPassword": None,
                },
                failed=build_failed_conditions(),
                reports=build_failure_reports(outputs, instance.identifier, PASSWORD_FAILURES),
                every=10,
                within=900,
            ),
        ),
        *(
            build_force_deployment_step(aws, service, f"restart_{number}")
            for number, service in enumerate(services, 1)
        ),
    ]
    if check:
        check_query = Sql(statement="SELECT 1 AS answers")
        description = "log in to the database with the new password"
        goal = Wait(read=check_query, met={"rows[0].answers": 1}, every=5, within=300)
        steps.append(Step(name="answers", description=description, action=check_query, goal=goal))
    notes = (
        "until its tasks are restarted, a service cannot open new connections; open ones keep "
        "working",
        "open sessions stay logged in; end them with `ops db kill-idle`",
        *(
            ["the fleet is refreshed too; follow it with `ops fleet refresh status`"]
            if outputs.fleet
            else []
        ),
    )
    return build_stack_plan(
        outputs,
        run,
        "db rotate-password",
        *steps,
        changes=["password of the database: current -> a new random one"],
        losses=(),
        cost=NO_COST,
        notes=notes,
    )
