"""Instances that give their role's credentials away by one request (IMDSv1)."""

from typing import Final

from ops.audit.model import AuditReport, close_report
from ops.core.checks import REPAIR_COMMAND, CheckFacts, CheckRoutine, build_read
from ops.core.counts import format_count

_INSTANCES_API: Final = "ec2.describe_instances"
_TEMPLATES_API: Final = "ec2.describe_launch_template_versions"
METADATA_KEY: Final = "instance-metadata"
_ALIVE: Final = ("pending", "running", "stopping", "stopped")


def check_instance_metadata(facts: CheckFacts) -> CheckRoutine:
    """Judges each instance of the VPC, and what the fleet launches next: a token is required."""
    report, outputs = AuditReport(facts, METADATA_KEY, "instances"), facts.outputs
    filters = [
        {"Name": "vpc-id", "Values": [outputs.network.vpc_id]},
        {"Name": "instance-state-name", "Values": list(_ALIVE)},
    ]
    templates = [] if outputs.fleet is None else [outputs.fleet.launch_template_id]
    instances_answer, *template_answers = yield [
        build_read(_INSTANCES_API, "Reservations", Filters=filters),
        *(
            build_read(
                _TEMPLATES_API,
                "LaunchTemplateVersions",
                LaunchTemplateId=template,
                Versions=["$Default"],
            )
            for template in templates
        ),
    ]
    instances = [
        instance
        for reservation in report.get_items(instances_answer)
        for instance in reservation["Instances"]
    ]
    for instance in instances:
        options = instance.get("MetadataOptions") or {}
        if options.get("HttpEndpoint") != "disabled" and options.get("HttpTokens") != "required":
            name = str(instance["InstanceId"])
            report.add(
                name,
                "its metadata answers without a token (IMDSv1): one request that a service is "
                "tricked into reads its credentials",
                f"aws ec2 modify-instance-metadata-options --region {outputs.stack.region} "
                f"--instance-id {name} --http-tokens required",
                severity="high",
                reason="CIS AWS Foundations 3.0 5.6; FSBP EC2.8",
                since=str(instance.get("LaunchTime") or ""),
            )
    for template, answer in zip(templates, template_answers, strict=True):
        for version in report.get_items(answer, template):
            options = version["LaunchTemplateData"].get("MetadataOptions") or {}
            if options.get("HttpTokens") != "required":
                report.add(
                    f"{template}/{version['VersionNumber']}",
                    "the metadata of new instances answers without a token (IMDSv1)",
                    REPAIR_COMMAND,
                    severity="high",
                    reason="FSBP EC2.170",
                    subject=template,
                )
    looked_at = f"{format_count(len(instances), 'instance')}: metadata needs a token"
    return (yield from close_report(report, looked_at))
