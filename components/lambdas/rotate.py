"""Rotates the database's password or the cache's AUTH token for Secrets Manager.

RDS and ElastiCache are told the new secret through their APIs, so that no way into the VPC is
needed. Each step may be repeated: Secrets Manager does so after a failure.

Environment: TARGET is `database` or `cache`, IDENTIFIER its name, RESTART what reads the secret at
its start only, as JSON: `{"cluster": .., "services": [..], "fleet": {"group": .., ..} or null}`,
FIRST_STAGE the label of the version whose value Pulumi's state holds.
"""

import json
import logging
import os
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final, Protocol

import boto3
from botocore.exceptions import ClientError

logger = logging.getLogger()
logger.setLevel(logging.INFO)

PASSWORD_LENGTH: Final = (
    32  # letters and digits: 190 bits, and nothing that RDS or ElastiCache refuses
)
STATUS_POLL_SECONDS: Final = 10.0  # seconds between two reads of the status
# Statuses that last while an instance serves. After a growth of its storage it can be in
# storage-optimization for days, and a new password takes effect meanwhile: RDS User Guide,
# "Viewing Amazon RDS DB instance status".
PASSWORD_EFFECTIVE_STATUSES: Final = frozenset(
    {"available", "storage-initialization", "storage-optimization"}
)
RESERVE_SECONDS: Final = 20.0  # seconds kept to report a failure before Lambda ends the function
# What is not there has nothing to restart. Auto Scaling says so by a ValidationError.
ABSENT_READER_ERRORS: Final = frozenset(
    {"ClusterNotFoundException", "ServiceNotFoundException", "ServiceNotActiveException"}
)


class RotationTarget(Protocol):
    """The database or cache whose password or token is rotated."""

    json_field: str

    def change_secret(self, current_value: str, pending_value: str, deadline: float) -> None:
        """Makes `pending_value` valid, beside or instead of `current_value`.

        Raises ClientError if AWS refuses the change, TimeoutError if `deadline` (seconds of the
        monotonic clock) passes first.
        """

    def is_change_complete(self) -> bool:
        """True if no change of the password or token is in progress."""

    def end_earlier_secret(self, current_value: str, deadline: float) -> None:
        """Makes `current_value` the only valid one. Raises as `change_secret` does."""


class DatabaseTarget:
    """A DB instance of RDS: one password at a time."""

    json_field = "password"

    def __init__(self, identifier: str) -> None:
        self.identifier = identifier
        self.rds: Any = boto3.client("rds")

    def change_secret(self, current_value: str, pending_value: str, deadline: float) -> None:
        """Sends RDS the new password, which it applies at once in any case.

        ApplyImmediately would also apply other changes that wait for the maintenance window.
        """
        self.rds.modify_db_instance(
            DBInstanceIdentifier=self.identifier,
            MasterUserPassword=pending_value,
            ApplyImmediately=False,
        )

    def is_change_complete(self) -> bool:
        response = self.rds.describe_db_instances(DBInstanceIdentifier=self.identifier)
        instance = response["DBInstances"][0]
        pending_changes = instance.get("PendingModifiedValues") or {}
        return (
            instance["DBInstanceStatus"] in PASSWORD_EFFECTIVE_STATUSES
            and "MasterUserPassword" not in pending_changes
        )

    def end_earlier_secret(self, current_value: str, deadline: float) -> None:
        """Does nothing: the new password has replaced the old one."""


