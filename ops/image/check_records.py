"""The check of the images that run. Pure data; the routine is in this folder."""

from typing import Final

from ops.core.check_record import IMAGE_REPORTS, Check
from ops.findings.waiver_calls import WAIVER_CALLS

CHECKS: Final = (
    Check(
        key="image-vulnerabilities",
        area="images",
        title="images",
        failure="An image that runs has a critical or high vulnerability that has a fix.",
        calls=(
            "ecr.batch_get_image",
            "ecr.describe_image_scan_findings",
            "ecr.describe_images",
            "ecs.describe_service_revisions",
            "ecs.describe_tasks",
            "ecs.list_service_deployments",
            "ecs.list_tasks",
            "ssm.get_parameter",
            *WAIVER_CALLS,
        ),
        routine="ops.image.check:check_image_vulnerabilities",
        reports=IMAGE_REPORTS,
        lines=("images",),
        is_applicable=lambda outputs: outputs.services is not None or outputs.fleet is not None,
    ),
    Check(
        key="image-scanning",
        area="images",
        title="scanning",
        failure="What is pushed to a repository of the stack is not scanned by itself.",
        calls=(
            "ecr.batch_get_repository_scanning_configuration",
            "ecr.get_registry_scanning_configuration",
            *WAIVER_CALLS,
        ),
        routine="ops.image.registry_scanning:check_registry_scanning",
        reports=IMAGE_REPORTS,
        lines=("images",),
        is_applicable=lambda outputs: outputs.registry is not None,
    ),
)
