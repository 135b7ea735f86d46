"""The users whose access keys may be rotated, and the secrets that their keys are handed over in.

A user is the stack's if it has the tag `KeysRotatedBy` with the prefix of the stack's names.
Whoever can create a key of a user can do what the user can, so no role of a stack may create keys
of any other user: docs/decisions/0020.
"""

from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError

from ops.core.access_key_action import ACCESS_KEYS_PER_USER, IAM_NOT_FOUND
from ops.core.aws import Aws, get_error_code
from ops.core.errors import OpsError, UsageError
from ops.outputs import Outputs
from ops.permissions.grants import USER_TAG

# Secrets Manager takes letters, digits and /_+=.@-, IAM a comma as well.
USER_NAME_COMMA_REPLACEMENT: Final = "/"


@dataclass(frozen=True)
class AccessKey:
    """One access key. Times are ISO 8601 in UTC; `last_used` is None if it never was."""

    id: str
    status: str
    created: str
    last_used: str | None
    last_service: str


def get_user_tag_value(outputs: Outputs) -> str:
    """The value of the tag on the stack's users."""
    return f"{outputs.stack.project}-{outputs.stack.stack}"


def get_key_secret_name(outputs: Outputs, user: str) -> str:
    """The name of the secret that a user's key is handed over in."""
    name = user.replace(",", USER_NAME_COMMA_REPLACEMENT)
    return f"{build_key_secret_prefix(outputs)}{name}"


def build_key_secret_prefix(outputs: Outputs) -> str:
    """The prefix of the names of the secrets that keys are handed over in."""
    return f"{outputs.stack.project}-{outputs.stack.stack}-access-key-"


def require_stack_user(aws: Aws, outputs: Outputs, user: str) -> None:
    """Raises UsageError unless there is such a user and it has the stack's tag."""
    value = get_user_tag_value(outputs)
    try:
        response: Any = aws.call("iam.list_user_tags", {"UserName": user})
    except ClientError as error:
        if get_error_code(error) == IAM_NOT_FOUND:
            raise UsageError(f"USER must be an IAM user of the account, not {user!r}") from None
        raise
    tags = {tag["Key"]: tag["Value"] for tag in response["Tags"]}
    if tags.get(USER_TAG) != value:
        raise UsageError(
            f"USER must have the tag {USER_TAG}={value}, {user!r} has "
            f"{USER_TAG + '=' + tags[USER_TAG] if USER_TAG in tags else 'none'}: its keys are not "
            "this stack's to rotate",
            f"aws iam tag-user --user-name {user} --tags Key={USER_TAG},Value={value}",
        )


def list_user_keys(aws: Aws, user: str) -> list[AccessKey]:
    """The access keys of a user with their last use, the oldest first."""
    response: Any = aws.call("iam.list_access_keys", {"UserName": user})
    keys = []
    for key in response["AccessKeyMetadata"]:
        use: Any = aws.call("iam.get_access_key_last_used", {"AccessKeyId": key["AccessKeyId"]})
        last_use = use["AccessKeyLastUsed"]
        keys.append(
            AccessKey(
                id=str(key["AccessKeyId"]),
                status=str(key["Status"]),
                created=str(key["CreateDate"]),
                last_used=last_use.get("LastUsedDate"),
                last_service=str(last_use.get("ServiceName", "N/A")),
            )
        )
    return sorted(keys, key=lambda key: key.created)


def get_rotatable_key(aws: Aws, user: str) -> AccessKey:
    """The one key of a user. Raises OpsError if it has none, or two: there is room for no third."""
    keys = list_user_keys(aws, user)
    if not keys:
        raise OpsError(f"{user} has no access key, so there is none to rotate")
    if len(keys) >= ACCESS_KEYS_PER_USER:
        described = " and ".join(
            f"{key.id} ({key.status}, last used {key.last_used or 'never'})" for key in keys
        )
        least_used = min(keys, key=lambda key: key.last_used or "")
        raise OpsError(
            f"{user} has two access keys, the most that IAM allows: {described}; a rotation needs "
            "room for one, so delete the one that is not in use",
            f"aws iam delete-access-key --user-name {user} --access-key-id {least_used.id}",
        )
    return keys[0]


def find_key_secret(aws: Aws, name: str) -> dict[str, Any] | None:
    """The secret's description, None if there is none. Raises OpsError if it is being deleted."""
    try:
        response: Any = aws.call("secretsmanager.describe_secret", {"SecretId": name})
    except ClientError as error:
        if get_error_code(error) == "ResourceNotFoundException":
            return None
        raise
    if response.get("DeletedDate"):
        raise OpsError(
            f"the secret {name} is scheduled for deletion, so no key can be handed over in it",
            f"aws secretsmanager restore-secret --secret-id {name}",
        )
    return dict(response)
