"""For each rule a resource that it passes, and those that it reports: one file a theme."""

from typing import Final

from tests.policy.cases.alarms import ALARM_CASES
from tests.policy.cases.backups import BACKUPS_CASES
from tests.policy.cases.encryption import ENCRYPTION_CASES
from tests.policy.cases.exposure import EXPOSURE_CASES
from tests.policy.cases.housekeeping import HOUSEKEEPING_CASES
from tests.policy.cases.iam import IAM_CASES
from tests.policy.cases.model import RuleCase
from tests.policy.cases.protection import PROTECTION_CASES
from tests.policy.cases.resource_policies import RESOURCE_POLICY_CASES
from tests.policy.cases.transport import TRANSPORT_CASES

RULE_CASES: Final[dict[str, RuleCase]] = {
    **ENCRYPTION_CASES,
    **EXPOSURE_CASES,
    **RESOURCE_POLICY_CASES,
    **TRANSPORT_CASES,
    **BACKUPS_CASES,
    **PROTECTION_CASES,
    **HOUSEKEEPING_CASES,
    **IAM_CASES,
    **ALARM_CASES,
}
