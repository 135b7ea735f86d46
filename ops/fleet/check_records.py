"""The checks of the fleet. Pure data; the routines are in ops/fleet/health.py."""

from typing import Final

from ops.core.check_record import HEALTH_REPORTS, Check
from ops.core.scaling_apis import (
    AUTO_SCALING_GROUPS_API,
    GROUP_ACTIVITIES_API,
    INSTANCE_REFRESHES_API,
    TEMPLATE_VERSIONS_API,
)

CHECKS: Final = (
    Check(
        key="fleet-instances",
        area="fleet",
        title="instances",
        failure="Fewer healthy instances are in service than desired, or a process is suspended.",
        calls=(AUTO_SCALING_GROUPS_API,),
        routine="ops.fleet.health:check_fleet_instances",
        reports=HEALTH_REPORTS,
        lines=("fleet", "capacity"),
        is_applicable=lambda outputs: outputs.fleet is not None,
    ),
    Check(
        key="fleet-scaling",
        area="fleet",
        title="scaling",
        failure="A scaling of the last hour failed.",
        calls=(GROUP_ACTIVITIES_API,),
        routine="ops.fleet.health:check_fleet_scaling",
        reports=HEALTH_REPORTS,
        lines=("fleet",),
        is_applicable=lambda outputs: outputs.fleet is not None,
    ),
    Check(
        key="fleet-instance-refresh",
        area="fleet",
        title="instance refresh",
        failure="The last instance refresh of the day failed.",
        calls=(INSTANCE_REFRESHES_API,),
        routine="ops.fleet.health:check_fleet_refresh",
        reports=HEALTH_REPORTS,
        lines=("fleet",),
        is_applicable=lambda outputs: outputs.fleet is not None,
    ),
    Check(
        key="fleet-launch-template",
        area="fleet",
        title="launch template",
        failure="A newer launch template waits for an instance refresh.",
        calls=(
            AUTO_SCALING_GROUPS_API,
            INSTANCE_REFRESHES_API,
            TEMPLATE_VERSIONS_API,
        ),
        routine="ops.fleet.health:check_fleet_template",
        reports=HEALTH_REPORTS,
        lines=("fleet", "services steady"),
        is_applicable=lambda outputs: outputs.fleet is not None,
    ),
)
