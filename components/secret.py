"""A secret of Secrets Manager as the stack keeps one: generated, encrypted, JSON, then rotated."""

from collections.abc import Mapping

import pulumi_aws as aws
import pulumi_random as random
from pulumi import Input, Output

from components.component import Component

LENGTH = 32


def generated(component: Component, key: str, punctuation: str) -> Output[str]:
    """A random first password, of letters, digits and `punctuation`. Rotation replaces it."""
    made = random.RandomPassword(
        component.key(key),
        length=LENGTH,
        override_special=punctuation,
        min_lower=1,
        min_upper=1,
        min_numeric=1,
        opts=component.child,
    )
    return Output.secret(made.result)


def secret(
    component: Component,
    key: str,
    description: str,
    content: Mapping[str, Input[str] | Input[int]],
    kms_key: Input[str] | None,
) -> Output[str]:
    """The ARN of a secret with `content` as its JSON, known once there is a version of it.

    Pulumi writes the first version only: rotation and operations own the later ones.
    """
    made = aws.secretsmanager.Secret(
        component.key(key),
        name_prefix=f"{component.physical(component.name)}-",
        description=description,
        kms_key_id=kms_key,
        # Unprotected stacks come and go: their secrets go at once.
        recovery_window_in_days=30 if component.settings.protect else 0,
        opts=component.guarded(),
    )
    text: Output[str] = Output.secret(Output.json_dumps(content))
    version = aws.secretsmanager.SecretVersion(
        component.key(key),
        secret_id=made.id,
        secret_string=text,
        opts=component.guarded(ignore_changes=["secret_string"]),
    )
    return Output.all(made.arn, version.id).apply(lambda known: str(known[0]))
