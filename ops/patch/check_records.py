"""The checks of patches. Pure data; the routines are in ops/patch."""

from typing import TYPE_CHECKING, Final

from ops.core.check_record import Check
from ops.core.scaling_apis import AUTO_SCALING_GROUPS_API, TEMPLATE_VERSIONS_API
from ops.findings.waiver_calls import WAIVER_CALLS
from ops.patch.apis import INSTANCE_INFORMATION_API, INSTANCE_PATCHES_API, PATCH_STATES_API

if TYPE_CHECKING:
    from ops.outputs import Outputs

PATCH_AREA: Final = "patches"


def has_fleet(outputs: "Outputs") -> bool:
    """True if the stack has a fleet."""
    return outputs.fleet is not None


CHECKS: Final = (
    Check(
        key="patch-compliance",
        area=PATCH_AREA,
        title="instances",
        failure="An instance lacks patches of its baseline, or was not scanned for two days.",
        calls=(
            AUTO_SCALING_GROUPS_API,
            PATCH_STATES_API,
            INSTANCE_INFORMATION_API,
            INSTANCE_PATCHES_API,
            *WAIVER_CALLS,
        ),
        routine="ops.patch.compliance:check_compliance",
        reports=("patches",),
        lines=(PATCH_AREA,),
        is_applicable=has_fleet,
    ),
    Check(
        key="patch-ami",
        area=PATCH_AREA,
        title="AMI",
        failure="Instances run an AMI older than a month of which there is a newer one, or an old "
        "launch template.",
        calls=(
            AUTO_SCALING_GROUPS_API,
            TEMPLATE_VERSIONS_API,
            "ssm.get_parameter",
            "ec2.describe_instances",
            "ec2.describe_images",
            *WAIVER_CALLS,
        ),
        routine="ops.patch.images:check_fleet_images",
        reports=("patches",),
        lines=(PATCH_AREA,),
        is_applicable=has_fleet,
    ),
    Check(
        key="patch-database",
        area=PATCH_AREA,
        title="database",
        failure="Maintenance of the database is pending, or it is minor versions behind.",
        calls=(
            "rds.describe_db_instances",
            "rds.describe_pending_maintenance_actions",
            "rds.describe_db_engine_versions",
            *WAIVER_CALLS,
        ),
        routine="ops.patch.database:check_database_patches",
        reports=("patches",),
        lines=(PATCH_AREA,),
    ),
    Check(
        key="patch-cache",
        area=PATCH_AREA,
        title="cache",
        failure="An update of the cache is pending, it takes no minor versions by itself, or "
        "support of its version ends.",
        calls=(
            "elasticache.describe_cache_clusters",
            "elasticache.describe_cache_engine_versions",
            "elasticache.describe_update_actions",
            *WAIVER_CALLS,
        ),
        routine="ops.patch.cache:check_cache_patches",
        reports=("patches",),
        lines=(PATCH_AREA,),
        is_applicable=lambda outputs: outputs.cache is not None,
    ),
    Check(
        key="patch-services",
        area=PATCH_AREA,
        title="services",
        failure="A service runs on a platform version of Fargate that AWS no longer patches.",
        calls=("ecs.describe_services", *WAIVER_CALLS),
        routine="ops.patch.runtimes:check_platform_versions",
        reports=("patches",),
        lines=(PATCH_AREA,),
        is_applicable=lambda outputs: outputs.services is not None,
    ),
    Check(
        key="patch-functions",
        area=PATCH_AREA,
        title="functions",
        failure="The runtime of the rotation function is deprecated within 180 days.",
        calls=("lambda.get_function_configuration", *WAIVER_CALLS),
        routine="ops.patch.runtimes:check_function_runtimes",
        reports=("patches",),
        lines=(PATCH_AREA,),
    ),
)
