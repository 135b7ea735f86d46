"""The fleet's patches: those that instances must have, a daily scan, and who hears of a lack.

CloudWatch has no metric of patch compliance (Systems Manager User Guide, "Monitoring Run Command
metrics using Amazon CloudWatch": it has those of commands alone). Systems Manager sends EventBridge
an event when an instance's compliance changes ("Monitoring Systems Manager events with Amazon
EventBridge": Configuration Compliance State Change).
"""

from typing import Final

import pulumi_aws as aws
from pulumi import Input, Output

from components.component import Component
from components.facts.fleet import PATCH_GROUP_TAG
from components.facts.patching import PATCH_DOCUMENT, PATCHED_SYSTEM
from components.policies import format_compact_json
from components.topics import Topics

SCAN_RATE: Final = "rate(1 day)"
# Severities of Amazon Linux, the gravest first, each with the level of compliance that it is
# reported with (API reference, PatchRule).
COMPLIANCE_LEVELS: Final = {
    "Critical": "CRITICAL",
    "Important": "HIGH",
    "Medium": "MEDIUM",
    "Low": "LOW",
}


def create_patching(component: Component, *, topics: Topics) -> Output[str]:
    """Creates the baseline, its patch group, the scan and the rule. Returns the baseline's id.

    The scan finds the group's instances by the group's own tag: those that were launched before
    there was a patch group do not have its tag.
    """
    settings = component.settings
    baseline = aws.ssm.PatchBaseline(
        component.format_logical_name("patches"),
        name=component.format_physical_name(component.name, "patches"),
        description="Security patches that the fleet's instances must have",
        operating_system=PATCHED_SYSTEM,
        approval_rules=[
            {
                "approve_after_days": settings.fleet.patch_approval_days,
                "compliance_level": COMPLIANCE_LEVELS[severity],
                "patch_filters": [
                    {"key": "CLASSIFICATION", "values": ["Security"]},
                    {"key": "SEVERITY", "values": [severity]},
                ],
            }
            for severity in settings.fleet.patch_severities
        ],
        opts=component.child_options,
    )
    aws.ssm.PatchGroup(
        component.format_logical_name("patches"),
        baseline_id=baseline.id,
        patch_group=settings.fleet_name,
        opts=component.child_options,
    )
    if settings.fleet.patch_scan:
        _create_scan(component)
        _create_rule(component, topic_arn=topics.warn)
    return baseline.id


def build_patch_group_tag(component: Component) -> aws.autoscaling.GroupTagArgsDict:
    """The tag that binds instances to their baseline, given to those that are launched."""
    return {
        "key": PATCH_GROUP_TAG,
        "value": component.settings.fleet_name,
        "propagate_at_launch": True,
    }


def _create_scan(component: Component) -> None:
    """A scan at once and every day, of new instances too. It installs nothing."""
    aws.ssm.Association(
        component.format_logical_name("scan"),
        name=PATCH_DOCUMENT,
        association_name=component.format_physical_name(component.name, "scan"),
        schedule_expression=SCAN_RATE,
        parameters={"Operation": "Scan"},
        targets=[
            {
                "key": "tag:aws:autoscaling:groupName",
                "values": [component.settings.fleet_name],
            }
        ],
        opts=component.child_options,
    )


def _create_rule(component: Component, *, topic_arn: Input[str]) -> None:
    """Instances that are no longer compliant, to the warn topic.

    An event names its instance and no group: the rule hears of every managed instance of the
    account and region.
    """
    rule = aws.cloudwatch.EventRule(
        component.format_logical_name("noncompliant"),
        name=component.format_physical_name(component.name, "noncompliant"),
        description="Instances that lack patches of their baseline",
        event_pattern=format_compact_json(
            {
                "source": ["aws.ssm"],
                "detail-type": ["Configuration Compliance State Change"],
                "detail": {"compliance-type": ["Patch"], "compliance-status": ["non_compliant"]},
            }
        ),
        opts=component.child_options,
    )
    aws.cloudwatch.EventTarget(
        component.format_logical_name("noncompliant"),
        rule=rule.name,
        arn=topic_arn,
        input_transformer={
            "input_paths": {"instance": "$.detail.resource-id"},
            "input_template": f'"{component.settings.prefix}: <instance> lacks patches of its '
            'baseline. Look with: ops patch status"',
        },
        opts=component.child_options,
    )
