"""Encryption at rest: whatever holds data is encrypted, in prod with the stack's own key."""

from collections.abc import Iterator, Mapping
from typing import Final

from components.facts.model import Encryption
from components.facts.resource_types import ALL_FACTS
from policy.rules.model import (
    ALL_PROFILES,
    IS_TRUE,
    PROD_ONLY,
    UNKNOWN,
    PolicyResource,
    ResourceCheck,
    ResourceRule,
    any_value,
    as_list,
    build_property_check,
    check_value,
    find_property,
    format_violation,
    one_of,
)

KMS_KEY_ARN = any_value("the ARN of a KMS key")
ENCRYPTION_ALGORITHMS = one_of("AES256", "aws:kms", "aws:kms:dsse")
SECRET_NAME_WORDS = ("password", "secret", "token", "credential", "private-key", "api-key")


def _check_disks(resource: PolicyResource) -> Iterator[str]:
    """Checks the disks of an instance or a template: each must be set to encrypted."""
    for key in ("rootBlockDevice", "ebsBlockDevices", "blockDeviceMappings"):
        for index, disk in enumerate(as_list(find_property(resource.inputs, key))):
            if key == "blockDeviceMappings":
                if find_property(disk, "ebs") is not None:
                    yield from check_value(
                        f"{key}.{index}.ebs.encrypted",
                        find_property(disk, "ebs.encrypted"),
                        IS_TRUE,
                    )
            else:
                yield from check_value(
                    f"{key}.encrypted", find_property(disk, "encrypted"), IS_TRUE
                )
    if resource.type.endswith(":LaunchTemplate"):
        mappings = find_property(resource.inputs, "blockDeviceMappings")
        yield from check_value(
            "blockDeviceMappings", mappings, any_value("a list with the root disk")
        )
    else:
        root_disk = find_property(resource.inputs, "rootBlockDevice")
        yield from check_value("rootBlockDevice", root_disk, any_value("an encrypted disk"))


def _check_bucket_encryption(resource: PolicyResource) -> Iterator[str]:
    rules = find_property(resource.inputs, "rules")
    yield from check_value("rules", rules, any_value("a list with a default encryption"))
    for index, rule in enumerate(as_list(rules)):
        path = "applyServerSideEncryptionByDefault.sseAlgorithm"
        yield from check_value(
            f"rules.{index}.{path}", find_property(rule, path), ENCRYPTION_ALGORITHMS
        )


def _check_secret_parameter(resource: PolicyResource) -> Iterator[str]:
    name, kind = find_property(resource.inputs, "name"), find_property(resource.inputs, "type")
    full_name = f"{resource.name} {name if isinstance(name, str) else ''}".lower()
    if kind not in ("SecureString", UNKNOWN) and any(
        word in full_name for word in SECRET_NAME_WORDS
    ):
        yield format_violation("type", kind, "SecureString, for a name that says it is a secret")


# Rules of which the facts name only the types: what must be encrypted is nested.
NESTED_CHECKS: Final[Mapping[str, ResourceCheck]] = {
    "disk-encrypted": _check_disks,
    "bucket-encrypted": _check_bucket_encryption,
    "parameter-secure": _check_secret_parameter,
}


def _build_check(encryption: Encryption) -> ResourceCheck:
    requirements = dict.fromkeys(encryption.true_properties, IS_TRUE)
    if encryption.key_property is not None:
        requirements[encryption.key_property] = KMS_KEY_ARN
    return build_property_check(**requirements) if requirements else NESTED_CHECKS[encryption.rule]


def build_encryption_rules() -> tuple[ResourceRule, ...]:
    """A rule for each encryption that components/facts asks for, of all types that share it."""
    types_by_encryption: dict[Encryption, list[str]] = {}
    for fact in ALL_FACTS:
        if fact.encryption is not None:
            types_by_encryption.setdefault(fact.encryption, []).append(fact.type)
    return tuple(
        ResourceRule(
            encryption.rule,
            encryption.controls,
            tuple(types),
            encryption.description,
            _build_check(encryption),
            PROD_ONLY if encryption.prod_only else ALL_PROFILES,
        )
        for encryption, types in types_by_encryption.items()
    )


ENCRYPTION_RULES: Final = build_encryption_rules()
