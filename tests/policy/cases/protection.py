"""Cases of the rules of policy/rules/protection.py: inputs alone."""

from typing import Final

from tests.policy.cases.model import (
    BUCKET_TYPE,
    DATABASE_TYPE,
    FINAL_SNAPSHOT_PROPERTIES,
    LOAD_BALANCER_TYPE,
    SECRET_TYPE,
    RuleCase,
    build_flag_case,
)

PROTECTION_CASES: Final[dict[str, RuleCase]] = {
    "protected": RuleCase(BUCKET_TYPE, {}, {"the option protect is false": {}}),
    "database-deletion-protection": build_flag_case(DATABASE_TYPE, "deletionProtection", True),
    "fleet-instance-types": RuleCase(
        "aws:autoscaling/group:Group",
        {
            "mixedInstancesPolicy": {
                "launchTemplate": {
                    "overrides": [{"instanceType": "t3.small"}, {"instanceType": "t3a.small"}]
                }
            }
        },
        {
            "mixedInstancesPolicy.launchTemplate.overrides has 1": {
                "mixedInstancesPolicy": {
                    "launchTemplate": {"overrides": [{"instanceType": "t3.small"}]}
                }
            },
            "mixedInstancesPolicy.launchTemplate.overrides has 0": {},
        },
    ),
    "balancer-deletion-protection": build_flag_case(
        LOAD_BALANCER_TYPE, "enableDeletionProtection", True
    ),
    "final-snapshot": RuleCase(
        DATABASE_TYPE,
        FINAL_SNAPSHOT_PROPERTIES,
        {
            "skipFinalSnapshot is true": {**FINAL_SNAPSHOT_PROPERTIES, "skipFinalSnapshot": True},
            "finalSnapshotIdentifier is not set": {"skipFinalSnapshot": False},
        },
    ),
    "automated-backups-stay": build_flag_case(
        DATABASE_TYPE, "deleteAutomatedBackups", False, may_be_unset=True
    ),
    "no-force-destroy": build_flag_case(BUCKET_TYPE, "forceDestroy", False, may_be_unset=True),
    "no-force-delete": build_flag_case(
        "aws:ecr/repository:Repository", "forceDelete", False, may_be_unset=True
    ),
    "secret-recovery-window": RuleCase(
        SECRET_TYPE,
        {"recoveryWindowInDays": 7},
        {"recoveryWindowInDays is 0": {"recoveryWindowInDays": 0}},
    ),
    "key-deletion-window": RuleCase(
        "aws:kms/key:Key",
        {"deletionWindowInDays": 30},
        {"deletionWindowInDays is 3": {"deletionWindowInDays": 3}},
    ),
    "bucket-versioned": RuleCase(
        "aws:s3/bucketVersioning:BucketVersioning",
        {"versioningConfiguration": {"status": "Enabled"}},
        {
            "versioningConfiguration.status is 'Suspended'": {
                "versioningConfiguration": {"status": "Suspended"}
            }
        },
    ),
}
