"""The checks of quotas. Pure data; the routines are in this folder."""

from typing import Final

from ops.core.check_record import QUOTA_REPORTS, Check
from ops.core.metrics import METRIC_DATA_API
from ops.findings.waiver_calls import WAIVER_CALLS
from ops.quotas.apis import DEMAND_CALLS, QUOTA_CALLS
from ops.quotas.table import DEPLOYMENT_QUOTAS, MEASURE_CALLS

DEPLOYMENT_MEASURES: Final = tuple(quota.measure.api for quota in DEPLOYMENT_QUOTAS)

CHECKS: Final = (
    Check(
        key="account-quotas",
        area="quotas",
        title="quotas",
        failure="A quota of the account is nearly used up, or the stack does not fit at its most.",
        calls=tuple(
            sorted({*MEASURE_CALLS, *QUOTA_CALLS, *DEMAND_CALLS, METRIC_DATA_API, *WAIVER_CALLS})
        ),
        routine="ops.quotas.check:check_quotas",
        reports=QUOTA_REPORTS,
        lines=("quotas",),
    ),
    Check(
        key="deployment-quotas",
        area="quotas",
        title="quotas of a deployment",
        failure="A quota of the account has no room for a deployment.",
        calls=tuple(sorted({*DEPLOYMENT_MEASURES, *QUOTA_CALLS, *DEMAND_CALLS, *WAIVER_CALLS})),
        routine="ops.quotas.check:check_deployment_quotas",
        lines=("deployment quotas",),
        is_applicable=lambda outputs: outputs.services is not None or outputs.fleet is not None,
    ),
)
