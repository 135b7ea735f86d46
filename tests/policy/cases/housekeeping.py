"""Cases of the rules of policy/rules/housekeeping.py: inputs alone."""

from typing import Final

from tests.policy.cases.model import ALL_REQUIRED_TAGS, LOG_GROUP_TYPE, RuleCase

HOUSEKEEPING_CASES: Final[dict[str, RuleCase]] = {
    "tags": RuleCase(
        LOG_GROUP_TYPE,
        {"tags": ALL_REQUIRED_TAGS},
        {
            "tags.Owner is not set": {
                "tags": {k: v for k, v in ALL_REQUIRED_TAGS.items() if k != "Owner"}
            },
            "tags.CostCenter is ''": {"tags": ALL_REQUIRED_TAGS | {"CostCenter": ""}},
            "tags.Project is not set": {},
        },
    ),
    "log-retention": RuleCase(
        LOG_GROUP_TYPE,
        {"retentionInDays": 14},
        {
            "retentionInDays is 7": {"retentionInDays": 7},
            "retentionInDays is not set": {},
            "retentionInDays is 0": {"retentionInDays": 0},
        },
    ),
    "log-retention-prod": RuleCase(
        LOG_GROUP_TYPE, {"retentionInDays": 90}, {"retentionInDays is 60": {"retentionInDays": 60}}
    ),
}
