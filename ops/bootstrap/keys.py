"""The KMS keys: of Pulumi's state, and for each stack of the secrets in its state.

They are multi-Region keys (AWS KMS Developer Guide, "Multi-Region keys in AWS KMS"), so the
recovery region can decrypt what the first region encrypted.
"""

from dataclasses import dataclass
from typing import Final

from pydantic import JsonValue

from ops.bootstrap.names import SECRETS_PURPOSE, FoundationNames
from ops.bootstrap.policies import build_key_policy, format_policy_document
from ops.core.errors import OpsError
from ops.core.kms import DESCRIBE_KEY_API, list_key_recovery_commands
from ops.core.plan import REFERENCE_NOT_FOUND, RUN_TAG, Call, JsonObject, Step, Wait
from ops.core.tagged_creation import (
    TAGGED_ARN_PATH,
    build_creation_goal,
    build_find_step,
    build_tagged_read,
)

KEY_STATE_PATH: Final = "KeyMetadata.KeyState"
KEY_NOT_FOUND: Final = "NotFoundException"
KEY_DELETION_DAYS: Final = 30  # days until a key is deleted: the maximum (API reference)


def describe_key_call(names: FoundationNames, purpose: str, region: str) -> Call:
    """Describes the call that reads a key by its alias."""
    return Call(
        api=DESCRIBE_KEY_API,
        params={"KeyId": names.get_key_alias(purpose)},
        expected_errors=(KEY_NOT_FOUND,),
        region=region,
    )


def describe_key_purpose(purpose: str) -> str:
    """Describes what a key encrypts."""
    if purpose == "state":
        return "Pulumi's state"
    return f"the secrets in the state of {purpose.removeprefix(f'{SECRETS_PURPOSE}-')}"


def format_step_key(purpose: str) -> str:
    """Returns a purpose as part of a step's name."""
    return purpose.replace("-", "_")


def find_usable_key_id(names: FoundationNames, purpose: str, response: JsonValue) -> str | None:
    """Returns the id of the key behind the alias, or None if there is none.

    Raises OpsError unless it is enabled: a new key could not decrypt existing data.
    """
    metadata = response.get("KeyMetadata") if isinstance(response, dict) else None
    if not isinstance(metadata, dict):
        return None
    identifier, state = str(metadata["KeyId"]), str(metadata.get("KeyState"))
    if state != "Enabled":
        raise OpsError(
            f"{names.get_key_alias(purpose)} is the key {identifier}, which is {state}: what it "
            "encrypted cannot be read",
            *list_key_recovery_commands(identifier, state, names.region),
        )
    return identifier


def build_key_steps(
    names: FoundationNames, purpose: str, key_id: str | None, run: str
) -> list[Step]:
    """Builds the steps of a key, its alias, rotation, policy and replica.

    `key_id` is None if it must be created; its tag then holds the run's id, by which it is found.
    """
    key_steps = (
        []
        if key_id
        else [_build_key_step(names, purpose, run), _build_new_key_alias_step(names, purpose)]
    )
    target: JsonObject = {"KeyId": key_id} if key_id else {}
    refs = {} if key_id else {"KeyId": f"alias_{format_step_key(purpose)}.KeyMetadata.KeyId"}
    name = names.get_key_alias(purpose)
    key_steps.append(
        Step(
            name=f"rotation_{format_step_key(purpose)}",
            description=f"rotate {name} every year",
            action=Call(
                api="kms.enable_key_rotation", params=target, refs=refs, region=names.region
            ),
            goal=Wait(
                read=Call(
                    api="kms.get_key_rotation_status",
                    params=target,
                    refs=refs,
                    region=names.region,
                ),
                met={"KeyRotationEnabled": True},
                every=2,
                within=120,
            ),
        )
    )
    if key_id:
        key_steps.append(_build_key_policy_step(names, purpose, key_id))
    if names.recovery_region:
        key_steps += _build_key_replica_steps(
            names, purpose, names.recovery_region, key_id, target, refs
        )
    return key_steps


def _build_own_tags(names: FoundationNames, purpose: str) -> dict[str, str]:
    """Builds the tags of a key. A stack's is tagged as the stack, so that no other may use it."""
    tags = {"Name": names.get_role_name(purpose), "Project": names.project}
    if purpose != "state":
        tags["Environment"] = purpose.removeprefix(f"{SECRETS_PURPOSE}-")
    return tags


def _build_key_tags(names: FoundationNames, purpose: str, run: str) -> list[JsonValue]:
    tags = {**_build_own_tags(names, purpose), RUN_TAG: run}
    return [{"TagKey": key, "TagValue": value} for key, value in tags.items()]


def _build_key_step(names: FoundationNames, purpose: str, run: str) -> Step:
    name = f"key_{format_step_key(purpose)}"
    find_step_name = f"find_{name}"
    find_call = build_tagged_read(
        run, "kms:key", names.region, {"Name": names.get_role_name(purpose)}
    )
    return Step(
        name=name,
        description=f"create the key of {describe_key_purpose(purpose)}",
        action=Call(
            api="kms.create_key",
            params={
                "Description": f"{names.project}: {describe_key_purpose(purpose)}",
                "MultiRegion": True,
                "Policy": format_policy_document(build_key_policy(names)),
                "Tags": _build_key_tags(names, purpose, run),
            },
            repeatable=False,
            region=names.region,
        ),
        goal=build_creation_goal(find_call),
        undo=(
            build_find_step(
                find_step_name, "find the key that this run created, if any", find_call
            ),
            _build_key_deletion_step(
                name,
                {},
                {"KeyId": f"{find_step_name}.{TAGGED_ARN_PATH}"},
                names.region,
                names.get_key_alias(purpose),
            ),
        ),
    )


