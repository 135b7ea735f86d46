"""Unused storage of EC2: volumes, their snapshots, machine images, instances that stand still."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from ops.core.checks import (
    CheckFacts,
    CheckRoutine,
    ReadAnswer,
    ResponseItem,
    UnknownAnswerError,
    build_read,
)
from ops.core.counts import format_count
from ops.core.scaling_apis import TEMPLATE_VERSIONS_API
from ops.core.stack_scope import list_stack_regions
from ops.cost.unused.findings import (
    MAX_UNUSED_DAYS,
    MIN_AGE_DAYS,
    UnusedReport,
    UnusedResource,
    conclude,
    format_aws_line,
    get_age_days,
)
from ops.cost.unused.ownership import find_owner, parse_tags
from ops.health.network import EC2_INSTANCES_API
from ops.prices.price_table import DEFAULT_PRICE_TABLE

VOLUMES_API: Final = "ec2.describe_volumes"
DISK_SNAPSHOTS_API: Final = "ec2.describe_snapshots"
MACHINE_IMAGES_API: Final = "ec2.describe_images"
LAUNCH_TEMPLATES_API: Final = "ec2.describe_launch_templates"
LAUNCH_CONFIGURATIONS_API: Final = "autoscaling.describe_launch_configurations"
# Days: EC2.4 (FSBP), "Stopped EC2 instances should be removed after a specified time period".
MAX_STOPPED_DAYS: Final = 30
# "User initiated (2026-11-01 10:00:00 GMT)" (API reference, Instance).
_STOP_TIME_PATTERN: Final = re.compile(r"\((\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?:GMT|UTC)\)")
# AWS's own images, which a template may name by a parameter, are of no account's.
_PUBLIC_PARAMETER: Final = re.compile(r"resolve:ssm:/?aws/service/")
# Snapshots that AWS Backup and Data Lifecycle Manager made are deleted by their plans.
_PLANNED_TAGS: Final = ("aws:backup:source-resource", "aws:dlm:lifecycle-policy-id")
_BACKUP_DESCRIPTION: Final = "This snapshot is created by the AWS Backup service"


def check_unused_volumes(facts: CheckFacts) -> CheckRoutine:
    """No volume is attached to nothing."""
    report = UnusedReport("unused-volumes", "volumes")
    regions = list_stack_regions(facts.outputs.stack)
    answers = yield [build_read(VOLUMES_API, "Volumes", region=region) for region in regions]
    for region, answer in zip(regions, answers, strict=True):
        volumes = report.read_items(answer, region)
        report.looked_at.append(f"{format_count(len(volumes), 'volume')} in {region}")
        for volume in volumes:
            if volume.get("State") != "available":
                continue
            if get_age_days(facts, volume.get("CreateTime")) < MIN_AGE_DAYS:
                continue
            report.unused.append(_build_unused_volume(facts, volume, region))
    return (yield from conclude(facts, report))


def _build_unused_volume(facts: CheckFacts, volume: ResponseItem, region: str) -> UnusedResource:
    name = str(volume["VolumeId"])
    snapshot = format_aws_line(
        "ec2",
        "create-snapshot",
        region,
        volume_id=name,
        description=f"last of {name}",
        query="SnapshotId",
        output="text",
    )
    wait = format_aws_line("ec2", "wait snapshot-completed", region)
    delete = format_aws_line("ec2", "delete-volume", region, volume_id=name)
    return UnusedResource(
        id=name,
        owner=find_owner(parse_tags(volume), facts.outputs.stack),
        evidence=(
            f"{volume['Size']} GiB of {volume.get('VolumeType')} in {region} are attached to "
            f"nothing; created {str(volume['CreateTime'])[:10]}, AWS does not say when detached"
        ),
        command=f'snapshot=$({snapshot}) && {wait} --snapshot-ids "$snapshot" && {delete}',
        monthly_usd=get_volume_price(volume),
        reason="COST04-BP03",
    )


def get_volume_price(volume: Mapping[str, Any]) -> float | None:
    """$ a month of a volume's size; IOPS and throughput beyond it cost more. None if not known."""
    price = DEFAULT_PRICE_TABLE.ebs_gb.get(str(volume.get("VolumeType")))
    return None if price is None else price * int(volume["Size"])


def check_unused_disk_snapshots(facts: CheckFacts) -> CheckRoutine:
    """No snapshot of a volume is beyond every plan.

    AWS Backup's and Data Lifecycle Manager's are their plans'; an image's are the image's; the
    newest of each volume is kept, as it may be the last copy; an archived one was kept on purpose.
    """
    report = UnusedReport("unused-disk-snapshots", "disk snapshots")
    regions = list_stack_regions(facts.outputs.stack)
    answers = yield [
        read
        for region in regions
        for read in (
            build_read(DISK_SNAPSHOTS_API, "Snapshots", region=region, OwnerIds=["self"]),
            build_read(MACHINE_IMAGES_API, "Images", region=region, Owners=["self"]),
        )
    ]
    for region, snapshot_answer, image_answer in zip(
        regions, answers[::2], answers[1::2], strict=True
    ):
        images = report.read_items(image_answer, region)
        snapshots = report.read_items(snapshot_answer, region)
        if isinstance(image_answer, UnknownAnswerError):
            continue  # which snapshots images need is not known
        _judge_disk_snapshots(facts, report, snapshots, images, region)
    return (yield from conclude(facts, report))


