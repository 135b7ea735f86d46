"""`ops image scan`: of what runs, and of one image."""

from typing import Final

from ops.core.plan import Plan
from ops.image.running import parse_ecr_image
from ops.image.scan import build_image_scan_plan, choose_images, read_image_scans
from tests.ops.image_stage import NEWER_IMAGE, put_unscanned_service
from tests.ops.procedures import Procedure
from tests.ops.service_stage import BACKEND_REPOSITORY
from tests.ops.stage import Stage


def plan_scan(stage: Stage, service: str | None, image: str | None = None) -> Plan:
    named = None if image is None else parse_ecr_image("--image", image)
    images, notes = choose_images(stage.aws, stage.outputs, service, named)
    return build_image_scan_plan(
        stage.outputs,
        read_image_scans(stage.aws, stage.outputs, images),
        notes,
        "run-1",
        stage.clock.held_clock.now(),
        arguments=f"--image {image}" if image is not None else service or "",
    )


def collect_scanned_tags(stage: Stage) -> object:
    """The images that have a scan, by tag."""
    ecr = stage.client("ecr")
    scanned = []
    for image in ecr.describe_images(repositoryName=BACKEND_REPOSITORY)["imageDetails"]:
        try:
            ecr.describe_image_scan_findings(
                repositoryName=BACKEND_REPOSITORY, imageId={"imageDigest": image["imageDigest"]}
            )
        except ecr.exceptions.ScanNotFoundException:
            continue
        scanned.append(image["imageTags"])
    return sorted(scanned)


PROCEDURES: Final = (
    Procedure(
        "image scan",
        "backend",
        put_unscanned_service,
        lambda stage: plan_scan(stage, "backend"),
        collect_scanned_tags,
    ),
    Procedure(
        "image scan",
        f"--image {NEWER_IMAGE}",
        put_unscanned_service,
        lambda stage: plan_scan(stage, None, NEWER_IMAGE),
        collect_scanned_tags,
    ),
)