def _build_key_deletion_step(
    name: str, target: JsonObject, refs: dict[str, str], region: str, alias: str
) -> Step:
    """Builds the undo: schedules the key's deletion, if it exists."""
    deleted_states = [
        "PendingDeletion",
        "PendingReplicaDeletion",
        KEY_NOT_FOUND,
        REFERENCE_NOT_FOUND,
    ]
    return Step(
        name=f"end_{name}",
        description=f"delete the key of {alias} in {region} after {KEY_DELETION_DAYS} days",
        action=Call(
            api="kms.schedule_key_deletion",
            params={**target, "PendingWindowInDays": KEY_DELETION_DAYS},
            refs=refs,
            expected_errors=("KMSInvalidStateException", KEY_NOT_FOUND, REFERENCE_NOT_FOUND),
            region=region,
        ),
        goal=Wait(
            read=Call(
                api=DESCRIBE_KEY_API,
                params=target,
                refs=refs,
                expected_errors=(KEY_NOT_FOUND, REFERENCE_NOT_FOUND),
                region=region,
            ),
            met={f"contains({deleted_states}, {KEY_STATE_PATH} || answer)": True},
            every=2,
            within=120,
        ),
    )


def _build_new_key_alias_step(names: FoundationNames, purpose: str) -> Step:
    key_arn_path = f"key_{format_step_key(purpose)}.{TAGGED_ARN_PATH}"
    return _build_alias_step(
        names,
        purpose,
        names.region,
        f"alias_{format_step_key(purpose)}",
        AliasTarget(key_arn_path, "Arn"),
    )


@dataclass(frozen=True)
class AliasTarget:
    """The key behind an alias: a path into an earlier step's result, or the key id itself."""

    path: str
    key_field: str = "KeyId"
    key_id: str | None = None


def _build_alias_step(
    names: FoundationNames, purpose: str, region: str, name: str, alias_target: AliasTarget
) -> Step:
    alias = names.get_key_alias(purpose)
    describe_call = describe_key_call(names, purpose, region)
    target_params: JsonObject = {"TargetKeyId": alias_target.key_id} if alias_target.key_id else {}
    refs = {} if alias_target.key_id else {"TargetKeyId": alias_target.path}
    conditions: JsonObject = {
        KEY_STATE_PATH: "Enabled",
        **({"KeyMetadata.KeyId": alias_target.key_id} if alias_target.key_id else {}),
    }
    same_as = (
        {} if alias_target.key_id else {f"KeyMetadata.{alias_target.key_field}": alias_target.path}
    )
    return Step(
        name=name,
        description=f"create {alias} in {region}",
        action=Call(
            api="kms.create_alias",
            params={"AliasName": alias, **target_params},
            refs=refs,
            expected_errors=("AlreadyExistsException",),
            region=region,
        ),
        goal=Wait(read=describe_call, met=conditions, same_as=same_as, every=2, within=300),
        undo=(
            Step(
                name=f"un{name}",
                description=f"delete {alias} in {region}",
                action=Call(
                    api="kms.delete_alias",
                    params={"AliasName": alias},
                    expected_errors=(KEY_NOT_FOUND,),
                    region=region,
                ),
                goal=Wait(read=describe_call, met={"answer": KEY_NOT_FOUND}, every=2, within=120),
            ),
        ),
    )


def _build_key_policy_step(names: FoundationNames, purpose: str, key_id: str) -> Step:
    policy = build_key_policy(names)
    params: JsonObject = {"KeyId": key_id, "PolicyName": "default"}
    return Step(
        name=f"key_policy_{format_step_key(purpose)}",
        description=f"restrict {names.get_key_alias(purpose)} to IAM policies of this account",
        action=Call(
            api="kms.put_key_policy",
            params={**params, "Policy": format_policy_document(policy)},
            region=names.region,
        ),
        goal=Wait(
            read=Call(
                api="kms.get_key_policy",
                params=params,
                json_fields=("Policy",),
                region=names.region,
            ),
            met={"Policy": policy},
            every=2,
            within=120,
        ),
    )


def _build_key_replica_steps(
    names: FoundationNames,
    purpose: str,
    recovery_region: str,
    key_id: str | None,
    target: JsonObject,
    refs: dict[str, str],
) -> list[Step]:
    """Builds the steps of the replica key, whose id is the same, and of its alias."""
    name, alias = f"replica_{format_step_key(purpose)}", names.get_key_alias(purpose)
    tags = _build_own_tags(names, purpose)
    return [
        Step(
            name=name,
            description=f"replicate the key of {alias} to {recovery_region}",
            action=Call(
                api="kms.replicate_key",
                params={
                    **target,
                    "ReplicaRegion": recovery_region,
                    "Policy": format_policy_document(build_key_policy(names)),
                    "Tags": [{"TagKey": key, "TagValue": value} for key, value in tags.items()],
                },
                refs=refs,
                expected_errors=("AlreadyExistsException",),
                region=names.region,
            ),
            goal=Wait(
                read=Call(
                    api=DESCRIBE_KEY_API,
                    params=target,
                    refs=refs,
                    expected_errors=(KEY_NOT_FOUND,),
                    region=recovery_region,
                ),
                met={KEY_STATE_PATH: "Enabled"},
                every=5,
                within=600,
            ),
            undo=(_build_key_deletion_step(name, target, refs, recovery_region, alias),),
        ),
        _build_alias_step(
            names,
            purpose,
            recovery_region,
            f"alias_{format_step_key(purpose)}_away",
            AliasTarget(f"{name}.KeyMetadata.KeyId", key_id=key_id),
        ),
    ]