class CacheTarget:
    """A replication group of ElastiCache: the previous token stays valid until the next rotation,
    so that a task that holds it keeps working until it is replaced.

    The first token, which Pulumi's state holds, is invalid after its rotation.
    """

    json_field = "token"

    def __init__(self, identifier: str) -> None:
        self.identifier = identifier
        self.elasticache: Any = boto3.client("elasticache")

    def change_secret(self, current_value: str, pending_value: str, deadline: float) -> None:
        self.end_earlier_secret(current_value, deadline)  # ElastiCache holds two at most
        self._modify_token(pending_value, "ROTATE", deadline)

    def end_earlier_secret(self, current_value: str, deadline: float) -> None:
        """Sets the current token as the only one, if there are two.

        ElastiCache refuses SET if it has one token only, or never had this one, as after a group
        was created again (ElastiCache User Guide, "Modifying the AUTH token").
        """
        try:
            self._modify_token(current_value, "SET", deadline)
        except ClientError as error:
            if not _get_error_code(error).startswith("InvalidParameter"):
                raise
            logger.info("there was no token before the current one")

    def _modify_token(self, token: str, strategy: str, deadline: float) -> None:
        self.elasticache.modify_replication_group(
            ReplicationGroupId=self.identifier,
            AuthToken=token,
            AuthTokenUpdateStrategy=strategy,
            ApplyImmediately=True,  # a token cannot be changed otherwise
        )
        _wait_for_change(self.is_change_complete, deadline)

    def is_change_complete(self) -> bool:
        response = self.elasticache.describe_replication_groups(ReplicationGroupId=self.identifier)
        group = response["ReplicationGroups"][0]
        pending_changes = group.get("PendingModifiedValues") or {}
        return group["Status"] == "available" and "AuthTokenStatus" not in pending_changes


TARGET_CLASSES: Final[dict[str, Callable[[str], RotationTarget]]] = {
    "database": DatabaseTarget,
    "cache": CacheTarget,
}


def handler(event: dict[str, str], context: Any) -> None:
    """Carries out one step of a rotation. Secrets Manager repeats a step that raises.

    Raises ValueError if the event matches no rotation in progress, ClientError if AWS refuses a
    call, TimeoutError if a change does not end in time, RuntimeError if readers were not restarted.
    """
    secret_id, version_id, step = event["SecretId"], event["ClientRequestToken"], event["Step"]
    logger.info("%s of version %s", step, version_id)
    secrets_client: Any = boto3.client("secretsmanager")
    target = TARGET_CLASSES[os.environ["TARGET"]](os.environ["IDENTIFIER"])
    description = secrets_client.describe_secret(SecretId=secret_id)
    if not description.get("RotationEnabled"):
        raise ValueError("rotation is not enabled for this secret")
    stages = description["VersionIdsToStages"].get(version_id)
    if stages is None:
        raise ValueError(f"the secret has no version {version_id}")
    is_current = "AWSCURRENT" in stages
    if not is_current and "AWSPENDING" not in stages:
        raise ValueError(f"version {version_id} is neither current nor pending")
    deadline = time.monotonic() + context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS
    if step == "finishSecret":
        if not is_current:
            _promote_version(
                secrets_client, secret_id, version_id, description["VersionIdsToStages"]
            )
        _restart_readers(json.loads(os.environ["RESTART"]))
        if _has_replaced_first(description["VersionIdsToStages"], is_current=is_current):
            current_secret = _read_secret(secrets_client, secret_id, VersionId=version_id)
            target.end_earlier_secret(current_secret[target.json_field], deadline)
    elif is_current:
        logger.info("the version is current already")
    elif step == "createSecret":
        _create_pending_version(secrets_client, secret_id, version_id, target.json_field)
    elif step == "setSecret":
        current_value = _read_secret(secrets_client, secret_id, VersionStage="AWSCURRENT")[
            target.json_field
        ]
        pending_value = _read_secret(
            secrets_client, secret_id, VersionId=version_id, VersionStage="AWSPENDING"
        )[target.json_field]
        target.change_secret(current_value, pending_value, deadline)
    elif step == "testSecret":
        _wait_for_change(target.is_change_complete, deadline)
    else:
        raise ValueError(
            f"Step must be createSecret, setSecret, testSecret or finishSecret, not {step!r}"
        )


