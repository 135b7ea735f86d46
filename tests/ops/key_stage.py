"""A user whose application reads its access key from a secret, as `ops keys rotate` finds it."""

import json
from typing import Any, Final

from ops.permissions.grants import USER_TAG
from sandbox.patches.iam import KEY_SOURCE_TAG
from tests.ops.stage import STACK_PREFIX, Stage

USER: Final = "exporter"
SECRET_NAME: Final = f"{STACK_PREFIX}-access-key-{USER}"


def put_user(stage: Stage, *, stack: str = STACK_PREFIX) -> str:
    """The user with one key, which its application uses; the key's id."""
    tags = {USER_TAG: stack, KEY_SOURCE_TAG: SECRET_NAME}
    iam = stage.client("iam")
    iam.create_user(
        UserName=USER, Tags=[{"Key": key, "Value": value} for key, value in tags.items()]
    )
    return str(iam.create_access_key(UserName=USER)["AccessKey"]["AccessKeyId"])


def put_user_with_secret(stage: Stage) -> None:
    """The same; the key was put into the secret by hand."""
    key = put_user(stage)
    content = {"UserName": USER, "AccessKeyId": key, "SecretAccessKey": "x"}
    stage.client("secretsmanager").create_secret(Name=SECRET_NAME, SecretString=json.dumps(content))


def list_keys(stage: Stage) -> list[dict[str, Any]]:
    keys: list[dict[str, Any]] = stage.client("iam").list_access_keys(UserName=USER)[
        "AccessKeyMetadata"
    ]
    return keys


def read_secret_key(stage: Stage) -> dict[str, str]:
    """What the secret holds."""
    secret = stage.client("secretsmanager").get_secret_value(SecretId=SECRET_NAME)
    content: dict[str, str] = json.loads(secret["SecretString"])
    return content


def collect_key_facts(stage: Stage) -> object:
    """Whether the user's keys are active, which of them is in the secret, and whether it is new."""
    content = read_secret_key(stage)
    keys = [
        (key["Status"], key["AccessKeyId"] == content["AccessKeyId"]) for key in list_keys(stage)
    ]
    return keys, content["SecretAccessKey"] == "x"
