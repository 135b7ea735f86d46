"""Secrets Manager: a rotation by the stack's own function, whose code is run.

Its four steps are taken one after the other on the sandbox's clock, each when somebody next calls
Secrets Manager, RDS or ECS and its time has come. A step that fails leaves the pending version as
it is, as AWS does, which tries again later; here the next call does.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from unittest.mock import patch

from moto.awslambda.models import LambdaFunction, lambda_backends
from moto.ecs.models import EC2ContainerServiceBackend
from moto.rds.models import RDSBackend
from moto.secretsmanager.models import FakeSecret, SecretsManagerBackend, secretsmanager_backends

from sandbox import aws
from sandbox.clock import clock, pending
from sandbox.patches.patching import Mend, Refused, kept
from sandbox.patches.secretsmanager.secrets import RUNS

mend = Mend()
HANDLER: Final = "rotate.handler"
# Simulated seconds from the call until each step: assumptions. Lambda starts within a second or
# two, and RDS takes about half a minute to change a password (see rds_changes.RESET).
STEPS: Final = (("createSecret", 1), ("setSecret", 2), ("testSecret", 45), ("finishSecret", 50))
TRIES: Final = 5


@dataclass
class Rotation:
    """One rotation on its way. `left` are its steps, each with the time from which it is due."""

    secret: FakeSecret
    function: LambdaFunction
    version: str
    left: list[tuple[str, datetime]]
    failures: list[str] = field(default_factory=list)


class Context:
    """What Lambda hands a function: here each step has a few seconds."""

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 60_000  # of which the function keeps 20 s back


@mend.around(SecretsManagerBackend, "rotate_secret")
def rotate(
    original: Any,
    backend: SecretsManagerBackend,
    secret_id: str,
    client_request_token: str | None = None,
    *args: Any,
    **given: Any,
) -> str:
    """One rotation at a time; the same token again is the same rotation."""
    going = _going(backend)
    found = backend.secrets.get(secret_id) if backend._is_valid_identifier(secret_id) else None
    if isinstance(found, FakeSecret) and (before := going.get(found.arn)):
        if before.version == client_request_token:
            return str(found.to_short_dict(version_id=before.version))
        raise Refused(
            "InvalidRequestException",
            "A previous rotation isn't complete. That rotation will be reattempted.",
        )
    if isinstance(found, FakeSecret) and client_request_token in found.versions:
        return str(found.to_short_dict(version_id=client_request_token))
    answer: str = original(backend, secret_id, client_request_token, *args, **given)
    _step(backend)
    return answer


def begin(secret: FakeSecret, backend: SecretsManagerBackend, arn: str, version: str) -> bool:
    """Begins a rotation by the stack's function; False where it is another, or cannot be run."""
    functions = lambda_backends[backend.account_id][backend.region_name].list_functions()
    function = next((f for f in functions if arn in (f.function_arn, f.function_name)), None)
    variables = dict(getattr(function, "environment_vars", None) or {})
    if function is None or function.handler != HANDLER or "TARGET" not in variables:
        return False
    if not aws.active():  # served empty: there is nothing in this process to call
        return False
    due = [(step, clock().ready(after)) for step, after in STEPS]
    secret.versions[version] = {
        "createdate": int(clock().now().timestamp()),
        "version_id": version,
        "version_stages": ["AWSPENDING"],
    }
    _going(backend)[secret.arn] = Rotation(secret, function, version, due)
    return True


def _going(backend: SecretsManagerBackend) -> dict[str, Rotation]:
    return kept(backend, "rotations", dict)


def _step(backend: SecretsManagerBackend) -> None:
    """Takes every step that is due."""
    if vars(backend).get("mended_stepping"):
        return
    vars(backend)["mended_stepping"] = True
    try:
        for arn, rotation in list(_going(backend).items()):
            while rotation.left and not pending(rotation.left[0][1]):
                if not _taken(rotation, backend.region_name):
                    break
                rotation.left.pop(0)
            if not rotation.left or len(rotation.failures) >= TRIES:
                del _going(backend)[arn]
                if not rotation.left:
                    rotation.secret.last_rotation_date = int(clock().now().timestamp())
    finally:
        vars(backend)["mended_stepping"] = False


def _taken(rotation: Rotation, region: str) -> bool:
    """Runs the function for the next step; whether it did not fail."""
    from components.lambdas import rotate as code

    event = {
        "SecretId": rotation.secret.arn,
        "ClientRequestToken": rotation.version,
        "Step": rotation.left[0][0],
    }
    with _inside(code, dict(rotation.function.environment_vars), region):
        try:
            code.handler(event, Context())
        except Exception as error:
            rotation.failures.append(f"{event['Step']}: {error}")
            return False
    return True


@contextmanager
def _inside(code: Any, variables: dict[str, str], region: str) -> Iterator[None]:
    """Where the function runs: its environment, its AWS, and time that does not pass."""

    class Boto3:
        @staticmethod
        def client(service: str) -> Any:
            return aws.client(service, region)

    class Time:
        """What it waits for is due or is not: its own time passes as it sleeps, and no other."""

        passed = 0.0

        @classmethod
        def monotonic(cls) -> float:
            return cls.passed

        @classmethod
        def sleep(cls, seconds: float) -> None:
            cls.passed += seconds

    with (
        patch.dict(os.environ, variables),
        patch.object(code, "boto3", Boto3),
        patch.object(code, "time", Time),
    ):
        yield


@mend.around(SecretsManagerBackend, "update_secret_version_stage")
def moved(
    original: Any,
    backend: SecretsManagerBackend,
    secret_id: str,
    version_stage: str,
    remove_from_version_id: str,
    move_to_version_id: str,
) -> tuple[str, str]:
    """The version that is made the current one is what is read where none is named."""
    answer: tuple[str, str] = original(
        backend, secret_id, version_stage, remove_from_version_id, move_to_version_id
    )
    secret = backend.secrets[secret_id]
    if version_stage == "AWSCURRENT" and isinstance(secret, FakeSecret) and move_to_version_id:
        secret.default_version_id = move_to_version_id
        secret.secret_string = secret.versions[move_to_version_id].get("secret_string")
    return answer


@mend.also
def known() -> None:
    RUNS.append(begin)


@mend.also
def tick() -> None:
    """Each look at a secret, a database or a service lets the steps that are due be taken."""
    for owner, name in (
        (SecretsManagerBackend, "describe_secret"),
        (SecretsManagerBackend, "get_secret_value"),
        (RDSBackend, "describe_db_instances"),
        (EC2ContainerServiceBackend, "describe_services"),
    ):
        setattr(owner, name, _ticking(getattr(owner, name)))


def _ticking(original: Any) -> Any:
    def method(backend: Any, *args: Any, **given: Any) -> Any:
        _step(secretsmanager_backends[backend.account_id][backend.region_name])
        return original(backend, *args, **given)

    return method
