"""Carries out what a plan does with a user's access keys. No secret leaves this module."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import jmespath
from botocore.exceptions import ClientError
from pydantic import JsonValue

from ops.core.access_key_action import (
    ACCESS_KEYS_PER_USER,
    IAM_NOT_FOUND,
    AccessKeys,
    find_version_key,
    get_key_version,
)
from ops.core.aws import Aws, get_error_code
from ops.core.errors import OpsError, OutcomeUnknownError, RefusedError


def run_access_keys(
    aws: Aws, action: AccessKeys, step_results: Mapping[str, JsonValue], now: float
) -> JsonValue:
    """Carries out the action; `now` is in seconds since the epoch.

    Raises RefusedError if AWS refuses a call of it.
    """
    try:
        match action.operation:
            case "look":
                seen_at = jmespath.search(f"{action.since}.seen_at", step_results)
                is_over = isinstance(seen_at, float) and now - seen_at >= action.hours * 3600
                return {**look_at_keys(aws, action), "seen_at": now, "is_time_over": is_over}
            case "hand_over":
                return _hand_over_new_key(aws, action)
            case "restore_secret":
                return _restore_secret(aws, action)
            case "delete_new":
                return _delete_new_key(aws, action)
    except ClientError as error:
        code, message = get_error_code(error), error.response["Error"].get("Message")
        raise RefusedError(f"{action.user}: {error.operation_name}: {code}: {message}") from error


def look_at_keys(aws: Aws, action: AccessKeys) -> dict[str, JsonValue]:
    """The old key and the other one of the user, if there is one; no secret is read.

    `in_secret` says that the other one is what the secret holds now.
    """
    keys = {key["AccessKeyId"]: key for key in _list_keys(aws, action.user)}
    old_key = keys.pop(action.old_key, None)
    new_id = next(iter(keys), None)
    old_used = _get_last_use(aws, action.old_key) if old_key else None
    new_used = _get_last_use(aws, new_id) if new_id else None
    return {
        "old_status": old_key and old_key["Status"],
        "old_last_used": old_used,
        "new_key": new_id,
        "new_status": keys[new_id]["Status"] if new_id else None,
        "new_last_used": new_used,
        "in_secret": new_id is not None and _list_handed_keys(aws, action).get(new_id) == "current",
        "new_has_taken_over": _has_taken_over(new_used, old_used, action.quiet_hours),
        "old_has_taken_over": new_used is None
        or _has_taken_over(old_used, new_used, action.quiet_hours),
    }


def _has_taken_over(use: str | None, other_use: str | None, quiet_hours: float) -> bool:
    if use is None:
        return False
    if other_use is None:
        return True
    difference = datetime.fromisoformat(use) - datetime.fromisoformat(other_use)
    return difference.total_seconds() >= quiet_hours * 3600


def _hand_over_new_key(aws: Aws, action: AccessKeys) -> JsonValue:
    """Creates a key and puts it into the secret.

    A key that is in no version of the secret is of an earlier attempt that ended in between: its
    secret is lost, so it is deleted. Raises RefusedError if such a key was used, as it is then not
    ours, OutcomeUnknownError if a call may have taken effect: a repetition clears that up.
    """
    handed_keys = _list_handed_keys(aws, action)
    keys = _list_keys(aws, action.user)
    for key in keys:
        key_id = str(key["AccessKeyId"])
        if key_id == action.old_key:
            continue
        if handed_keys.get(key_id) == "current":
            return {"handed_over": key_id}
        _require_unused(aws, action.user, key_id)
        aws.call("iam.delete_access_key", {"UserName": action.user, "AccessKeyId": key_id})
    answer: Any = aws.call("iam.create_access_key", {"UserName": action.user})
    new_key = answer["AccessKey"]
    new_id = str(new_key["AccessKeyId"])
    content = {
        "UserName": action.user,
        "AccessKeyId": new_id,
        "SecretAccessKey": new_key["SecretAccessKey"],
    }
    try:
        aws.call(
            "secretsmanager.put_secret_value",
            {
                "SecretId": action.secret,
                "ClientRequestToken": get_key_version(new_id),
                "SecretString": json.dumps(content),
            },
        )
    except OutcomeUnknownError:
        raise
    except (ClientError, OpsError):  # not in the secret: nobody has its secret key
        _delete_lost_key(aws, action.user, new_id)
        raise
    return {"handed_over": new_id}


def _delete_lost_key(aws: Aws, user: str, key: str) -> None:
    try:
        aws.call("iam.delete_access_key", {"UserName": user, "AccessKeyId": key})
    except (ClientError, OpsError) as error:
        raise OutcomeUnknownError(
            f"{user} has the key {key}, which could not be put into the secret, nor be deleted: "
            f"{error}"
        ) from None


def _require_unused(aws: Aws, user: str, key: str) -> None:
    if (last_use := _get_last_use(aws, key)) is not None:
        raise RefusedError(
            f"{user} has a second key, {key}, which this run did not create and which was used "
            f"at {last_use}; IAM allows {ACCESS_KEYS_PER_USER} keys a user, so there is no room "
            "for a new one"
        )


def _restore_secret(aws: Aws, action: AccessKeys) -> JsonValue:
    """Makes the version before current again, if a new key is what the secret holds now."""
    for key, place in _list_handed_keys(aws, action).items():
        if place == "current" and key != action.old_key and action.version is not None:
            aws.call(
                "secretsmanager.update_secret_version_stage",
                {
                    "SecretId": action.secret,
                    "VersionStage": "AWSCURRENT",
                    "MoveToVersionId": action.version,
                    "RemoveFromVersionId": get_key_version(key),
                },
            )
    return {}


def _delete_new_key(aws: Aws, action: AccessKeys) -> JsonValue:
    """Deletes each key but the old one; none if the old one is gone, as one must stay."""
    ids = [str(key["AccessKeyId"]) for key in _list_keys(aws, action.user)]
    if action.old_key in ids:
        for key_id in ids:
            if key_id != action.old_key:
                aws.call("iam.delete_access_key", {"UserName": action.user, "AccessKeyId": key_id})
    return {}


def _list_keys(aws: Aws, user: str) -> list[Any]:
    response: Any = aws.call("iam.list_access_keys", {"UserName": user})
    return list(response["AccessKeyMetadata"])


def _get_last_use(aws: Aws, key: str) -> str | None:
    """When a key was last used, ISO 8601; None if never, or if it is gone by now."""
    try:
        response: Any = aws.call("iam.get_access_key_last_used", {"AccessKeyId": key})
    except ClientError as error:
        if get_error_code(error) == IAM_NOT_FOUND:
            return None
        raise
    last_use = response["AccessKeyLastUsed"].get("LastUsedDate")
    return None if last_use is None else str(last_use)


def _list_handed_keys(aws: Aws, action: AccessKeys) -> dict[str, str]:
    """The keys in versions of the secret: `current`, or `earlier`."""
    response: Any = aws.call("secretsmanager.describe_secret", {"SecretId": action.secret})
    handed_keys: dict[str, str] = {}
    for version, labels in (response.get("VersionIdsToStages") or {}).items():
        if (key := find_version_key(version)) is not None:
            handed_keys[key] = "current" if "AWSCURRENT" in labels else "earlier"
    return handed_keys
