"""The plan that has images scanned by ECR, and what the scans found.

A basic scan of an image can be started once in 24 hours, the scan on push included (API reference,
StartImageScan). With enhanced scanning ECR refuses it, as "This feature is disabled": Amazon
Inspector scans by itself (ECR User Guide, "Enhanced scanning").
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from ops.core.aws import Aws
from ops.core.check_runner import run_routine, send_read
from ops.core.checks import ReadAnswer, ReadRequest, UnknownAnswerError, get_answer_items
from ops.core.counts import format_count
from ops.core.errors import OpsError
from ops.core.plan import Call, Plan, Step, Wait
from ops.core.stack_plan import NO_COST, build_stack_plan
from ops.core.times import format_aws_minute, format_utc_minute, parse_aws_time
from ops.fleet.model import send_read_call
from ops.image.registry_scanning import BASIC_SCANNING, REGISTRY_SCANNING_API
from ops.image.running import (
    SCAN_FINDINGS_API,
    RunningImage,
    build_scan_read,
    list_running_images,
    select_platform_image,
)
from ops.image.vulnerabilities import (
    CONTINUOUS_STATUS,
    parse_vulnerabilities,
)
from ops.outputs import Outputs
from ops.services.image_list import IMAGE_SEVERITIES

FINDINGS_COMMAND: Final = "ops image findings"
NO_SCAN_CODE: Final = "ScanNotFoundException"
SCAN_INTERVAL: Final = timedelta(hours=24)
# Statuses of a scan that has ended without findings (API reference, ImageScanStatus).
FAILED_SCAN_STATUSES: Final = (
    "FAILED",
    "UNSUPPORTED_IMAGE",
    "LIMIT_EXCEEDED",
    "IMAGE_ARCHIVED",
    "IMAGE_SIZE_EXCEEDED",
    "FINDINGS_UNAVAILABLE",
    "SCAN_ELIGIBILITY_EXPIRED",
)
RUNNING_STATUSES: Final = ("IN_PROGRESS", "PENDING")
STATUS_PATH: Final = "imageScanStatus.status"
COMPLETED_KEY: Final = "imageScanCompletedAt"
COMPLETED_PATH: Final = f"imageScanFindings.{COMPLETED_KEY}"
SCAN_TIMEOUT_SECONDS: Final = 30 * 60
TYPICAL_SCAN_SECONDS: Final = 60
SCAN_TIME_SOURCE: Final = "an assumption: AWS gives no figure"
SCAN_COLUMNS: Final = ("image", "status", "scanned", *(s.lower() for s in IMAGE_SEVERITIES), "text")


@dataclass(frozen=True)
class ScannedImage:
    """An image, of its platform, and ECR's answer on its scan; None if it was never scanned."""

    image: RunningImage
    answer: Mapping[str, Any] | None

    @property
    def status(self) -> str:
        """The status of its scan, empty if there was none."""
        return str(((self.answer or {}).get("imageScanStatus") or {}).get("status") or "")

    @property
    def completed_at(self) -> str:
        """When its scan was completed, as AWS answers it; empty if that is not known."""
        return str(((self.answer or {}).get("imageScanFindings") or {}).get(COMPLETED_KEY) or "")


ScanRoutine = Generator[Sequence[ReadRequest], list[ReadAnswer], list[ScannedImage]]


def choose_images(
    aws: Aws, outputs: Outputs, service: str | None, image: RunningImage | None
) -> tuple[list[RunningImage], list[str]]:
    """The images to scan: what runs, of all or of a service, or one; and notes of what is not.

    Raises OpsError if what the service runs is not known, or if the registry has enhanced scanning.
    """
    account, region = outputs.stack.account, outputs.stack.region
    unread: list[str] = []
    if image is not None:
        images = [image]
    else:
        images, gaps = run_routine(
            list_running_images(outputs), lambda read: send_read(aws, read, region)
        )
        images = [i for i in images if service in (None, i.service)]
        unread = [
            f"what {gap.subject} runs is not known: {gap.evidence}"
            for gap in gaps
            if service in (None, gap.subject)
        ]
        if service is not None and unread:
            raise OpsError(unread[0], FINDINGS_COMMAND)
    own = [i for i in images if (i.registry, i.region) == (account, region)]
    if own:
        require_basic_scanning(send_read_call(aws, Call(api=REGISTRY_SCANNING_API)))
    notes = [
        f"{i.reference} is not in this account's ECR in {region}: it is not scanned"
        for i in images
        if i not in own
    ]
    return own, list(dict.fromkeys((*notes, *unread)))


def read_image_scans(
    aws: Aws, outputs: Outputs, images: Sequence[RunningImage]
) -> list[ScannedImage]:
    """Reads the scan of each image, each image once. Raises OpsError if one is not known."""
    region = outputs.stack.region
    return run_routine(_read_scans(images), lambda read: send_read(aws, read, region))


