"""The check of the fleet's AMI: its age against the newest of its family, and old templates."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from components.facts.fleet import AMI_PARAMETERS
from ops.core.checks import (
    CheckFacts,
    CheckFinding,
    CheckRoutine,
    ResponseItem,
    build_read,
    get_answer_items,
)
from ops.core.counts import format_count
from ops.core.scaling_apis import TEMPLATE_VERSIONS_API
from ops.findings.model import ResourceFinding, build_finding_id, summarize_findings
from ops.findings.waivers import apply_waivers
from ops.fleet.health import build_fleet_group_read, get_fleet_contract
from ops.patch.apis import AMI_COMMAND, APPLY_COMMAND_LINE
from ops.patch.check_records import PATCH_AREA

_IMAGES_API: Final = "ec2.describe_images"
_INSTANCES_API: Final = "ec2.describe_instances"
_AMI_KEY: Final = "patch-ami"
# Critical patches must be installed within a month of their release: an older AMI lacks some, if
# there is a newer one (PCI DSS 4.0, 6.3.3).
MAX_AMI_AGE: Final = timedelta(days=30)
AMI_REASON: Final = "PCI DSS 6.3.3"
# Names of the ECS-optimized AMIs of Amazon Linux 2023 begin so (ECS Developer Guide,
# "Amazon ECS-optimized Linux AMIs").
FAMILY_PREFIX: Final = "al2023-ami-ecs-"
INSTANCES_PER_FILTER: Final = 200  # values of a filter (API reference, DescribeInstances)
_PARAMETER_API: Final = "ssm.get_parameter"


def check_fleet_images(facts: CheckFacts) -> CheckRoutine:
    """Checks that no instance runs an AMI that is old and not the newest, nor an old template."""
    fleet = get_fleet_contract(facts)
    (group_answer,) = yield [build_fleet_group_read(fleet)]
    group = next(iter(get_answer_items(group_answer)), None)
    if group is None:
        return [CheckFinding("failing", PATCH_AREA, fleet.group, "is gone", "pulumi up --refresh")]
    ids = sorted(str(instance["InstanceId"]) for instance in group["Instances"])
    if not ids:
        return [CheckFinding("ok", PATCH_AREA, "AMI", "no instance runs one")]
    version = _get_group_version(group)
    answers = yield [
        build_read(
            TEMPLATE_VERSIONS_API,
            "LaunchTemplateVersions",
            LaunchTemplateId=fleet.launch_template_id,
            Versions=[version],
        ),
        *(build_read(_PARAMETER_API, "", Name=path) for path in AMI_PARAMETERS.values()),
        *(
            build_read(
                _INSTANCES_API,
                "Reservations",
                Filters=[{"Name": "instance-id", "Values": ids[n : n + INSTANCES_PER_FILTER]}],
            )
            for n in range(0, len(ids), INSTANCES_PER_FILTER)
        ),
    ]
    versions = get_answer_items(answers[0])
    newest_amis = {
        name: str(get_answer_items(answer)[0]["Parameter"]["Value"])
        for name, answer in zip(AMI_PARAMETERS, answers[1:3], strict=True)
    }
    instances = [
        instance
        for answer in answers[3:]
        for reservation in get_answer_items(answer)
        for instance in reservation["Instances"]
    ]
    amis = sorted({str(i["ImageId"]) for i in instances} | set(newest_amis.values()))
    (image_answer,) = yield [
        build_read(_IMAGES_API, "Images", Filters=[{"Name": "image-id", "Values": amis}])
    ]
    images = {str(image["ImageId"]): image for image in get_answer_items(image_answer)}
    findings = [
        *_judge_amis(facts, instances, newest_amis, images),
        *_judge_versions(group["Instances"], versions),
    ]
    unknown = _list_unknown_ages(instances, newest_amis, images)
    if findings or not unknown:
        looked_at = _describe_amis(facts, instances, images)
        unknown += summarize_findings(PATCH_AREA, "AMI", findings, looked_at)
    return (yield from apply_waivers(facts, unknown))


def _get_group_version(group: Mapping[str, Any]) -> str:
    policy = (group.get("MixedInstancesPolicy") or {}).get("LaunchTemplate", {})
    template = policy.get("LaunchTemplateSpecification") or group.get("LaunchTemplate") or {}
    return str(template.get("Version") or "$Default")


def _judge_amis(
    facts: CheckFacts,
    instances: Sequence[ResponseItem],
    newest_amis: Mapping[str, str],
    images: Mapping[str, ResponseItem],
) -> list[ResourceFinding]:
    """A finding for each AMI of which there has been a newer one for too long."""
    counts = Counter((str(i["ImageId"]), str(i.get("Architecture"))) for i in instances)
    findings = []
    for (ami, architecture), count in sorted(counts.items()):
        newest, image = newest_amis.get(architecture), images.get(ami)
        built_at = _find_build_time(image)
        if ami == newest or (built_at is not None and facts.now - built_at <= MAX_AMI_AGE):
            continue
        age = (
            "AWS no longer shows it"
            if built_at is None
            else f"it is {(facts.now - built_at).days} days old"
        )
        evidence = f"{count} of {format_count(len(instances), 'instance')} run it; {age}"
        is_family = image is None or str(image.get("Name")).startswith(FAMILY_PREFIX)
        newest_time = _find_build_time(images.get(newest or ""))
        newest_text = f"{newest}" + (f" of {newest_time:%Y-%m-%d}" if newest_time else "")
        findings.append(
            ResourceFinding(
                "failing",
                PATCH_AREA,
                ami,
                f"{evidence}; the newest of its family is {newest_text}"
                if is_family
                else f"{evidence}; it is not of the family that AWS publishes for ECS",
                APPLY_COMMAND_LINE if is_family else AMI_COMMAND,
                id=build_finding_id(_AMI_KEY, ami),
                severity="medium",
                reason=AMI_REASON,
                since=newest_time.isoformat() if newest_time and is_family else "",
            )
        )
    return findings


def _list_unknown_ages(
    instances: Sequence[ResponseItem],
    newest_amis: Mapping[str, str],
    images: Mapping[str, ResponseItem],
) -> list[CheckFinding]:
    """What is not known: the newest AMI of which AWS does not show when it was built."""
    return [
        CheckFinding(
            "unknown",
            PATCH_AREA,
            ami,
            "it is the newest that AWS recommends, and AWS does not show when it was built",
            AMI_COMMAND,
        )
        for ami in sorted({str(instance["ImageId"]) for instance in instances})
        if ami in newest_amis.values() and _find_build_time(images.get(ami)) is None
    ]


def _find_build_time(image: ResponseItem | None) -> datetime | None:
    created = (image or {}).get("CreationDate")
    return datetime.fromisoformat(created) if created else None


def _judge_versions(
    members: Sequence[ResponseItem], versions: Sequence[ResponseItem]
) -> list[ResourceFinding]:
    """A finding if instances run another launch template version than the group launches."""
    if not versions:
        return []
    number = str(versions[0]["VersionNumber"])
    older = sorted(
        str(member["InstanceId"])
        for member in members
        if str((member.get("LaunchTemplate") or {}).get("Version", number)) != number
    )
    if not older:
        return []
    return [
        ResourceFinding(
            "failing",
            PATCH_AREA,
            "launch template",
            f"{len(older)} of {format_count(len(members), 'instance')} run another version than "
            f"{number}: {', '.join(older)}",
            "ops fleet refresh start",
            id=build_finding_id(_AMI_KEY, f"version-{number}"),
            severity="low",
            reason=AMI_REASON,
        )
    ]


def _describe_amis(
    facts: CheckFacts, instances: Sequence[ResponseItem], images: Mapping[str, ResponseItem]
) -> str:
    parts = []
    for ami, count in sorted(Counter(str(i["ImageId"]) for i in instances).items()):
        built_at = _find_build_time(images.get(ami))
        age = "age unknown" if built_at is None else f"{(facts.now - built_at).days} days old"
        parts.append(f"{format_count(count, 'instance')} of {ami} ({age})")
    return ", ".join(parts)