def _judge_disk_snapshots(
    facts: CheckFacts,
    report: UnusedReport,
    snapshots: Sequence[ResponseItem],
    images: Sequence[ResponseItem],
    region: str,
) -> None:
    report.looked_at.append(f"{format_count(len(snapshots), 'snapshot')} in {region}")
    in_images = {name for image in images for name in list_image_snapshots(image)}
    newest: dict[str, str] = {}
    for snapshot in sorted(snapshots, key=lambda item: str(item["StartTime"])):
        if snapshot.get("State") == "completed":
            newest[str(snapshot.get("VolumeId"))] = str(snapshot["SnapshotId"])
    last_copies = 0
    for snapshot in snapshots:
        name, tags = str(snapshot["SnapshotId"]), parse_tags(snapshot)
        is_planned = (
            any(tag in tags for tag in _PLANNED_TAGS)
            or str(snapshot.get("Description") or "").startswith(_BACKUP_DESCRIPTION)
            or name in in_images
            or snapshot.get("StorageTier") == "archive"
            or snapshot.get("State") != "completed"
        )
        age_days = get_age_days(facts, snapshot["StartTime"])
        if is_planned or age_days <= MAX_UNUSED_DAYS:
            continue
        if newest.get(str(snapshot.get("VolumeId"))) == name:
            last_copies += 1
            continue
        size = int(snapshot.get("VolumeSize") or 0)
        report.unused.append(
            UnusedResource(
                id=name,
                owner=find_owner(tags, facts.outputs.stack),
                evidence=(
                    f"of {snapshot.get('VolumeId')}, {size} GiB in {region}, {age_days:.0f} days "
                    "old; no image and no plan keeps it, and a newer one of its volume is there"
                ),
                command=format_aws_line("ec2", "delete-snapshot", region, snapshot_id=name),
                monthly_usd=size * DEFAULT_PRICE_TABLE.ebs_snapshot_gb,
                is_upper_bound=True,
                since=str(snapshot["StartTime"]),
                reason="COST04-BP03",
            )
        )
    if last_copies:
        report.kept.append(f"kept: {last_copies} older, each the newest of its volume")


def list_image_snapshots(image: Mapping[str, Any]) -> list[str]:
    """The snapshots that an image is made of."""
    return [
        str(mapping["Ebs"]["SnapshotId"])
        for mapping in image.get("BlockDeviceMappings") or ()
        if (mapping.get("Ebs") or {}).get("SnapshotId")
    ]


def check_unused_machine_images(facts: CheckFacts) -> CheckRoutine:
    """No machine image of the account is old and started by nothing.

    Instances, running or stopped, every version of every launch template, to which a rollback goes,
    and launch configurations use an image.
    """
    report = UnusedReport("unused-machine-images", "machine images")
    regions = list_stack_regions(facts.outputs.stack)
    answers = yield [
        read
        for region in regions
        for read in (
            build_read(MACHINE_IMAGES_API, "Images", region=region, Owners=["self"]),
            build_read(EC2_INSTANCES_API, "Reservations", region=region),
            build_read(LAUNCH_TEMPLATES_API, "LaunchTemplates", region=region),
            build_read(LAUNCH_CONFIGURATIONS_API, "LaunchConfigurations", region=region),
        )
    ]
    for number, region in enumerate(regions):
        region_answers = answers[4 * number : 4 * number + 4]
        lists = [report.read_items(answer, region) for answer in region_answers]
        images, reservations, templates, configurations = lists
        old_images = [
            image
            for image in images
            if get_age_days(facts, image.get("CreationDate")) > MAX_UNUSED_DAYS
            and not image.get("Public")
        ]
        report.looked_at.append(f"{format_count(len(images), 'image')} in {region}")
        if not old_images or any(isinstance(a, UnknownAnswerError) for a in region_answers):
            continue  # what starts them is not known, or nothing is old
        version_answers: list[ReadAnswer] = yield [
            build_read(
                TEMPLATE_VERSIONS_API,
                "LaunchTemplateVersions",
                region=region,
                LaunchTemplateId=str(template["LaunchTemplateId"]),
            )
            for template in templates
        ]
        versions = [
            version for answer in version_answers for version in report.read_items(answer, region)
        ]
        if any(isinstance(answer, UnknownAnswerError) for answer in version_answers):
            continue
        used = {
            str(instance.get("ImageId"))
            for reservation in reservations
            for instance in reservation.get("Instances") or ()
        }
        used |= {str(item.get("ImageId")) for item in configurations}
        used |= {str((v.get("LaunchTemplateData") or {}).get("ImageId")) for v in versions}
        parameters = [
            name
            for name in sorted(used)
            if name.startswith("resolve:ssm:") and not _PUBLIC_PARAMETER.match(name)
        ]
        if parameters:
            error = UnknownAnswerError(
                f"a launch template takes its image from {parameters[0]}, which is not read"
            )
            report.read_items(error, region)
            continue
        report.unused += [
            _build_unused_image(facts, image, region)
            for image in old_images
            if str(image["ImageId"]) not in used
        ]
    return (yield from conclude(facts, report))


