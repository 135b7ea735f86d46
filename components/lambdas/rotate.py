"""Rotates the database's password or the cache's AUTH token for Secrets Manager.

RDS and ElastiCache are told the new secret through their APIs, so that no way into the VPC is
needed. Each step may be repeated: Secrets Manager does so after a failure.

Environment: TARGET is `database` or `cache`, IDENTIFIER its name, RESTART what reads the secret at
its start only, as JSON: `{"cluster": .., "services": [..], "fleet": {"group": .., ..} or null}`.
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

log = logging.getLogger()
log.setLevel(logging.INFO)

LENGTH: Final = 32  # letters and digits: 190 bits, and nothing that RDS or ElastiCache refuses
PAUSE: Final = 10.0  # seconds between two looks
RESERVE: Final = 20.0  # seconds kept to report a failure before Lambda ends the function
# What is not there has nothing to restart. Auto Scaling says so by a ValidationError.
ABSENT: Final = frozenset(
    {"ClusterNotFoundException", "ServiceNotFoundException", "ServiceNotActiveException"}
)


class Target(Protocol):
    """What the secret opens."""

    field: str

    def change(self, current: str, pending: str, deadline: float) -> None:
        """Asks for `pending` to be valid, beside or instead of `current`."""

    def settled(self) -> bool:
        """Whether no change is under way."""


class Database:
    """A DB instance of RDS: one password at a time."""

    field = "password"

    def __init__(self, identifier: str) -> None:
        self.identifier = identifier
        self.rds: Any = boto3.client("rds")

    def change(self, current: str, pending: str, deadline: float) -> None:
        """RDS changes a password at once in any case. ApplyImmediately would also carry out
        whatever else waits for the maintenance window."""
        self.rds.modify_db_instance(
            DBInstanceIdentifier=self.identifier,
            MasterUserPassword=pending,
            ApplyImmediately=False,
        )

    def settled(self) -> bool:
        found = self.rds.describe_db_instances(DBInstanceIdentifier=self.identifier)
        instance = found["DBInstances"][0]
        waiting = instance.get("PendingModifiedValues") or {}
        return instance["DBInstanceStatus"] == "available" and "MasterUserPassword" not in waiting


class Cache:
    """A replication group of ElastiCache: the token before stays valid until the next rotation,
    so that a task that holds it goes on working until it is replaced."""

    field = "token"

    def __init__(self, identifier: str) -> None:
        self.identifier = identifier
        self.elasticache: Any = boto3.client("elasticache")

    def change(self, current: str, pending: str, deadline: float) -> None:
        try:  # ends the token before `current`: ElastiCache holds two at most
            self._modify(current, "SET", deadline)
        except ClientError as error:
            if not _code(error).startswith("InvalidParameter"):
                raise
            log.info("there was no token before the current one")
        self._modify(pending, "ROTATE", deadline)

    def _modify(self, token: str, strategy: str, deadline: float) -> None:
        self.elasticache.modify_replication_group(
            ReplicationGroupId=self.identifier,
            AuthToken=token,
            AuthTokenUpdateStrategy=strategy,
            ApplyImmediately=True,  # a token cannot be changed otherwise
        )
        _wait(self.settled, deadline)

    def settled(self) -> bool:
        found = self.elasticache.describe_replication_groups(ReplicationGroupId=self.identifier)
        group = found["ReplicationGroups"][0]
        waiting = group.get("PendingModifiedValues") or {}
        return group["Status"] == "available" and "AuthTokenStatus" not in waiting


TARGETS: Final[dict[str, Callable[[str], Target]]] = {"database": Database, "cache": Cache}


def handler(event: dict[str, str], context: Any) -> None:
    """One step of a rotation. Raises where it cannot be done: Secrets Manager tries again later."""
    secret, version, step = event["SecretId"], event["ClientRequestToken"], event["Step"]
    log.info("%s of version %s", step, version)
    secrets: Any = boto3.client("secretsmanager")
    target = TARGETS[os.environ["TARGET"]](os.environ["IDENTIFIER"])
    described = secrets.describe_secret(SecretId=secret)
    if not described.get("RotationEnabled"):
        raise ValueError("rotation is not enabled for this secret")
    stages = described["VersionIdsToStages"].get(version)
    if stages is None:
        raise ValueError(f"the secret has no version {version}")
    current = "AWSCURRENT" in stages
    if not current and "AWSPENDING" not in stages:
        raise ValueError(f"version {version} is neither current nor pending")
    deadline = time.monotonic() + context.get_remaining_time_in_millis() / 1000 - RESERVE
    if step == "finishSecret":
        if not current:
            _promote(secrets, secret, version, described["VersionIdsToStages"])
        _restart(json.loads(os.environ["RESTART"]))
    elif current:
        log.info("the version is current already")
    elif step == "createSecret":
        _create(secrets, secret, version, target.field)
    elif step == "setSecret":
        now = _read(secrets, secret, VersionStage="AWSCURRENT")[target.field]
        new = _read(secrets, secret, VersionId=version, VersionStage="AWSPENDING")[target.field]
        target.change(now, new, deadline)
    elif step == "testSecret":
        _wait(target.settled, deadline)
    else:
        raise ValueError(f"there is no step {step}")


def _create(secrets: Any, secret: str, version: str, field: str) -> None:
    """The current secret with another password, as the pending version; kept where it is there."""
    try:
        _read(secrets, secret, VersionId=version, VersionStage="AWSPENDING")
    except ClientError as error:
        if _code(error) != "ResourceNotFoundException":
            raise
        content = _read(secrets, secret, VersionStage="AWSCURRENT")
        made = secrets.get_random_password(PasswordLength=LENGTH, ExcludePunctuation=True)
        content[field] = made["RandomPassword"]
        secrets.put_secret_value(
            SecretId=secret,
            ClientRequestToken=version,
            SecretString=json.dumps(content),
            VersionStages=["AWSPENDING"],
        )


def _promote(secrets: Any, secret: str, version: str, versions: dict[str, list[str]]) -> None:
    """Makes a version the current one, which takes the stage from the one that was."""
    before = next((known for known, s in versions.items() if "AWSCURRENT" in s), None)
    secrets.update_secret_version_stage(
        SecretId=secret,
        VersionStage="AWSCURRENT",
        MoveToVersionId=version,
        **({"RemoveFromVersionId": before} if before else {}),
    )


def _restart(readers: dict[str, Any]) -> None:
    """Replaces what read the secret at its start, each by its own rolling deployment."""
    failed: list[str] = []
    for service in readers["services"]:
        ecs: Any = boto3.client("ecs")
        replace = partial(
            ecs.update_service,
            cluster=readers["cluster"],
            service=service,
            forceNewDeployment=True,
        )
        _try(failed, service, replace)
    if fleet := readers["fleet"]:
        autoscaling: Any = boto3.client("autoscaling")
        replace = partial(
            autoscaling.start_instance_refresh,
            AutoScalingGroupName=fleet["group"],
            Preferences={k: v for k, v in fleet.items() if k != "group"} | {"SkipMatching": False},
        )
        _try(failed, fleet["group"], replace)
    if failed:
        raise RuntimeError(f"rotated, but these still use the old secret: {', '.join(failed)}")


def _try(failed: list[str], name: str, call: Callable[[], object]) -> None:
    try:
        call()
        log.info("%s is being replaced", name)
    except ClientError as error:
        log.warning("%s: %s", name, error)
        if _code(error) not in ABSENT and "not found" not in str(error):
            failed.append(name)


def _wait(settled: Callable[[], bool], deadline: float) -> None:
    """Waits until a change is over: seen twice, since the first look may come before it began."""
    seen = 0
    while seen < 2:
        if time.monotonic() > deadline:
            raise TimeoutError("the change is not over yet")
        time.sleep(PAUSE)
        seen = seen + 1 if settled() else 0


def _read(secrets: Any, secret: str, **which: str) -> dict[str, str]:
    content: dict[str, str] = json.loads(
        secrets.get_secret_value(SecretId=secret, **which)["SecretString"]
    )
    return content


def _code(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])
