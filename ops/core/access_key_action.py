"""What a rotation does with a user's access keys, as an action of a plan."""

from typing import Final, Literal

from ops.core.frozen_model import FrozenModel

IAM_NOT_FOUND: Final = "NoSuchEntity"
ACCESS_KEYS_PER_USER: Final = 2  # IAM User Guide, "IAM and AWS STS quotas"
# A secret's version is named by the key in it, so that a look tells which key was handed over.
KEY_VERSION_PREFIX: Final = "access-key-"
VERSION_ID_CHARACTERS: Final = 32  # the minimum of a token (Secrets Manager API, PutSecretValue)
# The AWS calls of the three operations.
LOOK_CALLS: Final = (
    "iam.get_access_key_last_used",
    "iam.list_access_keys",
    "secretsmanager.describe_secret",
)
HAND_OVER_CALLS: Final = (
    "iam.create_access_key",
    "iam.delete_access_key",
    "secretsmanager.put_secret_value",
)


class AccessKeys(FrozenModel):
    """A user's keys: looked at, a new one put into a secret, the secret restored, the key deleted.

    The answer of `iam.create_access_key` holds the only copy of the secret key there will ever be,
    so it goes straight into the secret, and no part of it is what is seen. `old_key` is the id of
    the key that the plan found. A key has taken over from the other if it was used `quiet_hours`
    later than the other was. `version` of the secret is restored.
    A look also says whether `hours` are over since the step `since` was done, also after a resume.
    """

    kind: Literal["access-keys"] = "access-keys"
    operation: Literal["look", "hand_over", "restore_secret", "delete_new"] = "look"
    user: str
    old_key: str
    secret: str
    quiet_hours: float = 0
    version: str | None = None
    since: str | None = None
    hours: float = 0
    repeatable: bool = True

    @property
    def calls(self) -> tuple[str, ...]:
        """The AWS calls that it makes."""
        match self.operation:
            case "look":
                return LOOK_CALLS
            case "hand_over":
                return (*LOOK_CALLS, *HAND_OVER_CALLS)
            case "restore_secret":
                return (*LOOK_CALLS, "secretsmanager.update_secret_version_stage")
            case "delete_new":
                return (*LOOK_CALLS, "iam.delete_access_key")


def get_key_version(key: str) -> str:
    """The id of the secret's version that holds a key."""
    return f"{KEY_VERSION_PREFIX}{key}".ljust(VERSION_ID_CHARACTERS, "-")


def find_version_key(version: str) -> str | None:
    """The key that a version of a secret holds, by its id; None if it holds none of ours."""
    if not version.startswith(KEY_VERSION_PREFIX):
        return None
    return version.removeprefix(KEY_VERSION_PREFIX).rstrip("-")
