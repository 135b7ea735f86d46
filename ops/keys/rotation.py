"""Rotates a user's access key: a second one is handed over, used, and only then the first deleted.

A key that is inactive can be made active again, a deleted one is gone: between the two it waits.
"""

from typing import Any, Final

from ops.cli.durations import format_typed_duration
from ops.core.access_key_action import IAM_NOT_FOUND, AccessKeys
from ops.core.plan import RUN_TAG, Call, JsonObject, Plan, Step, Wait
from ops.core.stack_plan import build_stack_plan
from ops.database.instance_in_use import find_current_version
from ops.keys.users import AccessKey, get_key_secret_name
from ops.outputs import Outputs

# Uses are reported late: "usually appears within four hours" (API, last accessed details).
DEFAULT_QUIET_HOURS: Final = 24.0
DEFAULT_GRACE_HOURS: Final = 24.0
MAX_HOURS: Final = 30 * 24.0
USE_TIMEOUT_SECONDS: Final = 14 * 86_400
KEY_POLL_SECONDS: Final = 1800
SECRET_USD_MONTHLY: Final = 0.40  # a month and secret (AWS Secrets Manager pricing)
# What undoes it stops where the old key is gone: the new one is then the only one.
OLD_KEY_GONE: Final = "old_status == null"


def build_key_rotation_plan(
    outputs: Outputs,
    user: str,
    key: AccessKey,
    secret: dict[str, Any] | None,
    run: str,
    *,
    quiet_hours: float = DEFAULT_QUIET_HOURS,
    grace_hours: float = DEFAULT_GRACE_HOURS,
) -> Plan:
    """Builds the plan. `secret` is the description of the secret, None if there is none yet.

    The new key counts as used once it was used `quiet_hours` later than the old one.
    """
    name = get_key_secret_name(outputs, user)
    look = AccessKeys(user=user, old_key=key.id, secret=name, quiet_hours=quiet_hours)
    grace_look = look.model_copy(update={"since": "deactivate", "hours": grace_hours})
    version = find_current_version(secret) if secret else None
    steps = [
        *([] if secret else [_build_secret_step(outputs, name, run)]),
        _build_hand_over_step(look, name, version),
        Step(
            name="used",
            description=f"see the new key used, {quiet_hours:g} h later than {key.id} was",
            action=look,
            goal=Wait(
                read=look,
                met={"new_has_taken_over": True},
                every=KEY_POLL_SECONDS,
                within=USE_TIMEOUT_SECONDS,
            ),
        ),
        _build_deactivation_step(look),
        Step(
            name="grace",
            description=f"see {key.id} stay inactive for {grace_hours:g} h",
            action=grace_look,
            goal=Wait(
                read=grace_look,
                met={"old_status": "Inactive", "is_time_over": True},
                every=KEY_POLL_SECONDS,
                within=grace_hours * 3600 + USE_TIMEOUT_SECONDS,
                typical=grace_hours * 3600,
                source="the option --grace",
            ),
        ),
        Step(
            name="delete",
            description=f"delete {key.id}",
            action=Call(
                api="iam.delete_access_key",
                params={"UserName": user, "AccessKeyId": key.id},
                expected_errors=(IAM_NOT_FOUND,),
            ),
            goal=Wait(read=look, met={"old_status": None}, every=5, within=600),
        ),
    ]
    arguments = [user]
    if quiet_hours != DEFAULT_QUIET_HOURS:
        arguments.append(f"--unused {format_typed_duration(quiet_hours * 60)}")
    if grace_hours != DEFAULT_GRACE_HOURS:
        arguments.append(f"--grace {format_typed_duration(grace_hours * 60)}")
    plan = build_stack_plan(
        outputs,
        run,
        "keys rotate",
        *steps,
        arguments=" ".join(arguments),
        changes=[f"access key of {user}: {key.id} -> a new one, in the secret {name}"],
        losses=[f"the access key {key.id}, once it was inactive for {grace_hours:g} h"],
        cost="" if secret else f"+{SECRET_USD_MONTHLY:.2f} USD a month for the secret",
        notes=_build_notes(key, name, version),
    )
    # A key in use is used again before the plan is agreed to.
    use = f"{key.last_used} by {key.last_service}" if key.last_used else "never"
    return plan.model_copy(update={"captured": {"USED": use}})