def _create_pending_version(
    secrets_client: Any, secret_id: str, version_id: str, json_field: str
) -> None:
    """Stores a copy of the current secret with a new password as the pending version.

    Does nothing if there is a pending version already.
    """
    try:
        _read_secret(secrets_client, secret_id, VersionId=version_id, VersionStage="AWSPENDING")
    except ClientError as error:
        if _get_error_code(error) != "ResourceNotFoundException":
            raise
        content = _read_secret(secrets_client, secret_id, VersionStage="AWSCURRENT")
        password = secrets_client.get_random_password(
            PasswordLength=PASSWORD_LENGTH, ExcludePunctuation=True
        )
        content[json_field] = password["RandomPassword"]
        secrets_client.put_secret_value(
            SecretId=secret_id,
            ClientRequestToken=version_id,
            SecretString=json.dumps(content),
            VersionStages=["AWSPENDING"],
        )


def _promote_version(
    secrets_client: Any, secret_id: str, version_id: str, stages_by_version: dict[str, list[str]]
) -> None:
    """Moves the AWSCURRENT stage to a version from the one that has it."""
    current_version_id = next(
        (
            candidate_id
            for candidate_id, stages in stages_by_version.items()
            if "AWSCURRENT" in stages
        ),
        None,
    )
    secrets_client.update_secret_version_stage(
        SecretId=secret_id,
        VersionStage="AWSCURRENT",
        MoveToVersionId=version_id,
        **({"RemoveFromVersionId": current_version_id} if current_version_id else {}),
    )


def _has_replaced_first(stages_by_version: dict[str, list[str]], *, is_current: bool) -> bool:
    """True if the version before this rotation is Pulumi's, by the stages when the step began."""
    stage_before = "AWSPREVIOUS" if is_current else "AWSCURRENT"
    return any(
        os.environ["FIRST_STAGE"] in stages and stage_before in stages
        for stages in stages_by_version.values()
    )


def _restart_readers(readers: dict[str, Any]) -> None:
    """Restarts the services and the fleet that read the secret when they start.

    Raises RuntimeError, after all were tried, that names those that could not be restarted.
    """
    failed_readers: list[str] = []
    for service in readers["services"]:
        ecs: Any = boto3.client("ecs")
        start_replacement = partial(
            ecs.update_service,
            cluster=readers["cluster"],
            service=service,
            forceNewDeployment=True,
        )
        _try_replacement(failed_readers, service, start_replacement)
    if fleet := readers["fleet"]:
        autoscaling: Any = boto3.client("autoscaling")
        start_replacement = partial(
            autoscaling.start_instance_refresh,
            AutoScalingGroupName=fleet["group"],
            Preferences={key: value for key, value in fleet.items() if key != "group"}
            | {"SkipMatching": False},
        )
        _try_replacement(failed_readers, fleet["group"], start_replacement)
    if failed_readers:
        raise RuntimeError(
            f"rotated, but these still use the old secret: {', '.join(failed_readers)}"
        )


def _try_replacement(
    failed_readers: list[str], name: str, start_replacement: Callable[[], object]
) -> None:
    try:
        start_replacement()
        logger.info("%s is being replaced", name)
    except ClientError as error:
        if _get_error_code(error) in ABSENT_READER_ERRORS or "not found" in str(error):
            logger.info("%s is not there, so it does not use the old secret", name)
            return
        logger.warning("%s: %s", name, error)
        failed_readers.append(name)


def _wait_for_change(is_complete: Callable[[], bool], deadline: float) -> None:
    """Waits until a change is complete twice in a row: the first read may precede its begin.

    Raises TimeoutError after `deadline`.
    """
    confirmations = 0
    while confirmations < 2:
        if time.monotonic() > deadline:
            raise TimeoutError("the change was not complete in time")
        time.sleep(STATUS_POLL_SECONDS)
        confirmations = confirmations + 1 if is_complete() else 0


def _read_secret(secrets_client: Any, secret_id: str, **version_selector: str) -> dict[str, str]:
    content: dict[str, str] = json.loads(
        secrets_client.get_secret_value(SecretId=secret_id, **version_selector)["SecretString"]
    )
    return content


def _get_error_code(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])
