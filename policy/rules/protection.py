"""Protection: whatever holds data is not deleted by mistake."""

from collections.abc import Iterator
from typing import Final

from components.facts.resource_types import ALL_FACTS
from policy.rules.model import (
    IS_FALSE_OR_UNSET,
    IS_TRUE,
    PROD_ONLY,
    UNKNOWN,
    PolicyResource,
    ResourceRule,
    as_list,
    at_least,
    build_property_check,
    check_value,
    find_property,
    format_violation,
    one_of,
    unset_or,
)

# What cannot be made again as it was, or answers users.
MIN_INSTANCE_TYPES: Final = 2
STATEFUL_TYPES: Final = tuple(fact.type for fact in ALL_FACTS if fact.must_be_protected)


def _check_protect_option(resource: PolicyResource) -> Iterator[str]:
    if not resource.protect:
        yield format_violation("the option protect", resource.protect, "true")


def _check_final_snapshot(resource: PolicyResource) -> Iterator[str]:
    if find_property(resource.inputs, "replicateSourceDb") is not None:
        return
    skip_final_snapshot = find_property(resource.inputs, "skipFinalSnapshot")
    yield from check_value("skipFinalSnapshot", skip_final_snapshot, IS_FALSE_OR_UNSET)
    name = find_property(resource.inputs, "finalSnapshotIdentifier")
    if (
        name in (None, "")
        and skip_final_snapshot is not UNKNOWN
        and IS_FALSE_OR_UNSET.is_met(skip_final_snapshot)
    ):
        yield format_violation("finalSnapshotIdentifier", name, "the name of the final snapshot")


# By default AWS keeps a deleted secret, and a deleted key, for 30 days.
MIN_DELETION_WINDOW: Final = unset_or(at_least(7, "days"))


def _check_instance_types(resource: PolicyResource) -> Iterator[str]:
    overrides = find_property(resource.inputs, "mixedInstancesPolicy.launchTemplate.overrides")
    if overrides is not UNKNOWN and len(as_list(overrides)) < MIN_INSTANCE_TYPES:
        yield (
            f"mixedInstancesPolicy.launchTemplate.overrides has {len(as_list(overrides))} "
            f"instance types, must be {MIN_INSTANCE_TYPES} or more"
        )


DELETION_PROTECTION_RULES = (
    ResourceRule(
        "protected",
        ("house",),
        STATEFUL_TYPES,
        "What holds data or answers users is protected in Pulumi.",
        _check_protect_option,
        PROD_ONLY,
    ),
    ResourceRule(
        "database-deletion-protection",
        ("RDS.8",),
        ("aws:rds/instance:Instance",),
        "A database has deletion protection.",
        build_property_check(deletionProtection=IS_TRUE),
        PROD_ONLY,
    ),
    ResourceRule(
        "fleet-instance-types",
        ("AutoScaling.6",),
        ("aws:autoscaling/group:Group",),
        "A fleet has two instance types or more, so that it can be launched while one is short.",
        _check_instance_types,
        PROD_ONLY,
    ),
    ResourceRule(
        "balancer-deletion-protection",
        ("ELB.6",),
        ("aws:lb/loadBalancer:LoadBalancer",),
        "A load balancer has deletion protection.",
        build_property_check(enableDeletionProtection=IS_TRUE),
        PROD_ONLY,
    ),
    ResourceRule(
        "final-snapshot",
        ("house",),
        ("aws:rds/instance:Instance",),
        "A deleted database leaves a final snapshot.",
        _check_final_snapshot,
        PROD_ONLY,
    ),
    ResourceRule(
        "automated-backups-stay",
        ("house",),
        ("aws:rds/instance:Instance",),
        "A deleted database leaves its automated backups.",
        build_property_check(deleteAutomatedBackups=IS_FALSE_OR_UNSET),
        PROD_ONLY,
    ),
    ResourceRule(
        "no-force-destroy",
        ("house",),
        ("aws:s3/bucket:Bucket", "aws:backup/vault:Vault"),
        "A bucket or vault is deleted only if it is empty.",
        build_property_check(forceDestroy=IS_FALSE_OR_UNSET),
        PROD_ONLY,
    ),
    ResourceRule(
        "no-force-delete",
        ("house",),
        ("aws:ecr/repository:Repository",),
        "A repository is deleted only if it is empty.",
        build_property_check(forceDelete=IS_FALSE_OR_UNSET),
        PROD_ONLY,
    ),
    ResourceRule(
        "secret-recovery-window",
        ("house",),
        ("aws:secretsmanager/secret:Secret",),
        "A deleted secret can be restored.",
        build_property_check(recoveryWindowInDays=MIN_DELETION_WINDOW),
        PROD_ONLY,
    ),
    ResourceRule(
        "key-deletion-window",
        ("KMS.3",),
        ("aws:kms/key:Key",),
        "A deleted key can be restored.",
        build_property_check(deletionWindowInDays=MIN_DELETION_WINDOW),
    ),
    ResourceRule(
        "bucket-versioned",
        ("S3.14",),
        ("aws:s3/bucketVersioning:BucketVersioning",),
        "A bucket keeps old versions.",
        build_property_check(versioningConfiguration__status=one_of("Enabled")),
    ),
)
