"""Volumes and their snapshots that are not encrypted, and the account's default for new ones."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ops.audit.model import (
    WHOLE_ACCOUNT,
    AuditReport,
    close_report,
    is_of_other_stack,
    is_of_stack,
)
from ops.core.checks import REPAIR_COMMAND, CheckFacts, CheckRoutine, build_read
from ops.core.counts import format_count
from ops.database.instance import parse_tags
from ops.outputs import Outputs

_VOLUMES_API: Final = "ec2.describe_volumes"
_SNAPSHOTS_API: Final = "ec2.describe_snapshots"
_INSTANCES_API: Final = "ec2.describe_instances"
_DEFAULT_API: Final = "ec2.get_ebs_encryption_by_default"
VOLUME_ENCRYPTION_KEY: Final = "volume-encryption"
_GROUP_TAG: Final = "aws:autoscaling:groupName"
_FLEET_COMMAND: Final = "ops fleet refresh start"
_AWS_MANAGED_KEY: Final = "alias/aws/ebs"  # of a stack without keys of its own
# EBS User Guide, "Amazon EBS encryption": what is encrypted is a new volume, or a new copy.
_ENCRYPTION_REASON: Final = "Well-Architected SEC08-BP02: enforce encryption at rest"


def check_volume_encryption(facts: CheckFacts) -> CheckRoutine:
    """Judges volumes and snapshots that are not another stack's, and what new volumes are."""
    report, outputs = AuditReport(facts, VOLUME_ENCRYPTION_KEY, "volumes"), facts.outputs
    filters = [{"Name": "vpc-id", "Values": [outputs.network.vpc_id]}]
    volumes_answer, snapshots_answer, instances_answer, default_answer = yield [
        build_read(_VOLUMES_API, "Volumes"),
        build_read(_SNAPSHOTS_API, "Snapshots", OwnerIds=["self"]),
        build_read(_INSTANCES_API, "Reservations", Filters=filters),
        build_read(_DEFAULT_API, ""),
    ]
    instances = {
        str(instance["InstanceId"]): instance
        for reservation in report.get_items(instances_answer, "instances")
        for instance in reservation["Instances"]
    }
    volumes = [
        item
        for item in report.get_items(volumes_answer)
        if _is_judged_volume(outputs, item, instances)
    ]
    snapshots = [
        item
        for item in report.get_items(snapshots_answer, "snapshots of volumes")
        if not is_of_other_stack(outputs, parse_tags(item.get("Tags")))
    ]
    for volume in volumes:
        if not volume.get("Encrypted"):
            _add_volume(report, volume, volumes, snapshots, instances)
    for snapshot in snapshots:
        if not snapshot.get("Encrypted"):
            _add_snapshot(report, snapshot, snapshots)
    region, account = outputs.stack.region, outputs.stack.account
    for item in report.get_items(default_answer, "the default of new volumes"):
        if not item.get("EbsEncryptionByDefault"):
            report.add(
                f"{region}/default",
                f"{WHOLE_ACCOUNT}: a new volume is not encrypted unless somebody asks for it",
                f"aws ec2 enable-ebs-encryption-by-default --region {region}",
                severity="medium",
                reason="CIS AWS Foundations 3.0 2.2.1; FSBP EC2.7",
                subject=f"account {account} in {region}",
            )
    looked_at = (
        f"{format_count(len(volumes), 'volume')}, {format_count(len(snapshots), 'snapshot')} "
        "encrypted, as new ones are"
    )
    return (yield from close_report(report, looked_at))


def _is_judged_volume(
    outputs: Outputs, volume: Mapping[str, Any], instances: Mapping[str, Any]
) -> bool:
    """True for the stack's, those of instances of its VPC, and those that nobody has."""
    tags, attachments = parse_tags(volume.get("Tags")), volume.get("Attachments") or ()
    if is_of_stack(outputs, tags) or any(a["InstanceId"] in instances for a in attachments):
        return True
    return not attachments and not is_of_other_stack(outputs, tags)


def _add_volume(
    report: AuditReport,
    volume: Mapping[str, Any],
    volumes: Sequence[Mapping[str, Any]],
    snapshots: Sequence[Mapping[str, Any]],
    instances: Mapping[str, Mapping[str, Any]],
) -> None:
    holders = [str(attachment["InstanceId"]) for attachment in volume.get("Attachments") or ()]
    name, outputs = str(volume["VolumeId"]), report.facts.outputs
    tags = [parse_tags(instances.get(holder, {}).get("Tags")) for holder in holders]
    if outputs.fleet and any(t.get(_GROUP_TAG) == outputs.fleet.group for t in tags):
        command = _FLEET_COMMAND
    elif any(is_of_stack(outputs, t) for t in tags):
        command = REPAIR_COMMAND
    else:
        command = _build_volume_line(outputs, volume, volumes, snapshots)
    report.add(
        name,
        f"{volume.get('Size')} GiB are not encrypted, of {', '.join(holders) or 'no instance'}: "
        "only a new volume, from a snapshot of it, can be",
        command,
        severity="high",
        reason="FSBP EC2.3",
        since=str(volume.get("CreateTime") or ""),
    )


def _build_volume_line(
    outputs: Outputs,
    volume: Mapping[str, Any],
    volumes: Sequence[Mapping[str, Any]],
    snapshots: Sequence[Mapping[str, Any]],
) -> str:
    """The next step to an encrypted volume: a snapshot, the volume from it, the old one's end."""
    name, region = str(volume["VolumeId"]), outputs.stack.region
    saved = [
        str(snapshot["SnapshotId"])
        for snapshot in snapshots
        if snapshot.get("VolumeId") == name and snapshot.get("State") == "completed"
    ]
    if not saved:
        text = shlex.quote(f"{name}, to be encrypted")
        return f"aws ec2 create-snapshot --region {region} --volume-id {name} --description {text}"
    if any(v.get("SnapshotId") in saved and v.get("Encrypted") for v in volumes):
        return f"aws ec2 delete-volume --region {region} --volume-id {name}"
    key = outputs.stack.data_key_arn or _AWS_MANAGED_KEY
    return (
        f"aws ec2 create-volume --region {region} --snapshot-id {saved[0]} --encrypted "
        f"--kms-key-id {key} --availability-zone {volume['AvailabilityZone']} "
        f"--volume-type {volume['VolumeType']}"
    )


def _add_snapshot(
    report: AuditReport,
    snapshot: Mapping[str, Any],
    snapshots: Sequence[Mapping[str, Any]],
) -> None:
    """What mends it is an encrypted copy and, once there is one, its end."""
    stack, name = report.facts.outputs.stack, str(snapshot["SnapshotId"])
    description = f"{name}, encrypted"
    has_copy = any(
        other.get("Description") == description
        and other.get("Encrypted")
        and other.get("State") == "completed"
        for other in snapshots
    )
    report.add(
        name,
        f"{snapshot.get('VolumeSize')} GiB are not encrypted: whoever gets it reads it"
        + (", and there is an encrypted copy" if has_copy else ""),
        f"aws ec2 delete-snapshot --region {stack.region} --snapshot-id {name}"
        if has_copy
        else f"aws ec2 copy-snapshot --region {stack.region} --source-region {stack.region} "
        f"--source-snapshot-id {name} --encrypted --kms-key-id "
        f"{stack.data_key_arn or _AWS_MANAGED_KEY} --description {shlex.quote(description)}",
        severity="high",
        reason=_ENCRYPTION_REASON,
        since=str(snapshot.get("StartTime") or ""),
    )
