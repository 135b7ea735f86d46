"""Snapshots and images of the stack that everybody, or another account, may restore."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from ops.audit.databases import is_stack_database
from ops.audit.model import AuditReport, close_report, is_of_other_stack, is_of_stack
from ops.core.checks import CheckFacts, CheckRoutine, build_read
from ops.core.counts import format_count
from ops.database.instance import parse_tags

_SNAPSHOTS_API: Final = "rds.describe_db_snapshots"
_SNAPSHOT_ATTRIBUTES_API: Final = "rds.describe_db_snapshot_attributes"
_VOLUME_SNAPSHOTS_API: Final = "ec2.describe_snapshots"
_VOLUME_SNAPSHOT_ATTRIBUTE_API: Final = "ec2.describe_snapshot_attribute"
_IMAGES_API: Final = "ec2.describe_images"
_IMAGE_ATTRIBUTE_API: Final = "ec2.describe_image_attribute"
SHARED_SNAPSHOTS_KEY: Final = "shared-snapshots"
SHARED_IMAGES_KEY: Final = "shared-images"
_EVERYBODY: Final = "all"
_GONE_SNAPSHOT_CODES: Final = ("DBSnapshotNotFound", "DBSnapshotNotFoundFault")
_GONE_VOLUME_SNAPSHOT_CODES: Final = ("InvalidSnapshot.NotFound",)
_GONE_IMAGE_CODES: Final = ("InvalidAMIID.NotFound", "InvalidAMIID.Unavailable")


def check_shared_snapshots(facts: CheckFacts) -> CheckRoutine:
    """Judges the database's manual snapshots, which alone can be shared, and those of volumes."""
    report, outputs = AuditReport(facts, SHARED_SNAPSHOTS_KEY, "snapshots"), facts.outputs
    region = outputs.stack.region
    answer, volume_answer = yield [
        build_read(_SNAPSHOTS_API, "DBSnapshots", SnapshotType="manual"),
        build_read(_VOLUME_SNAPSHOTS_API, "Snapshots", OwnerIds=["self"]),
    ]
    snapshots = [
        item for item in report.get_items(answer, "snapshots") if is_stack_database(outputs, item)
    ]
    volume_snapshots = [
        item
        for item in report.get_items(volume_answer, "snapshots of volumes")
        if not is_of_other_stack(outputs, parse_tags(item.get("Tags")))
    ]
    names = [str(item["DBSnapshotIdentifier"]) for item in snapshots]
    volume_names = [str(item["SnapshotId"]) for item in volume_snapshots]
    answers = yield [
        *(
            build_read(
                _SNAPSHOT_ATTRIBUTES_API,
                "",
                DBSnapshotIdentifier=name,
                absent_codes=_GONE_SNAPSHOT_CODES,
            )
            for name in names
        ),
        *(
            build_read(
                _VOLUME_SNAPSHOT_ATTRIBUTE_API,
                "",
                SnapshotId=name,
                Attribute="createVolumePermission",
                absent_codes=_GONE_VOLUME_SNAPSHOT_CODES,
            )
            for name in volume_names
        ),
    ]
    for snapshot, name, attributes in zip(snapshots, names, answers[: len(names)], strict=True):
        for item in report.get_items(attributes, name):
            result = item["DBSnapshotAttributesResult"]
            receivers = [
                str(value)
                for attribute in result.get("DBSnapshotAttributes", ())
                if attribute["AttributeName"] == "restore"
                for value in attribute.get("AttributeValues", ())
            ]
            _add_shared(
                report,
                name,
                receivers,
                f"aws rds modify-db-snapshot-attribute --region {region} "
                f"--db-snapshot-identifier {name} --attribute-name restore "
                "--values-to-remove {}",
                "FSBP RDS.1",
                since=str(snapshot.get("SnapshotCreateTime") or ""),
            )
        if not snapshot.get("Encrypted"):
            report.add(
                f"{name}/encryption",
                "whoever gets it reads it: it is not encrypted",
                "ops db snapshot prune --dry-run",
                severity="high",
                reason="FSBP RDS.4",
                subject=name,
                since=str(snapshot.get("SnapshotCreateTime") or ""),
            )
    for snapshot, name, attributes in zip(
        volume_snapshots, volume_names, answers[len(names) :], strict=True
    ):
        for item in report.get_items(attributes, name):
            _add_shared(
                report,
                name,
                _list_receivers(item.get("CreateVolumePermissions", ())),
                f"aws ec2 modify-snapshot-attribute --region {region} --snapshot-id {name} "
                "--attribute createVolumePermission --operation-type remove {}",
                "FSBP EC2.1",
                since=str(snapshot.get("StartTime") or ""),
                by_kind=True,
            )
    return (
        yield from close_report(
            report, f"none of {format_count(len(names) + len(volume_names), 'snapshot')} is shared"
        )
    )


def check_shared_images(facts: CheckFacts) -> CheckRoutine:
    """Judges the machine images of the stack: who may launch them."""
    report, outputs = AuditReport(facts, SHARED_IMAGES_KEY, "machine images"), facts.outputs
    (answer,) = yield [build_read(_IMAGES_API, "Images", Owners=["self"])]
    images = [
        item
        for item in report.get_items(answer)
        if is_of_stack(outputs, parse_tags(item.get("Tags")))
    ]
    names = [str(item["ImageId"]) for item in images]
    answers = yield [
        build_read(
            _IMAGE_ATTRIBUTE_API,
            "",
            ImageId=name,
            Attribute="launchPermission",
            absent_codes=_GONE_IMAGE_CODES,
        )
        for name in names
    ]
    for image, name, attributes in zip(images, names, answers, strict=True):
        for item in report.get_items(attributes, name):
            _add_shared(
                report,
                name,
                _list_receivers(item.get("LaunchPermissions", ())),
                f"aws ec2 modify-image-attribute --region {outputs.stack.region} --image-id {name} "
                "--attribute launchPermission --operation-type remove {}",
                "CIS AWS Foundations: images are private (Well-Architected SEC08-BP04)",
                since=str(image.get("CreationDate") or ""),
                by_kind=True,
            )
    return (
        yield from close_report(report, f"none of {format_count(len(names), 'image')} is shared")
    )


def _add_shared(
    report: AuditReport,
    name: str,
    receivers: Iterable[str],
    line: str,
    reason: str,
    *,
    since: str,
    by_kind: bool = False,
) -> None:
    """Adds a finding for each account that may restore it. `{}` in the line is that account."""
    for receiver in receivers:
        is_public = receiver == _EVERYBODY
        option = receiver
        if by_kind:
            option = f"--group-names {receiver}" if is_public else f"--user-ids {receiver}"
        report.add(
            f"{name}/{receiver}",
            "everybody with an AWS account may restore it"
            if is_public
            else f"account {receiver} may restore it",
            line.format(option),
            severity="critical" if is_public else "high",
            reason=reason,
            subject=name,
            since=since,
        )


def _list_receivers(permissions: Iterable[Mapping[str, Any]]) -> list[str]:
    return [str(permission.get("UserId") or permission["Group"]) for permission in permissions]