def _read_scans(images: Sequence[RunningImage]) -> ScanRoutine:
    scans: dict[tuple[str, str, str], ScannedImage] = {}
    for image in images:
        try:
            scanned = yield from select_platform_image(image)
            (answer,) = yield [build_scan_read(scanned)]
            items = get_answer_items(answer)
        except (UnknownAnswerError, ValueError) as error:
            raise OpsError(f"{image.reference}: {error}", FINDINGS_COMMAND) from error
        key = scanned.registry, scanned.repository, str(scanned.image_id)
        scans.setdefault(key, ScannedImage(scanned, items[0] if items else None))
    return list(scans.values())


def require_basic_scanning(configuration: Mapping[str, Any]) -> None:
    """Raises OpsError if the registry has enhanced scanning, which refuses scans by hand."""
    if configuration["scanningConfiguration"]["scanType"] != BASIC_SCANNING:
        raise OpsError(
            "the registry has enhanced scanning: Amazon Inspector scans by itself, and ECR refuses "
            "a scan by hand",
            FINDINGS_COMMAND,
        )


def build_image_scan_plan(
    outputs: Outputs,
    scans: Sequence[ScannedImage],
    notes: Sequence[str],
    run: str,
    now: datetime,
    *,
    arguments: str = "",
) -> Plan:
    """Builds the plan that scans each image that may be scanned now, and waits for the results.

    Raises OpsError if there is none, with the time from which there is.
    """
    due = [scan for scan in scans if _find_next_time(scan, now) is None]
    waiting = [scan for scan in scans if scan not in due]
    texts = [
        f"{scan.image.subject} was scanned at {format_aws_minute(scan.completed_at)}: ECR scans an "
        f"image once in 24 hours, this one again from {_find_next_time(scan, now)}"
        for scan in waiting
    ]
    if not due:
        problem = "; ".join((*texts, *notes)) or "nothing runs"
        raise OpsError(f"no image can be scanned now: {problem}", FINDINGS_COMMAND)
    return build_stack_plan(
        outputs,
        run,
        "image scan",
        *(_build_scan_step(number, scan) for number, scan in enumerate(due, 1)),
        changes=[
            f"what ECR has found in {format_count(len(due), 'image')}, by what is known now: "
            f"{', '.join(scan.image.reference for scan in due)}"
        ],
        losses=(),
        cost=NO_COST,
        notes=[
            "a basic scan looks at packages of the operating system alone",
            "an image that is scanned now can be scanned again in 24 hours",
            *texts,
            *notes,
        ],
        arguments=arguments,
    )


def _find_next_time(scan: ScannedImage, now: datetime) -> str | None:
    """From when on it can be scanned again; None if it can be now."""
    if not scan.completed_at:
        return None
    time = parse_aws_time(scan.completed_at) + SCAN_INTERVAL
    return None if time <= now else format_utc_minute(time.timestamp())


def _build_scan_step(number: int, scan: ScannedImage) -> Step:
    image = scan.image
    params: dict[str, Any] = {
        "registryId": image.registry,
        "repositoryName": image.repository,
        "imageId": image.image_id,
    }
    # The answer before has a time as well, and may have failed: it is not this scan's.
    is_new = f'{COMPLETED_PATH} != `"{scan.completed_at}"`'
    is_known = f"{COMPLETED_PATH} != `null`"
    failed = [status for status in FAILED_SCAN_STATUSES if status != scan.status]
    return Step(
        name=f"scan_{number}",
        description=f"scan {image.subject}: {image.reference}",
        action=Call(api="ecr.start_image_scan", params=params, repeatable=False),
        goal=Wait(
            read=Call(
                api=SCAN_FINDINGS_API,
                params={**params, "maxResults": 1},
                expected_errors=(NO_SCAN_CODE,),
            ),
            met={STATUS_PATH: "COMPLETE", is_known: True, is_new: True},
            begun={f"{STATUS_PATH} == '{status}'": True for status in RUNNING_STATUSES},
            failed={STATUS_PATH: list(failed)},
            failed_on_timeout={f"type({STATUS_PATH})": ["string"]},
            every=5,
            within=SCAN_TIMEOUT_SECONDS,
            typical=TYPICAL_SCAN_SECONDS,
            source=SCAN_TIME_SOURCE,
        ),
    )


def build_scan_row(scan: ScannedImage) -> dict[str, object]:
    """The row of an image: its scan and the number of findings of each severity."""
    status = (scan.answer or {}).get("imageScanStatus") or {}
    is_read = scan.status in ("COMPLETE", CONTINUOUS_STATUS)
    found = parse_vulnerabilities(scan.answer or {})
    return {
        "image": scan.image.reference,
        "status": scan.status or None,
        "scanned": format_aws_minute(scan.completed_at) if scan.completed_at else None,
        **{
            severity.lower(): sum(v.severity == severity for v in found) if is_read else None
            for severity in IMAGE_SEVERITIES
        },
        "text": str(status.get("description") or ""),
    }
