"""Secrets Manager: rotation as it is configured, by a function that it may invoke.

The stack's own function is run (secretsmanager_rotation.py). Of any other a rotation makes the new
version that it would have made, with a new random value for the password or token.
"""

import json
import time
from collections.abc import Callable
from typing import Any

from moto.awslambda.models import LambdaFunction, lambda_backends
from moto.moto_api._internal import mock_random
from moto.secretsmanager.models import FakeSecret, SecretsManagerBackend

from sandbox.patches.patching import AwsError, ServicePatch

patch = ServicePatch()
ApiRecord = dict[str, Any]
ROTATED_KEYS = ("password", "token")
# Who may run a function: given the secret, its backend, the function's ARN and the new version's
# id, whether it does.
ROTATION_RUNNERS: list[Callable[[FakeSecret, SecretsManagerBackend, str, str], bool]] = []


@patch.replace(SecretsManagerBackend, "rotate_secret")
def configure_rotation(
    backend: SecretsManagerBackend,
    secret_id: str,
    client_request_token: str | None = None,
    rotation_lambda_arn: str | None = None,
    rotation_rules: ApiRecord | None = None,
    rotate_immediately: bool = True,
) -> str:
    secret = backend.secrets.get(secret_id) if backend._is_valid_identifier(secret_id) else None
    if not isinstance(secret, FakeSecret) or secret.is_deleted():
        raise AwsError(
            "ResourceNotFoundException", "Secrets Manager can't find the specified secret."
        )
    arn = rotation_lambda_arn or secret.rotation_lambda_arn
    if not arn:
        raise AwsError(
            "InvalidRequestException",
            "No Lambda rotation function ARN is associated with this secret.",
        )
    _require_invocable(backend, arn)
    rules = rotation_rules or vars(secret).get("sandbox_rules") or {}
    if not {"AutomaticallyAfterDays", "ScheduleExpression"} & set(rules):
        raise AwsError(
            "InvalidParameterException", "RotationRules say neither days nor a schedule."
        )
    if not 1 <= int(rules.get("AutomaticallyAfterDays", 1)) <= 1000:
        raise AwsError(
            "InvalidParameterException", "RotationRules.AutomaticallyAfterDays must be 1-1000."
        )
    vars(secret)["sandbox_rules"] = rules
    secret.rotation_requested = secret.rotation_enabled = True
    secret.rotation_lambda_arn = arn
    secret.auto_rotate_after_days = int(rules.get("AutomaticallyAfterDays", 0))
    if secret.auto_rotate_after_days:
        secret.next_rotation_date = int(time.time()) + secret.auto_rotate_after_days * 86_400
    if rotate_immediately:
        version = client_request_token or str(mock_random.uuid4())
        if not any(runner(secret, backend, arn, version) for runner in ROTATION_RUNNERS):
            create_random_version(secret, version)
    return str(secret.to_short_dict())


def _require_invocable(backend: SecretsManagerBackend, arn: str) -> None:
    """The function must be there, and let Secrets Manager invoke it."""
    functions: list[LambdaFunction] = list(
        lambda_backends[backend.account_id][backend.region_name].list_functions()
    )
    function = next((f for f in functions if arn in (f.function_arn, f.function_name)), None)
    statements = function.policy.statements if function is not None else []
    principals = [s.get("Principal", {}) for s in statements]
    services = [p.get("Service") if isinstance(p, dict) else p for p in principals]
    if "secretsmanager.amazonaws.com" not in services:
        raise AwsError(
            "AccessDeniedException",
            "Secrets Manager cannot invoke the specified Lambda function. Ensure that the "
            "function policy grants access to the principal secretsmanager.amazonaws.com.",
        )


def create_random_version(secret: FakeSecret, version_id: str) -> None:
    current = secret.versions.get(secret.default_version_id or "")
    if current is None or current.get("secret_string") is None:
        return
    now = int(time.time())
    secret.remove_version_stages_from_old_versions(["AWSPREVIOUS"])
    current["version_stages"] = ["AWSPREVIOUS"]
    secret.versions[version_id] = {
        "createdate": now,
        "version_id": version_id,
        "version_stages": ["AWSCURRENT"],
        "secret_string": _build_rotated_secret(current["secret_string"]),
    }
    secret.default_version_id = version_id
    secret.secret_string = secret.versions[version_id]["secret_string"]
    secret.last_rotation_date = now


def _build_rotated_secret(text: str) -> str:
    new = mock_random.get_random_string(32)
    try:
        content = json.loads(text)
    except ValueError:
        return new
    if not isinstance(content, dict):
        return new
    return json.dumps(
        {key: new if key in ROTATED_KEYS else value for key, value in content.items()}
    )


@patch.wrap(FakeSecret, "reset_default_version")
def keep_other_labels(
    original: Any, secret: FakeSecret, secret_version: dict[str, Any], version_id: str
) -> None:
    """The version that was current keeps its other labels; moto leaves it AWSPREVIOUS alone.

    Source: Secrets Manager API reference, PutSecretValue: no staging labels are moved but those
    that are named, AWSCURRENT and AWSPREVIOUS.
    """
    before = secret.versions.get(secret.default_version_id or "", {})
    labels = [
        label
        for label in before.get("version_stages", ())
        if label not in ("AWSCURRENT", "AWSPREVIOUS")
    ]
    original(secret, secret_version, version_id)
    before.get("version_stages", []).extend(labels)


@patch.wrap(FakeSecret, "to_dict")
def describe_rotation_rules(original: Any, secret: FakeSecret) -> ApiRecord:
    """With the whole of the rotation rules, and no date of a rotation that never was."""
    description: ApiRecord = original(secret)
    if rules := vars(secret).get("sandbox_rules"):
        description["RotationRules"] = rules
        following = secret.next_rotation_date
        if secret.last_rotation_date and secret.auto_rotate_after_days:
            # Counted from the last one, also if that was asked for (User Guide).
            due = secret.last_rotation_date + secret.auto_rotate_after_days * 86_400
            following = max(following or 0, due)
        description["NextRotationDate"] = following
    return {key: value for key, value in description.items() if value is not None}
