"""A secret in Secrets Manager: generated, encrypted, JSON, rotated later."""

from collections.abc import Mapping

import pulumi_aws as aws
import pulumi_random as random
from pulumi import Input, Output

from components.account import Account
from components.component import Component
from components.facts.secret import FIRST_VERSION_STAGE
from components.secret_readers import build_secret_policy

FIRST_PASSWORD_LENGTH = 32


def generate_password(component: Component, key: str, *, punctuation: str) -> Output[str]:
    """A random first password, of letters, digits and `punctuation`. Rotation replaces it."""
    password = random.RandomPassword(
        component.format_logical_name(key),
        length=FIRST_PASSWORD_LENGTH,
        override_special=punctuation,
        min_lower=1,
        min_upper=1,
        min_numeric=1,
        opts=component.child_options,
    )
    return Output.secret(password.result)


def create_secret(
    component: Component,
    key: str,
    *,
    description: str,
    content: Mapping[str, Input[str] | Input[int]],
    kms_key: Input[str] | None,
    account: Account,
) -> Output[str]:
    """The ARN of a secret with `content` as its JSON, known once there is a version of it.

    Pulumi writes the first version only: rotation and operations own the later ones. That version
    has a label of its own: AWS removes no version that has one, so a refresh never misses it, and
    writing it again, once somebody has removed it, does not make it current. AWS makes the first
    version of a secret current by itself (Secrets Manager API reference, PutSecretValue,
    VersionStages; terraform-provider-aws#37302).
    """
    secret_resource = aws.secretsmanager.Secret(
        component.format_logical_name(key),
        name_prefix=f"{component.format_physical_name(component.name)}-",
        description=description,
        kms_key_id=kms_key,
        policy=build_secret_policy(component.settings, account=account),
        recovery_window_in_days=0 if component.settings.is_discarded("secrets") else 30,
        opts=component.build_protected_options(),
    )
    secret_string: Output[str] = Output.secret(Output.json_dumps(content))
    version = aws.secretsmanager.SecretVersion(
        component.format_logical_name(key),
        secret_id=secret_resource.id,
        secret_string=secret_string,
        version_stages=[FIRST_VERSION_STAGE],
        opts=component.build_protected_options(ignore_changes=["secret_string", "version_stages"]),
    )
    return Output.all(secret_resource.arn, version.id).apply(
        lambda resolved_values: str(resolved_values[0])
    )
