"""Snapshots and images of the stack that everybody, or another account, may restore."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ops.audit.databases import is_stack_database
from ops.audit.model import AuditReport, close_report, is_of_other_stack, is_of_stack
from ops.audit.rules import AuditRule, add_broken, build_absence_test
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


_UNENCRYPTED_SNAPSHOT_RULE: Final = AuditRule(
    "encryption",
    build_absence_test("Encrypted"),
    "high",
    "FSBP RDS.4",
    "whoever gets it reads it: it is not encrypted",
    "{copy}aws rds delete-db-snapshot --region {region} --db-snapshot-identifier {name}",
)


@dataclass(frozen=True)
class _Share:
    """How a kind of resource is shared with others.

    `line` takes the share away; `{name}` is the resource and `{receiver}` the account or, with
    `by_kind`, the option that names it. `created` is the field with its time.
    """

    created: str
    reason: str
    line: str
    by_kind: bool = True


_DATABASE_SNAPSHOT_SHARE: Final = _Share(
    "SnapshotCreateTime",
    "FSBP RDS.1",
    "aws rds modify-db-snapshot-attribute --region {region} --db-snapshot-identifier {name} "
    "--attribute-name restore --values-to-remove {receiver}",
    by_kind=False,
)
_VOLUME_SNAPSHOT_SHARE: Final = _Share(
    "StartTime",
    "FSBP EC2.1",
    "aws ec2 modify-snapshot-attribute --region {region} --snapshot-id {name} "
    "--attribute createVolumePermission --operation-type remove {receiver}",
)
_IMAGE_SHARE: Final = _Share(
    "CreationDate",
    "CIS AWS Foundations: images are private (Well-Architected SEC08-BP04)",
    "aws ec2 modify-image-attribute --region {region} --image-id {name} "
    "--attribute launchPermission --operation-type remove {receiver}",
)


def check_shared_snapshots(facts: CheckFacts) -> CheckRoutine:
    """Judges the database's manual snapshots, which alone can be shared, and those of volumes."""
    report, outputs = AuditReport(facts, SHARED_SNAPSHOTS_KEY, "snapshots"), facts.outputs
    answer, volume_answer = yield [
        build_read(_SNAPSHOTS_API, "DBSnapshots", SnapshotType="manual"),
        build_read(_VOLUME_SNAPSHOTS_API, "Snapshots", OwnerIds=["self"]),
    ]
    snapshots = {
        str(item["DBSnapshotIdentifier"]): item
        for item in report.get_items(answer, "snapshots")
        if is_stack_database(outputs, item)
    }
    volume_snapshots = {
        str(item["SnapshotId"]): item
        for item in report.get_items(volume_answer, "snapshots of volumes")
        if not is_of_other_stack(outputs, parse_tags(item.get("Tags")))
    }
    answers = yield [
        *(
            build_read(
                _SNAPSHOT_ATTRIBUTES_API,
                "",
                DBSnapshotIdentifier=name,
                absent_codes=_GONE_SNAPSHOT_CODES,
            )
            for name in snapshots
        ),
        *(
            build_read(
                _VOLUME_SNAPSHOT_ATTRIBUTE_API,
                "",
                SnapshotId=name,
                Attribute="createVolumePermission",
                absent_codes=_GONE_VOLUME_SNAPSHOT_CODES,
            )
            for name in volume_snapshots
        ),
    ]
    for (name, snapshot), attributes in zip(
        snapshots.items(), answers[: len(snapshots)], strict=True
    ):
        for item in report.get_items(attributes, name):
            receivers = [
                str(value)
                for attribute in item["DBSnapshotAttributesResult"].get("DBSnapshotAttributes", ())
                if attribute["AttributeName"] == "restore"
                for value in attribute.get("AttributeValues", ())
            ]
            _add_shared(report, name, snapshot, receivers, _DATABASE_SNAPSHOT_SHARE)
        is_of_primary = snapshot["DBInstanceIdentifier"] == outputs.database.identifier
        add_broken(
            report,
            [_UNENCRYPTED_SNAPSHOT_RULE],
            snapshot,
            name,
            since=str(snapshot.get(_DATABASE_SNAPSHOT_SHARE.created) or ""),
            region=outputs.stack.region,
            name=name,
            copy=f"ops db snapshot copy {name} --encrypt && " if is_of_primary else "",
        )
    for (name, snapshot), attributes in zip(
        volume_snapshots.items(), answers[len(snapshots) :], strict=True
    ):
        for item in report.get_items(attributes, name):
            receivers = _list_receivers(item.get("CreateVolumePermissions", ()))
            _add_shared(report, name, snapshot, receivers, _VOLUME_SNAPSHOT_SHARE)
    count = len(snapshots) + len(volume_snapshots)
    return (yield from close_report(report, f"none of {format_count(count, 'snapshot')} is shared"))


def check_shared_images(facts: CheckFacts) -> CheckRoutine:
    """Judges the machine images of the stack: who may launch them."""
    report, outputs = AuditReport(facts, SHARED_IMAGES_KEY, "machine images"), facts.outputs
    (answer,) = yield [build_read(_IMAGES_API, "Images", Owners=["self"])]
    images = {
        str(item["ImageId"]): item
        for item in report.get_items(answer)
        if is_of_stack(outputs, parse_tags(item.get("Tags")))
    }
    answers = yield [
        build_read(
            _IMAGE_ATTRIBUTE_API,
            "",
            ImageId=name,
            Attribute="launchPermission",
            absent_codes=_GONE_IMAGE_CODES,
        )
        for name in images
    ]
    for (name, image), attributes in zip(images.items(), answers, strict=True):
        for item in report.get_items(attributes, name):
            receivers = _list_receivers(item.get("LaunchPermissions", ()))
            _add_shared(report, name, image, receivers, _IMAGE_SHARE)
    return (
        yield from close_report(report, f"none of {format_count(len(images), 'image')} is shared")
    )


def _add_shared(
    report: AuditReport,
    name: str,
    resource: Mapping[str, Any],
    receivers: Iterable[str],
    share: _Share,
) -> None:
    """Adds a finding for each account that may restore it."""
    for receiver in receivers:
        is_public = receiver == _EVERYBODY
        option = receiver
        if share.by_kind:
            option = f"--group-names {receiver}" if is_public else f"--user-ids {receiver}"
        region = report.facts.outputs.stack.region
        report.add(
            f"{name}/{receiver}",
            "everybody with an AWS account may restore it"
            if is_public
            else f"account {receiver} may restore it",
            share.line.format(region=region, name=name, receiver=option),
            severity="critical" if is_public else "high",
            reason=share.reason,
            subject=name,
            since=str(resource.get(share.created) or ""),
        )


def _list_receivers(permissions: Iterable[Mapping[str, Any]]) -> list[str]:
    return [str(permission.get("UserId") or permission["Group"]) for permission in permissions]
