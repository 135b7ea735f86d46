"""The steps that lead services to another instance by the stack's secret."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ops.core.aws import Aws
from ops.core.errors import OpsError
from ops.core.plan import Call, JsonObject, SecretRewrite, Step, Wait
from ops.database.instance import rds_call
from ops.database.instance_in_use import (
    build_instance_label,
    find_current_version,
    list_unused_labels,
)
from ops.database.password import get_rotation_token
from ops.outputs import Outputs
from ops.services.deployment_steps import build_force_deployment_step
from ops.services.model import ServiceState

SECRET_SWITCH_DOWNTIME_SECONDS: Final = 5 * 60


def build_rotation_pause_step(outputs: Outputs, secret: Mapping[str, Any]) -> Step:
    """Builds the step that turns rotation off; it would change the old instance's password."""
    secret_params: JsonObject = {"SecretId": outputs.database.secret_arn}
    read = rds_call(outputs, "secretsmanager.describe_secret", {**secret_params})
    rules = {
        key: value
        for key, value in (secret.get("RotationRules") or {}).items()
        if key in ("AutomaticallyAfterDays", "Duration", "ScheduleExpression")
    }
    if "ScheduleExpression" in rules:
        rules.pop("AutomaticallyAfterDays", None)  # AWS returns both but accepts one
    undo_step = Step(
        name="rotated",
        description="turn password rotation on again",
        action=rds_call(
            outputs,
            "secretsmanager.rotate_secret",
            {
                **secret_params,
                "RotationLambdaARN": secret["RotationLambdaARN"],
                "RotationRules": rules,
                "RotateImmediately": False,
            },
        ),
        goal=Wait(read=read, met={"RotationEnabled": True}, every=5, within=600),
    )
    return Step(
        name="unrotated",
        description="turn password rotation off",
        action=rds_call(outputs, "secretsmanager.cancel_rotate_secret", {**secret_params}),
        goal=Wait(read=read, met={"RotationEnabled || `false`": False}, every=5, within=600),
        undo=(undo_step,),
    )


def build_secret_return_steps(
    aws: Aws,
    outputs: Outputs,
    secret: Mapping[str, Any],
    services: Sequence[ServiceState],
    run: str,
) -> list[Step]:
    """Builds the steps that put the primary's own address back, and restart every service."""
    database = outputs.database
    return [
        *build_label_removal_steps(outputs, secret),
        build_secret_switch_step(
            outputs, secret, database.identifier, database.endpoint, database.port, run
        ),
        *build_restart_steps(aws, services),
    ]


def build_label_removal_steps(outputs: Outputs, secret: Mapping[str, Any]) -> list[Step]:
    """Builds the steps that take the labels of earlier promotions off, of which AWS allows 20.

    There is no undo: nobody reads the versions that had them.
    """
    secret_params: JsonObject = {"SecretId": outputs.database.secret_arn}
    return [
        Step(
            name=f"unlabel_{n}",
            description=f"take the label {label} off an old version of the secret",
            action=rds_call(
                outputs,
                "secretsmanager.update_secret_version_stage",
                {**secret_params, "VersionStage": label, "RemoveFromVersionId": version},
            ),
            goal=Wait(
                read=rds_call(outputs, "secretsmanager.describe_secret", {**secret_params}),
                met={f"contains(VersionIdsToStages.\"{version}\" || `[]`, '{label}')": False},
                every=5,
                within=600,
            ),
        )
        for n, (version, label) in enumerate(list_unused_labels(secret), 1)
    ]


def build_restart_steps(aws: Aws, services: Sequence[ServiceState]) -> list[Step]:
    """Builds the steps that replace the tasks of every service, which read the secret again."""
    return [
        build_force_deployment_step(aws, service, f"restart_{n}")
        for n, service in enumerate(services, 1)
    ]


def build_secret_switch_step(
    outputs: Outputs, secret: Mapping[str, Any], name: str, host: str, port: int, run: str
) -> Step:
    """Builds the step that writes a secret version in which only the address is new.

    The version's label names the instance (ops.database.instance_in_use.py). Undo makes the version
    before current again, which has its own label or none.
    """
    arn, token = outputs.database.secret_arn, get_rotation_token(run)
    current_version_id = find_current_version(secret)
    if current_version_id is None:
        raise OpsError(f"the secret {arn} has no current version")
    read = rds_call(outputs, "secretsmanager.describe_secret", {"SecretId": arn})
    current_stage_format = "contains(VersionIdsToStages.\"{}\" || `[]`, 'AWSCURRENT')"
    undo_step = Step(
        name="switch_back",
        description="restore the secret's version with the old address",
        action=rds_call(
            outputs,
            "secretsmanager.update_secret_version_stage",
            {
                "SecretId": arn,
                "VersionStage": "AWSCURRENT",
                "MoveToVersionId": current_version_id,
                "RemoveFromVersionId": token,
            },
        ),
        goal=Wait(
            read=read,
            met={current_stage_format.format(current_version_id): True},
            every=5,
            within=600,
        ),
    )
    return Step(
        name="switch",
        description=f"put the address of {name} into the stack's secret",
        action=Call(
            api="secretsmanager.put_secret_value",
            params={
                "SecretId": arn,
                "ClientRequestToken": token,
                "VersionStages": ["AWSCURRENT", build_instance_label(name)],
            },
            rewrites={
                "SecretString": SecretRewrite(
                    secret=arn,
                    keys={"host": host, "port": port},
                )
            },
            region=outputs.stack.region,
        ),
        goal=Wait(read=read, met={current_stage_format.format(token): True}, every=5, within=600),
        undo=(undo_step,),
        downtime=SECRET_SWITCH_DOWNTIME_SECONDS,
    )
