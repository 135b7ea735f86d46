"""Cases of the rules of policy/rules/backups.py: inputs alone."""

from typing import Final

from tests.policy.cases.model import (
    BACKUP_PLAN_TYPE,
    DATABASE_TYPE,
    REPLICATION_GROUP_TYPE,
    RuleCase,
)

BACKUPS_CASES: Final[dict[str, RuleCase]] = {
    "database-backups": RuleCase(
        DATABASE_TYPE,
        {"backupRetentionPeriod": 7},
        {
            "backupRetentionPeriod is 6": {"backupRetentionPeriod": 6},
            "backupRetentionPeriod is not set": {},
        },
    ),
    "cache-snapshots": RuleCase(
        REPLICATION_GROUP_TYPE,
        {"snapshotRetentionLimit": 1},
        {"snapshotRetentionLimit is 0": {"snapshotRetentionLimit": 0}},
    ),
    "plan-keeps": RuleCase(
        BACKUP_PLAN_TYPE,
        {"rules": [{"lifecycle": {"deleteAfter": 35}}]},
        {
            "rules.0.lifecycle.deleteAfter is 3": {"rules": [{"lifecycle": {"deleteAfter": 3}}]},
            "rules is []": {"rules": []},
        },
    ),
    "plan-copies": RuleCase(
        BACKUP_PLAN_TYPE,
        {"rules": [{"copyActions": []}, {"copyActions": [{"destinationVaultArn": "v"}]}]},
        {"rules.copyActions is not set": {"rules": [{"copyActions": []}]}},
    ),
}
