"""Secrets Manager: a rotation by the stack's own function, whose code is run.

Its four steps run one after the other on the sandbox's clock, each at the next call of Secrets
Manager, RDS or ECS after its time. A step that fails leaves the pending version as
it is, as AWS does, which tries again later; here the next call does.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from unittest import mock

from moto.awslambda.models import LambdaFunction, lambda_backends
from moto.ecs.models import EC2ContainerServiceBackend
from moto.rds.models import RDSBackend
from moto.secretsmanager.models import FakeSecret, SecretsManagerBackend, secretsmanager_backends

from sandbox import aws
from sandbox.clock import get_sandbox_clock, is_in_future
from sandbox.patches.patching import AwsError, ServicePatch, backend_state
from sandbox.patches.secretsmanager.secrets import ROTATION_RUNNERS

patch = ServicePatch()
ROTATION_HANDLER: Final = "rotate.handler"
# Simulated seconds from the call until each step: assumptions. Lambda starts within a second or
# two, and RDS takes about half a minute to change a password (see rds_changes.RESET).
ROTATION_STEPS: Final = (
    ("createSecret", 1),
    ("setSecret", 2),
    ("testSecret", 45),
    ("finishSecret", 50),
)
MAX_ROTATION_FAILURES: Final = 5


@dataclass
class SecretRotation:
    """One rotation on its way. `left` are its steps, each with the time from which it is due."""

    secret: FakeSecret
    function: LambdaFunction
    version: str
    remaining_steps: list[tuple[str, datetime]]
    failures: list[str] = field(default_factory=list)


class LambdaContext:
    """What Lambda hands a function: here each step has a few seconds."""

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 60_000  # of which the function keeps 20 s back


@patch.wrap(SecretsManagerBackend, "rotate_secret")
def rotate_once_at_a_time(
    original: Any,
    backend: SecretsManagerBackend,
    secret_id: str,
    client_request_token: str | None = None,
    *args: Any,
    **kwargs: Any,
) -> str:
    """One rotation at a time; the same token again is the same rotation."""
    rotations = _get_rotations(backend)
    secret = backend.secrets.get(secret_id) if backend._is_valid_identifier(secret_id) else None
    if isinstance(secret, FakeSecret) and (current := rotations.get(secret.arn)):
        if current.version == client_request_token:
            return str(secret.to_short_dict(version_id=current.version))
        raise AwsError(
            "InvalidRequestException",
            "A previous rotation isn't complete. That rotation will be reattempted.",
        )
    if isinstance(secret, FakeSecret) and client_request_token in secret.versions:
        return str(secret.to_short_dict(version_id=client_request_token))
    answer: str = original(backend, secret_id, client_request_token, *args, **kwargs)
    _run_due_steps(backend)
    return answer


def start_rotation(
    secret: FakeSecret, backend: SecretsManagerBackend, arn: str, version: str
) -> bool:
    """Begins a rotation by the stack's function; False where it is another, or cannot be run."""
    functions = lambda_backends[backend.account_id][backend.region_name].list_functions()
    function = next((f for f in functions if arn in (f.function_arn, f.function_name)), None)
    variables = dict(getattr(function, "environment_vars", None) or {})
    if function is None or function.handler != ROTATION_HANDLER or "TARGET" not in variables:
        return False
    if not aws.is_in_memory_aws_active():  # served empty: there is nothing in this process to call
        return False
    steps = [
        (step, get_sandbox_clock().get_completion_time(seconds)) for step, seconds in ROTATION_STEPS
    ]
    secret.versions[version] = {
        "createdate": int(get_sandbox_clock().now().timestamp()),
        "version_id": version,
        "version_stages": ["AWSPENDING"],
    }
    _get_rotations(backend)[secret.arn] = SecretRotation(secret, function, version, steps)
    return True


def _get_rotations(backend: SecretsManagerBackend) -> dict[str, SecretRotation]:
    return backend_state(backend, "rotations", dict)


def _run_due_steps(backend: SecretsManagerBackend) -> None:
    """Runs every step that is due."""
    if vars(backend).get("sandbox_stepping"):
        return
    vars(backend)["sandbox_stepping"] = True
    try:
        for arn, rotation in list(_get_rotations(backend).items()):
            while rotation.remaining_steps and not is_in_future(rotation.remaining_steps[0][1]):
                if not _run_step(rotation, backend.region_name):
                    break
                rotation.remaining_steps.pop(0)
            if not rotation.remaining_steps or len(rotation.failures) >= MAX_ROTATION_FAILURES:
                del _get_rotations(backend)[arn]
                if not rotation.remaining_steps:
                    rotation.secret.last_rotation_date = int(get_sandbox_clock().now().timestamp())
    finally:
        vars(backend)["sandbox_stepping"] = False


def _run_step(rotation: SecretRotation, region: str) -> bool:
    """Runs the function for the next step; whether it did not fail."""
    from components.lambdas import rotate as code

    event = {
        "SecretId": rotation.secret.arn,
        "ClientRequestToken": rotation.version,
        "Step": rotation.remaining_steps[0][0],
    }
    with _lambda_environment(code, dict(rotation.function.environment_vars), region):
        try:
            code.handler(event, LambdaContext())
        except Exception as error:
            rotation.failures.append(f"{event['Step']}: {error}")
            return False
    return True


@contextmanager
def _lambda_environment(code: Any, variables: dict[str, str], region: str) -> Iterator[None]:
    """Where the function runs: its environment, its AWS, and time that does not pass."""

    class Boto3:
        @staticmethod
        def client(service: str) -> Any:
            return aws.get_client(service, region)

    class Time:
        """What it waits for is due or is not: its own time passes as it sleeps, and no other."""

        elapsed = 0.0

        @classmethod
        def monotonic(cls) -> float:
            return cls.elapsed

        @classmethod
        def sleep(cls, seconds: float) -> None:
            cls.elapsed += seconds

    with (
        mock.patch.dict(os.environ, variables),
        mock.patch.object(code, "boto3", Boto3),
        mock.patch.object(code, "time", Time),
    ):
        yield


@patch.wrap(SecretsManagerBackend, "update_secret_version_stage")
def move_version_stage(
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


@patch.add_change
def add_rotation_runner() -> None:
    ROTATION_RUNNERS.append(start_rotation)


@patch.add_change
def add_step_hooks() -> None:
    """Runs due steps before each read of secrets, a database or a service."""
    for owner, name in (
        (SecretsManagerBackend, "describe_secret"),
        (SecretsManagerBackend, "get_secret_value"),
        (SecretsManagerBackend, "list_secrets"),
        (RDSBackend, "describe_db_instances"),
        (EC2ContainerServiceBackend, "describe_services"),
    ):
        setattr(owner, name, _run_steps_before(getattr(owner, name)))


def _run_steps_before(original: Any) -> Any:
    def method(backend: Any, *args: Any, **kwargs: Any) -> Any:
        _run_due_steps(secretsmanager_backends[backend.account_id][backend.region_name])
        return original(backend, *args, **kwargs)

    return method