def _build_secret_step(outputs: Outputs, name: str, run: str) -> Step:
    stack = outputs.stack
    tags = {"Project": stack.project, "Environment": stack.stack, RUN_TAG: run}
    params: JsonObject = {
        "Name": name,
        "Description": "the access key of a user, as `ops keys rotate` handed it over",
        "Tags": [{"Key": tag, "Value": value} for tag, value in tags.items()],
    }
    if stack.data_key_arn:
        params["KmsKeyId"] = stack.data_key_arn
    return Step(
        name="create_secret",
        description=f"create the secret {name}, which is empty",
        action=Call(
            api="secretsmanager.create_secret",
            params=params,
            expected_errors=("ResourceExistsException",),
        ),
        goal=Wait(
            read=Call(
                api="secretsmanager.describe_secret",
                params={"SecretId": name},
                expected_errors=("ResourceNotFoundException",),
            ),
            met={"Name": name},
            every=5,
            within=600,
        ),
    )


def _build_hand_over_step(look: AccessKeys, secret: str, version: str | None) -> Step:
    """The undo gives the secret its version before, and deletes the new key once it is not used."""
    undo = [
        Step(
            name="delete_new",
            description=f"delete the new key of {look.user}, unless {look.old_key} is gone",
            action=look.model_copy(update={"operation": "delete_new"}),
            ready=Wait(
                read=look,
                met={f"old_has_taken_over || {OLD_KEY_GONE}": True},
                every=KEY_POLL_SECONDS,
                within=USE_TIMEOUT_SECONDS,
            ),
            goal=Wait(
                read=look, met={f"new_key == null || {OLD_KEY_GONE}": True}, every=5, within=600
            ),
        )
    ]
    if version is not None:
        undo.insert(0, _build_secret_restore_step(look, secret, version))
    return Step(
        name="hand_over",
        description=f"create a second key of {look.user}, and put it into {secret}",
        action=look.model_copy(update={"operation": "hand_over"}),
        goal=Wait(read=look, met={"in_secret": True}, every=5, within=600),
        undo=tuple(undo),
    )


def _build_secret_restore_step(look: AccessKeys, secret: str, version: str) -> Step:
    """Makes the version before current again, also if the new one never was."""
    return Step(
        name="restore_secret",
        description=f"make the version of {secret} before current again",
        action=look.model_copy(update={"operation": "restore_secret", "version": version}),
        goal=Wait(read=look, met={f"!in_secret || {OLD_KEY_GONE}": True}, every=5, within=600),
    )


def _build_deactivation_step(look: AccessKeys) -> Step:
    def build_call(status: str, *expected_errors: str) -> Call:
        return Call(
            api="iam.update_access_key",
            params={"UserName": look.user, "AccessKeyId": look.old_key, "Status": status},
            expected_errors=expected_errors,
        )

    reactivate_step = Step(
        name="reactivate",
        description=f"activate {look.old_key} again, unless it is gone",
        action=build_call("Active", IAM_NOT_FOUND),
        goal=Wait(
            read=look, met={f"old_status == 'Active' || {OLD_KEY_GONE}": True}, every=5, within=600
        ),
    )
    return Step(
        name="deactivate",
        description=f"make {look.old_key} inactive",
        action=build_call("Inactive"),
        goal=Wait(read=look, met={"old_status": "Inactive"}, every=5, within=600),
        undo=(reactivate_step,),
    )


def _build_notes(key: AccessKey, secret: str, version: str | None) -> list[str]:
    return [
        f"{key.id} was created at {key.created} and last used: ${{USED}}",
        f"whoever uses the key reads the new one from {secret}, keys AccessKeyId and "
        "SecretAccessKey; the run waits until the new one is used and the old one no longer is",
        "it may be stopped while it waits, and resumed later: AWS reports a use hours late",
        "IAM reports nothing of calls with an inactive key: who still has it gets "
        "InvalidClientTokenId, and undoing the run activates it again",
        "undone, the new key is deleted only once the old one is used instead, and never after the "
        "old one was deleted",
        *([] if version else ["undone, the secret stays, with a key that is deleted"]),
    ]
