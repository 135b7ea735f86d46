"""Facts of the fleet's patch baseline, its patch group and its daily scan. None of them is billed.

Source: AWS Systems Manager pricing, Patch Manager and State Manager: no charge for EC2 instances.
"""

from typing import Final

from components.facts.model import Guard, ProtectionRule, ResourceFact

# The document that scans and installs, and what baselines call the fleet's system.
PATCH_DOCUMENT: Final = "AWS-RunPatchBaseline"
PATCHED_SYSTEM: Final = "AMAZON_LINUX_2023"
BASELINES_PAGE: Final = "Systems Manager User Guide, Patch baselines"
ASSOCIATIONS_PAGE: Final = "Systems Manager User Guide, State Manager associations"

FACTS: Final = (
    ResourceFact(
        type="aws:ssm/patchBaseline:PatchBaseline",
        replacing=("operatingSystem",),
        harmless=("approvedPatches", "sources"),
        protections=(
            ProtectionRule(
                "approvalRules",
                "changed",
                "instances must have other patches, or have them later",
                BASELINES_PAGE,
            ),
            ProtectionRule(
                "rejectedPatches", "changed", "patches are no longer installed", BASELINES_PAGE
            ),
        ),
        guard=Guard("the fleet is compared with AWS's own baseline", BASELINES_PAGE),
        is_taggable=True,
    ),
    ResourceFact(
        type="aws:ssm/patchGroup:PatchGroup",
        replacing=("baselineId", "patchGroup"),
        guard=Guard("the fleet is compared with AWS's own baseline", BASELINES_PAGE),
    ),
    ResourceFact(
        type="aws:ssm/association:Association",
        replacing=("name",),
        harmless=("associationName",),
        protections=(
            ProtectionRule(
                "scheduleExpression",
                "changed",
                "instances are scanned at other times",
                ASSOCIATIONS_PAGE,
            ),
            ProtectionRule("targets", "changed", "other instances are scanned", ASSOCIATIONS_PAGE),
            ProtectionRule(
                "parameters",
                "changed",
                "it may install patches, and reboot, where it only scanned",
                ASSOCIATIONS_PAGE,
            ),
        ),
        guard=Guard("instances are no longer scanned for missing patches", ASSOCIATIONS_PAGE),
        is_taggable=True,
    ),
)