def _build_unused_image(facts: CheckFacts, image: ResponseItem, region: str) -> UnusedResource:
    name = str(image["ImageId"])
    size = sum(
        int((mapping.get("Ebs") or {}).get("VolumeSize") or 0)
        for mapping in image.get("BlockDeviceMappings") or ()
    )
    return UnusedResource(
        id=name,
        owner=find_owner(parse_tags(image), facts.outputs.stack),
        evidence=(
            f"{image.get('Name')}, {size} GiB in {region}, "
            f"{get_age_days(facts, image['CreationDate']):.0f} days old; no instance, launch "
            "template version or launch configuration starts it"
        ),
        command=format_aws_line(
            "ec2", "deregister-image", region, image_id=name, delete_associated_snapshots=True
        ),
        monthly_usd=size * DEFAULT_PRICE_TABLE.ebs_snapshot_gb,
        is_upper_bound=True,
        since=str(image["CreationDate"]),
        reason="COST04-BP03",
    )


def check_stopped_instances(facts: CheckFacts) -> CheckRoutine:
    """No instance has been stopped for more than 30 days; its volumes cost all the same."""
    report = UnusedReport("stopped-instances", "stopped instances")
    regions = list_stack_regions(facts.outputs.stack)
    stopped = [{"Name": "instance-state-name", "Values": ["stopped"]}]
    answers = yield [
        read
        for region in regions
        for read in (
            build_read(EC2_INSTANCES_API, "Reservations", region=region, Filters=stopped),
            build_read(VOLUMES_API, "Volumes", region=region),
        )
    ]
    own_devices = set(facts.outputs.network.nat_instances.values())
    group = facts.outputs.fleet.group if facts.outputs.fleet is not None else None
    for region, instance_answer, volume_answer in zip(
        regions, answers[::2], answers[1::2], strict=True
    ):
        instances = [
            instance
            for reservation in report.read_items(instance_answer, region)
            for instance in reservation.get("Instances") or ()
        ]
        report.read_items(volume_answer, region)
        volumes = None if isinstance(volume_answer, UnknownAnswerError) else volume_answer
        report.looked_at.append(f"{format_count(len(instances), 'stopped instance')} in {region}")
        for instance in instances:
            tags = parse_tags(instance)
            is_standing_by = group is not None and tags.get("aws:autoscaling:groupName") == group
            if instance["InstanceId"] in own_devices or is_standing_by:
                continue  # ops health looks at those
            stopped_at = _find_stop_time(instance)
            if get_age_days(facts, stopped_at or instance.get("LaunchTime")) <= MAX_STOPPED_DAYS:
                continue
            report.unused.append(
                _build_stopped_instance(facts, instance, stopped_at, volumes, region)
            )
    return (yield from conclude(facts, report))


def _find_stop_time(instance: Mapping[str, Any]) -> str:
    match = _STOP_TIME_PATTERN.search(str(instance.get("StateTransitionReason") or ""))
    if match is None:
        return ""
    time = datetime.strptime(match[1], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    return time.isoformat().replace("+00:00", "Z")


def _build_stopped_instance(
    facts: CheckFacts,
    instance: ResponseItem,
    stopped_at: str,
    volumes: Sequence[ResponseItem] | None,
    region: str,
) -> UnusedResource:
    name = str(instance["InstanceId"])
    disks = [
        volume
        for volume in volumes or ()
        if any(a.get("InstanceId") == name for a in volume.get("Attachments") or ())
    ]
    prices = [get_volume_price(disk) for disk in disks]
    size = f"{format_count(len(disks), 'volume')} of {sum(int(d['Size']) for d in disks)} GiB"
    when = f"since {stopped_at[:10]}" if stopped_at else "AWS does not say since when"
    image = format_aws_line(
        "ec2",
        "create-image",
        region,
        instance_id=name,
        name=f"last-of-{name}",
        query="ImageId",
        output="text",
    )
    wait = format_aws_line("ec2", "wait image-available", region)
    end = format_aws_line("ec2", "terminate-instances", region, instance_ids=name)
    return UnusedResource(
        id=name,
        owner=find_owner(parse_tags(instance), facts.outputs.stack),
        evidence=(
            f"{instance.get('InstanceType')} in {region}, stopped, {when}; its "
            f"{'volumes' if volumes is None else size} cost all the same"
        ),
        command=f'image=$({image}) && {wait} --image-ids "$image" && {end}',
        monthly_usd=None
        if volumes is None or None in prices
        else sum(price or 0 for price in prices),
        since=stopped_at,
        reason="EC2.4",
    )
