"""Runs the checks of `ops health` on a stack."""

from collections.abc import Sequence
from datetime import datetime

from ops.core.aws import Aws
from ops.core.check_record import Check
from ops.core.check_runner import mark_unknown_in_wrong_account, run_checks, send_read
from ops.core.checks import CheckFacts, CheckFinding
from ops.health.registry import (
    HEALTH_AREAS,
    is_health_check_selected,
    select_checks,
    select_health_checks,
)
from ops.outputs import Outputs


def check_health(
    outputs: Outputs, aws: Aws, now: datetime, selection: Sequence[str] = HEALTH_AREAS
) -> list[CheckFinding]:
    """The findings of the selected areas and keys. The account is always checked as well."""

    def is_run(check: Check) -> bool:
        return check.area == "account" or is_health_check_selected(check, selection)

    checks = [
        check for check in select_health_checks("health", is_run) if check.is_applicable(outputs)
    ]
    requested_areas = {
        check.area
        for check in select_checks("health")
        if is_health_check_selected(check, selection)
    }
    facts = CheckFacts(
        outputs, now, () if selection == HEALTH_AREAS else tuple(sorted(requested_areas))
    )
    region = outputs.stack.region
    return mark_unknown_in_wrong_account(
        run_checks(checks, facts, lambda read: send_read(aws, read, region))
    )
