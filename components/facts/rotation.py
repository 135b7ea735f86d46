"""Facts of the rotation of passwords."""

from typing import Final

from components.facts.billing import build_usage_lister
from components.facts.model import ASSUMPTION, ChangeEffect, Guard, ProtectionRule, ResourceFact

FACTS: Final = (
    ResourceFact(
        type="aws:lambda/function:Function",
        harmless=("loggingConfig", "timeout", "memorySize"),
        other_costs=("memorySize",),
        updates={
            "handler": ChangeEffect(
                "its next calls run other code",
                "none if the new code works",
                "Lambda Developer Guide, Function versions",
            ),
            "s3Bucket": ChangeEffect(
                "its next calls run other code",
                "none if the new code works",
                "Lambda Developer Guide, Function versions",
            ),
            "s3Key": ChangeEffect(
                "its next calls run other code",
                "none if the new code works",
                "Lambda Developer Guide, Function versions",
            ),
            "sourceCodeHash": ChangeEffect(
                "its next calls run other code",
                "none if the new code works",
                "Lambda Developer Guide, Function versions",
            ),
            "runtime": ChangeEffect(
                "its next calls run other code",
                "none if the new code works",
                "Lambda Developer Guide, Function versions",
            ),
            "architectures": ChangeEffect(
                "its next calls run other code",
                "none if the new code works",
                "Lambda Developer Guide, Function versions",
            ),
            "environment": ChangeEffect(
                "its next calls run other code",
                "none if the new code works",
                "Lambda Developer Guide, Function versions",
            ),
            "role": ChangeEffect(
                "its calls have other permissions",
                "at once",
                "Lambda Developer Guide, Execution role",
            ),
        },
        list_charges=build_usage_lister("invocations", "lambda"),
        removal=ChangeEffect(
            "its calls fail meanwhile: a rotation, or a hook", "seconds", ASSUMPTION
        ),
        is_taggable=True,
    ),
    ResourceFact(
        type="aws:lambda/permission:Permission",
        replacing=("action", "function", "principal", "sourceAccount", "sourceArn"),
        removal=ChangeEffect(
            "what calls the function is refused",
            "until it is created again",
            "Lambda Developer Guide, Resource-based policies",
        ),
    ),
    ResourceFact(
        type="aws:secretsmanager/secretRotation:SecretRotation",
        replacing=("secretId",),
        harmless=("rotateImmediately",),
        protections=(
            ProtectionRule(
                "rotationLambdaArn",
                "changed",
                "another function rotates it, at once and from then on",
                "Secrets Manager User Guide, Rotation",
            ),
        ),
        updates={
            "rotationRules": ChangeEffect(
                "it is rotated at once, then at other times; what reads it is replaced",
                "about a minute in which new connections with the old password are refused",
                "Secrets Manager API reference, RotateSecret, RotateImmediately",
            ),
        },
        guard=Guard("the secret is no longer rotated", "Secrets Manager User Guide, Rotation"),
    ),
)
